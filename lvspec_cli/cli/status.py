"""`lvspec status`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lvspec_cli.output.json_text import json_text
from lvspec_cli.output.sanitize import for_terminal, on_one_line

if TYPE_CHECKING:
    from lvspec_cli.batch.shard import Shard
    from lvspec_cli.batch.status import Status

MOST_NAMED = 8  # shares in a message

Places = Annotated[
    list[str],
    typer.Argument(
        metavar="PLACE", help="Folders that -o wrote to, and files that --journal named.", show_default=False
    ),
]


def status(
    places: Places,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Tell how far runs have come: what their journals say is captioned, failed and left.

    A line for each journal, then the total, in which a video of several journals counts once. A run that is under way
    is not disturbed. The exit code is 0 also if something failed or is left.
    """
    from lvspec_cli.batch.status import read_status

    known = read_status(places)
    if as_json:
        typer.echo(json_text(known.as_record(), indent=2))
        return
    for line in _lines(known):
        typer.echo(for_terminal(on_one_line(line)))


def named_shards(shards: Sequence[Shard]) -> str:
    """Such as "share 2/3 has", for a message: a share or several, and the verb that fits them."""
    more = len(shards) - MOST_NAMED
    names = ", ".join(map(str, shards[:MOST_NAMED])) + (f" and {more} more" if more > 0 else "")
    return f"share {names} has" if len(shards) == 1 else f"shares {names} have"


def _lines(status: Status) -> Iterator[str]:
    record = status.as_record()
    for journal in record["journals"]:
        share = "" if journal["shard"] == "1/1" else f"share {journal['shard']}, "
        yield f"{journal['path']}: {share}{_counts(journal)}{_state(journal)}"
    yield f"total: {_counts(record['total'])}"
    if status.missing_shards:
        yield f"note: {named_shards(status.missing_shards)} no journal here: the total is without what belongs there"
    if status.difference:
        yield f"note: {status.difference}"


def _counts(known: Mapping[str, Any]) -> str:
    failed = known["failed"]
    kinds = f" ({', '.join(f'{count} {kind}' for kind, count in failed.items())})" if failed else ""
    videos = f"{known['videos']} video{'' if known['videos'] == 1 else 's'}"
    return f"{videos}: {known['captioned']} captioned, {sum(failed.values())} failed{kinds}, {known['left']} left"


def _state(journal: Mapping[str, Any]) -> str:
    damaged = journal["damaged_lines"]
    told = [
        *(["a run writes it right now"] if journal["running"] else []),
        *([f"{damaged} damaged line{'' if damaged == 1 else 's'}"] if damaged else []),
    ]
    return "".join(f"; {each}" for each in told)
