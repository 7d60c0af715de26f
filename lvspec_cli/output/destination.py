"""Where results go: stdout, or a file that appears whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from lvspec_cli.errors import LvspecError, UsageError

PARTIAL_SUFFIX = ".partial"


@dataclass(frozen=True)
class Destination:
    """An open place for results."""

    stream: TextIO
    terminal: bool  # whether people read it directly


@contextmanager
def open_destination(output: str | None) -> Iterator[Destination]:
    """Open stdout (`output` None or "-") or a file.

    A file is written beside its name and renamed when the block ends well. If the block raises, what was written is
    kept as ``FILE.partial`` and an older FILE is left as it was. Devices and pipes are written directly.

    Raises:
        UsageError: the file cannot be created; raised before the block runs.
        LvspecError: the finished file cannot be put in place.
    """
    if output is None or output == "-":
        yield Destination(sys.stdout, sys.stdout.isatty())
        return
    path = _checked(output)
    if path.exists() and not path.is_file():
        with _open(path, path) as stream:
            yield Destination(stream, stream.isatty())
        return
    partial = path.with_name(path.name + PARTIAL_SUFFIX)
    with _open(partial, path) as stream:
        try:
            yield Destination(stream, False)
        except BaseException:
            _drop_if_empty(stream, partial)
            raise
    _put_in_place(partial, path)


def _checked(output: str) -> Path:
    # A link stays a link: what it points at is replaced.
    path = Path(os.path.realpath(output))
    if path.is_dir():
        raise UsageError(f"-o {output} is a folder: name a file in it")
    return path


def _open(path: Path, wanted: Path) -> TextIO:
    try:
        return open(path, "w", encoding="utf-8", errors="surrogateescape", newline="\n")
    except OSError as error:
        raise UsageError(f"-o {wanted} cannot be written: {error.strerror}") from error


def _drop_if_empty(stream: TextIO, partial: Path) -> None:
    stream.flush()
    if partial.stat().st_size == 0:
        partial.unlink()


def _put_in_place(partial: Path, path: Path) -> None:
    try:
        partial.replace(path)
    except OSError as error:
        raise LvspecError(f"-o {path} cannot be written: {error.strerror}; the results are in {partial}") from error
