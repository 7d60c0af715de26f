"""Whether journals have all that is in a file of results, so that nothing is lost with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from io import TextIOBase
from pathlib import Path
from typing import TextIO, cast

from lvspec_cli.output.formats import FORMATS
from lvspec_cli.output.recorded import recorded


def holds_all(journals: Iterable[Path], file: Path, *, format: str, several: bool) -> bool:  # noqa: A002
    """Whether each line of a file, also of one that was torn off, is one of the results in the journals.

    They are written once more as a run would write them (``format``, ``several``), whatever became of their videos
    since. If lvspec wrote that format otherwise before, the videos were named otherwise, or one of the files cannot be
    read, the answer is no.
    """
    try:
        return _holds_all(journals, file, format, several)
    except OSError:
        return False


def _holds_all(journals: Iterable[Path], file: Path, format: str, several: bool) -> bool:  # noqa: A002
    unknown, torn = _lines(file)
    found = not torn

    def see(line: bytes) -> None:
        nonlocal found
        unknown.discard(hash(line))
        found = found or line.startswith(torn)

    stream = _Lines(see)
    writer = FORMATS[format](cast(TextIO, stream), several=several, terminal=False)
    for journal in journals:
        with open(journal, "rb") as lines:
            for line in lines:
                try:
                    written = json.loads(line)
                    if written["type"] == "video":
                        writer.write(recorded(written["record"]))
                except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
                    continue  # a damaged line: what it told may be in the file alone
                if found and not unknown:
                    return True
    writer.close()
    stream.end()
    return found and not unknown


def _lines(file: Path) -> tuple[set[int], bytes]:
    """The hashes of the whole lines of a file, which may be larger than the memory, and the line without an end."""
    whole: set[int] = set()
    with open(file, "rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                return whole, line
            whole.add(hash(line[:-1]))
    return whole, b""


class _Lines(TextIOBase):
    """Takes text and tells of each line, without its end, as soon as it is whole."""

    def __init__(self, see: Callable[[bytes], object]) -> None:
        self._see = see
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._tell(line)
        return len(text)

    def end(self) -> None:
        """No more text comes."""
        self._tell(self._begun)

    def _tell(self, line: str) -> None:
        self._see(line.encode("utf-8", errors="surrogateescape"))
