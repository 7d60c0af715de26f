"""`lvspec merge`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from lvspec_cli.cli.status import Places, named_shards
from lvspec_cli.files import check_output

if TYPE_CHECKING:
    from lvspec_cli.batch.merge import Merged
    from lvspec_cli.batch.status import Status

_Output = Annotated[str, typer.Option("--output", "-o", metavar="FILE|-", help="The file to write; - is stdout.")]
_Format = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="NAME", help="How to write it, if its suffix does not tell: jsonl (the default), json, ..."
    ),
]
_CaptionedOnly = Annotated[
    bool, typer.Option("--captioned-only", help="Leave out the videos that failed, wholly or in part.")
]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but what went wrong.")]


def merge(
    places: Places,
    output: _Output,
    format: _Format = None,  # noqa: A002 - the name of the option
    captioned_only: _CaptionedOnly = False,
    quiet: _Quiet = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Write all results of one or more runs, or of the shares of one, to one file.

    Videos come in the order of their paths, each once, whichever journals it is in; those that failed are records with
    an error. The file appears whole or not at all.
    """
    from lvspec_cli.batch.merge import MergeOptions, merge_format
    from lvspec_cli.batch.merge import merge as write_merged
    from lvspec_cli.batch.status import read_status

    place = None if output == "-" else str(check_output("-o", output))
    options = MergeOptions(place, merge_format(format, place), captioned_only)
    status = read_status(places)
    merged = write_merged(status, options)
    if not quiet:
        _tell(status, merged)


def _tell(status: Status, merged: Merged) -> None:
    from lvspec_cli.ui import say

    for note in _notes(status):
        say(f"lvspec: {note}")
    videos, journals = merged.captioned + merged.failed, len(status.journals)
    left_out = f" ({merged.left_out} left out)" if merged.left_out else ""
    said = f"merged {videos} video{'' if videos == 1 else 's'} of {journals} journal{'' if journals == 1 else 's'}"
    say(f"{said}: {merged.captioned} captioned, {merged.failed + merged.left_out} failed{left_out}")


def _notes(status: Status) -> Iterator[str]:
    for journal in status.journals:
        if journal.running:
            yield f"a run writes {journal.path} right now: what it finishes from here on is not in it"
        damaged = journal.content.damaged_lines
        if damaged:
            yield f"{journal.path}: {damaged} damaged line{'' if damaged == 1 else 's'} left out"
    if status.missing_shards:
        yield f"{named_shards(status.missing_shards)} no journal here: what belongs there is not in it"
    left = len(status.left)
    if left:
        yield f"{left} video{' is' if left == 1 else 's are'} left to do: `lvspec status` tells where"
