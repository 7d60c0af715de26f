"""Files of JSON objects, however they are laid out: one object, an array of them, or one a line."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lvspec_cli.errors import LvspecError, UsageError
from lvspec_cli.report.fields import Fields

_ADVICE = "give records (--format json or jsonl) and traces (--trace)"
_BROKEN = object()  # stands for what is no JSON


def read_objects(path: str, note: Callable[[str], None]) -> Iterator[Fields]:
    """All objects of a file, one after another; ``note`` is told of a last line that is cut off, and left out.

    Raises:
        UsageError: there is no such file, or it cannot be read.
        LvspecError: it is not JSON, or holds something else than objects.
    """
    lines = [(number, line) for number, line in enumerate(_content(path).split(b"\n"), 1) if line.strip()]
    if not lines:
        raise LvspecError(f"{path} is empty: {_ADVICE}")
    if isinstance(_parsed(lines[0][1]), dict):
        yield from _objects_by_line(path, lines, note)
        return
    document = _parsed(b"\n".join(line for _, line in lines))
    if document is _BROKEN:
        raise LvspecError(f"{path} is not JSON: {_ADVICE}")
    for at, value in enumerate(document if isinstance(document, list) else [document]):
        yield Fields.of(value, f"{path} item {at + 1}" if isinstance(document, list) else path)


def _objects_by_line(path: str, lines: list[tuple[int, bytes]], note: Callable[[str], None]) -> Iterator[Fields]:
    for number, line in lines:
        value = _parsed(line)
        if value is not _BROKEN:
            yield Fields.of(value, f"{path} line {number}")
        elif number == lines[-1][0]:
            note(f"the last line of {path} is cut off, and left out")
        else:
            raise LvspecError(f"{path} line {number} is not JSON: {_ADVICE}")


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return _BROKEN


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes().removeprefix(codecs.BOM_UTF8)
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}: {_ADVICE}") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder: name the records and traces in it") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
