"""`lvspec report`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from lvspec_cli.errors import LvspecError, UsageError
from lvspec_cli.files import check_output, replace_text

_Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE", help="Records (JSON of caption and ask) and traces (--trace), mixed; - is stdin."),
]
_Output = Annotated[str, typer.Option("--output", "-o", metavar="FILE.html|-", help="The page to write.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but what went wrong.")]


def report(
    files: _Files,
    output: _Output,
    quiet: _Quiet = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Show what the decoder did, as one HTML page that needs no network.

    With a trace, every token tells how it came to be, and where in the video it looks. A video that is in
    several files is shown once.
    """
    _check_output(output, files)
    from lvspec_cli.report import read_documents, render_report

    documents = read_documents(files)
    page = render_report(documents)
    if output == "-":
        _print(page)
    else:
        replace_text(check_output("-o", output), page)
    if not quiet:
        _tell(documents.notes, len(documents.videos), output)


def _check_output(output: str, files: Sequence[str]) -> None:
    if output == "-":
        return
    check_output("-o", output)
    for file in files:
        if os.path.isfile(output) and os.path.exists(file) and os.path.samefile(file, output):
            raise UsageError(f"-o {output} is one of the inputs: name another file")


def _print(page: str) -> None:
    try:
        sys.stdout.write(page)
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # a reader who has seen enough is no error to tell of
    except OSError as error:
        raise LvspecError(f"the page cannot be written: {error.strerror}; try another place with -o") from error


def _tell(notes: Sequence[str], videos: int, output: str) -> None:
    from lvspec_cli.ui import say

    for note in notes:
        say(f"lvspec: {note}")
    if output != "-":
        say(f"wrote {output}: {videos} video{'' if videos == 1 else 's'}")
