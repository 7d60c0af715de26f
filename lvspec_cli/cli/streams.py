"""The standard streams, fit for use whatever state they are given in, and quiet when they cannot be written."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from io import RawIOBase, TextIOBase
from typing import Any, cast

from lvspec_cli.errors import LvspecError
from lvspec_cli.output.destination import STDOUT_CLOSED


class ClosedStdout(TextIOBase):
    """Takes the place of a stdout that is closed, for a run that writes to a file needs none. It is not writable."""

    def write(self, text: str) -> int:
        """Raise LvspecError."""
        raise LvspecError(STDOUT_CLOSED)


def prepare_streams() -> None:
    """Make stdout carry UTF-8 whatever the locale, file names that are not UTF-8 as the bytes they are, and line ends
    as they are written."""
    _occupy_closed_descriptors()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives as long as the process
    if sys.stdout is None:
        sys.stdout = cast(Any, ClosedStdout())
    if isinstance(getattr(sys.stdout, "buffer", None), RawIOBase):
        # PYTHONUNBUFFERED, which images of containers like to set: then Python loses without a word what a disk that
        # fills up, or a reader that leaves, did not take of one write. Whatever matters is flushed at once anyway.
        sys.stdout = open(sys.stdout.fileno(), "w", closefd=False)  # noqa: SIM115 - lives as long as the process
    reconfigure = getattr(sys.stdout, "reconfigure", None)  # a stand-in for stdout need not have it
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")


def settle_streams() -> None:
    """Let what cannot be written go: the interpreter would try once more at its end, complain, and exit with 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # ValueError: somebody closed it
            _point_at_nothing(stream)


def _occupy_closed_descriptors() -> None:
    """Keep 0, 1 and 2 from those who open files: a library that prints must not print into one."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def _point_at_nothing(stream: Any) -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError):  # a stand-in may have no descriptor
        os.dup2(nothing, stream.fileno())
    os.close(nothing)
