"""`--trace FILE`: what is checked of it before anything is loaded, and the file itself."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from lvspec_cli.caption import TRACE_SCHEMA
from lvspec_cli.errors import TraceError, UsageError
from lvspec_cli.files import is_no_file, is_one_of
from lvspec_cli.output.destination import PARTIAL_SUFFIX, Earlier, open_destination
from lvspec_cli.output.outlet import Outlet
from lvspec_cli.output.trace import TraceWriter

# The beginning of a line, for the only one there is may be torn.
_LINE = re.compile(rb'\{"schema": ?"%b", ?"type": ?"\w+", ?"video": ?(\d+),' % re.escape(TRACE_SCHEMA).encode())


def check_trace(trace: str | None, outlet: Outlet, *, paths: Sequence[str], dry_run: bool) -> None:
    """Raise UsageError if a trace cannot go with the rest of the call; ``paths``: the videos."""
    if trace is None:
        return
    if dry_run:
        raise UsageError("--trace and --dry-run exclude each other: a dry run decodes nothing")
    if trace in ("", "-"):
        raise UsageError("--trace needs the name of a file: stdout is for captions")
    if is_no_file(trace):
        return  # a folder is refused when it is opened
    place = os.path.realpath(trace)
    growing = place + PARTIAL_SUFFIX
    uses = {"is where the captions go": outlet.files, "is one of the videos": paths}
    for use, others in uses.items():
        if is_one_of(place, others):
            raise UsageError(f"--trace {trace} {use}: name another file")
        if is_one_of(growing, others):
            raise UsageError(f"--trace {trace} grows in {trace}{PARTIAL_SUFFIX}, which {use}: name another file")
    if is_one_of(place, outlet.growing):
        raise UsageError(f"--trace {trace} is where the captions grow until they are whole: name another file")


@contextmanager
def open_trace(trace: str | None, earlier: Earlier) -> Iterator[TraceWriter | None]:
    """A writer to the file, which appears as `open_destination` says; None if no trace is asked for.

    Raises as that does, and UsageError if what is to be continued is no trace.
    """
    if trace is None:
        yield None
        return
    with open_destination(trace, "--trace", earlier) as destination:
        writer = TraceWriter(destination.stream, _next_video(trace, destination.last_line))
        try:
            yield writer
        except BaseException:
            with suppress(TraceError):  # what ended the run goes before what else is wrong
                writer.close()
            raise
        writer.close()


def _next_video(trace: str, last_line: bytes) -> int:
    """The number of the first video behind that line."""
    if not last_line:
        return 0
    found = _LINE.match(last_line)
    if found is None:
        raise UsageError(
            f"--trace {trace} is there and is no trace that could go on: move it away, or name another file"
        )
    return int(found[1]) + 1
