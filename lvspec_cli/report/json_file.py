"""Files of JSON objects, however they are laid out: one object, an array of them, or one a line.

They are read line by line, and no more is read than a report could show: a device or a pipe may have no end.
"""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import IO, Any

from lvspec_cli.errors import LvspecError, UsageError
from lvspec_cli.report.fields import Fields

# Bytes of a line. The longest that lvspec writes are those of a trace: 128 pictures of noise make a part of 4 MB, and a
# heat map for each of 25 tokens, over the 300,000 video tokens of 768 large frames, a round of 10 MB.
LONGEST_LINE = 64 * 2**20
LARGEST_DOCUMENT = 2 * LONGEST_LINE  # bytes of an object or an array over several lines, which is read as a whole
LARGEST_FILE = 4 * 2**30  # bytes; of a file of lines, whose objects are all kept, as the page will hold them
MOST_LINES = 10_000_000  # of a file, blank ones too

_ADVICE = "give records (--format json or jsonl) and traces (--trace)"
_BROKEN = object()  # stands for what is no JSON
_Line = tuple[int, bytes]  # its number, counted from 1, and what it says


def read_objects(path: str, note: Callable[[str], None]) -> Iterator[Fields]:
    """All objects of a file, one after another; ``note`` is told of a last line that is cut off, and left out.

    Raises:
        UsageError: there is no such file, or it cannot be read.
        LvspecError: it is not JSON, holds something else than objects, or is larger than the limits of this module.
    """
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        raise LvspecError(f"{path} is empty: {_ADVICE}")
    if isinstance(_parsed(first[1]), dict):
        yield from _objects_by_line(path, first, lines, note)
        return
    document = _parsed(_joined(path, first, lines))
    if document is _BROKEN:
        raise LvspecError(f"{path} is not JSON: {_ADVICE}")
    for at, value in enumerate(document if isinstance(document, list) else [document]):
        yield Fields.of(value, f"{path} item {at + 1}" if isinstance(document, list) else path)


def _objects_by_line(path: str, first: _Line, others: Iterator[_Line], note: Callable[[str], None]) -> Iterator[Fields]:
    line: _Line | None = first
    while line is not None:
        value, following = _parsed(line[1]), next(others, None)
        if value is not _BROKEN:
            yield Fields.of(value, f"{path} line {line[0]}")
        elif following is None:
            note(f"the last line of {path} is cut off, and left out")
        else:
            raise LvspecError(f"{path} line {line[0]} is not JSON: {_ADVICE}")
        line = following


def _joined(path: str, first: _Line, others: Iterator[_Line]) -> bytes:
    """All lines of a document. Raises LvspecError if it is too large."""
    parts, size = [first[1]], len(first[1])
    for _, line in others:
        parts.append(line)
        size += len(line)
        if size > LARGEST_DOCUMENT:
            raise LvspecError(
                f"{path} is a document of more than {_mebibytes(LARGEST_DOCUMENT)}, which is too large to be read as a "
                "whole: give records one a line (--format jsonl)"
            )
    return b"".join(parts)


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return _BROKEN


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _lines(path: str) -> Iterator[_Line]:
    """The lines of a file that are not blank; of stdin, if it is "-".

    Raises UsageError if it cannot be read, LvspecError beyond the limits.
    """
    if path == "-" and sys.stdin is None:
        raise UsageError("- is stdin, which is closed: name a file")
    try:
        with nullcontext(sys.stdin.buffer) if path == "-" else open(path, "rb") as file:
            yield from _bounded(path, file)
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}: {_ADVICE}") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder: name the records and traces in it") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _bounded(path: str, file: IO[bytes]) -> Iterator[_Line]:
    number, size = 0, 0
    while line := file.readline(LONGEST_LINE + 1):
        number, size = number + 1, size + len(line)
        if len(line) > LONGEST_LINE:
            limit = _mebibytes(LONGEST_LINE)
            raise LvspecError(f"{path} line {number} is longer than {limit}, as none of lvspec's is: {_ADVICE}")
        if size > LARGEST_FILE or number > MOST_LINES:
            limit = f"{_mebibytes(LARGEST_FILE)} or {MOST_LINES} lines"
            raise LvspecError(f"{path} has more than {limit}, which is more than a page can show: give parts of it")
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if line.strip():
            yield number, line


def _mebibytes(count: int) -> str:
    return f"{count // 2**20} MiB"
