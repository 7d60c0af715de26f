"""`--trace FILE`: what is checked of it before anything is loaded, and the file itself."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

from lvspec_cli.caption import TRACE_SCHEMA
from lvspec_cli.errors import TraceError, UsageError
from lvspec_cli.output.destination import Earlier, open_destination
from lvspec_cli.output.trace import TraceWriter

# The beginning of a line, for the only one there is may be torn.
_LINE = re.compile(rb'\{"schema": ?"%b", ?"type": ?"\w+", ?"video": ?(\d+),' % re.escape(TRACE_SCHEMA).encode())


def check_trace(trace: str | None, *, outputs: Collection[str], paths: Sequence[str], dry_run: bool) -> None:
    """Raise UsageError if a trace cannot go with the rest of the call.

    ``outputs``: files of results; ``paths``: the videos.
    """
    if trace is None:
        return
    if dry_run:
        raise UsageError("--trace and --dry-run exclude each other: a dry run decodes nothing")
    if trace in ("", "-"):
        raise UsageError("--trace needs the name of a file: stdout is for captions")
    if os.path.exists(trace) and not os.path.isfile(trace):
        return  # a device or a pipe, or a folder, which is refused when it is opened
    place = os.path.realpath(trace)
    if place in map(os.path.realpath, outputs):
        raise UsageError(f"--trace {trace} is where the captions go: name another file")
    if place in map(os.path.realpath, paths):
        raise UsageError(f"--trace {trace} is one of the videos: name another file")


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
