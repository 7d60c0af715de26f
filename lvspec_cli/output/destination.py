"""Where results go: stdout, or a file that appears whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

from lvspec_cli.errors import LvspecError, UsageError
from lvspec_cli.output.partial_file import PartialFile

PARTIAL_SUFFIX = ".partial"
STDOUT_CLOSED = "stdout is closed: give it somewhere to go, or write to a file with -o FILE"


def unfinished(output: str) -> str:
    """The file that holds the results for ``output`` until they are whole; empty if that is a device or a pipe."""
    return "" if os.path.exists(output) and not os.path.isfile(output) else output + PARTIAL_SUFFIX


@dataclass(frozen=True)
class Destination:
    """An open place for results."""

    stream: TextIO
    terminal: bool  # whether people read it directly


@contextmanager
def open_destination(output: str | None, flag: str = "-o") -> Iterator[Destination]:
    """Open stdout (`output` is None) or a file; `flag`: the option that named it, for messages.

    A file is written beside its name and renamed when the block ends well. If the block raises, what was written is
    kept as ``FILE.partial`` and an older FILE is left as it was; so are both if nothing was written at all. Devices
    and pipes are written directly.

    Raises:
        UsageError: the file cannot be created; raised before the block runs.
        LvspecError: stdout is closed, or the finished file cannot be put in place. Writing to the file raises it too.
    """
    if output is None:
        if not sys.stdout.writable():
            raise LvspecError(STDOUT_CLOSED)
        yield Destination(sys.stdout, sys.stdout.isatty())
    elif os.path.exists(output) and not os.path.isfile(output):
        stream = _open_directly(output, flag)
        with _closing(stream):
            yield Destination(stream, stream.isatty())
    else:
        # A link stays a link: what it points at is replaced.
        with _replacing(Path(os.path.realpath(output)), flag) as file:
            yield Destination(file, False)


@contextmanager
def _replacing(path: Path, flag: str) -> Iterator[TextIO]:
    partial = path.with_name(path.name + PARTIAL_SUFFIX)
    try:  # from here on: an interrupt may come while the file is being made
        file = _open_partial(partial, path, flag)
        with _closing(file):
            yield cast(TextIO, file)
    finally:
        _drop_if_empty(partial)
    if file.begun:
        _put_in_place(partial, path, flag)


@contextmanager
def _closing(stream: TextIO | PartialFile) -> Iterator[None]:
    """Close the stream in the end; an error that ends the block is not hidden behind one of closing."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            stream.close()
        raise
    stream.close()


def _open_directly(output: str, flag: str) -> TextIO:
    try:
        return open(output, "w", encoding="utf-8", errors="surrogateescape", newline="\n")
    except OSError as error:
        raise _not_writable(flag, output, error) from error


def _open_partial(partial: Path, path: Path, flag: str) -> PartialFile:
    try:
        return PartialFile(partial, f"{flag} {path}")
    except OSError as error:
        raise _not_writable(flag, path, error) from error


def _not_writable(flag: str, output: str | Path, error: OSError) -> UsageError:
    if isinstance(error, IsADirectoryError):
        return UsageError(f"{flag} {output} is a folder: name a file in it")
    return UsageError(f"{flag} {output} cannot be written: {error.strerror}")


def _drop_if_empty(partial: Path) -> None:
    with suppress(OSError):  # it may never have been there
        if partial.stat().st_size == 0:
            partial.unlink()


def _put_in_place(partial: Path, path: Path, flag: str) -> None:
    try:
        partial.replace(path)
    except OSError as error:
        raise LvspecError(f"{flag} {path} cannot be written: {error.strerror}; all of it is in {partial}") from error
