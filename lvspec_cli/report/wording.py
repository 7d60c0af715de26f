"""Texts and numbers as the page shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SPACE = "\N{NO-BREAK SPACE}"
TIMES = "\N{MULTIPLICATION SIGN}"
UNKNOWN = "\N{EN DASH}"
# Marks of a caption -> what they mean, in the order of the legend.
KINDS = (
    ("exact", "proposed by the draft, and what the target says too"),
    ("loose", "proposed by the draft and kept as a filler, though the target prefers another"),
    ("shifted", "proposed by the draft and kept, for the target says it a few places away"),
    ("recovered", "the target's own, in place of a rejected token"),
    ("bonus", "the target's own, after a draft that was kept whole"),
    ("target", "the target's own, in a round without a draft"),
    ("rejected", "proposed by the draft, and not kept"),
)
_PICTURES = 0x2400  # the block of pictures of control characters

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Marks that make what follows read in another order than it is stored, and ends of lines that few know of.
_REORDERING = re.compile(r"[\u202a-\u202e\u2066-\u2069\u2028\u2029]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")  # half a character: bytes of a file name that are not UTF-8


def harmless(text: str) -> str:
    """The text with a visible sign for everything that would steer its reader, and nothing that UTF-8 cannot hold."""
    text = _REORDERING.sub(
        lambda match: f"\N{MATHEMATICAL LEFT ANGLE BRACKET}U+{ord(match[0]):04X}\N{MATHEMATICAL RIGHT ANGLE BRACKET}",
        text,
    )
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", _CONTROL.sub(_picture, text))


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    return chr(_PICTURES + code) if code < 0x20 else "\N{REPLACEMENT CHARACTER}"


def harmless_values(value: Any) -> Any:
    """A JSON value all of whose texts are harmless."""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, Mapping):
        return {harmless(str(key)): harmless_values(item) for key, item in value.items()}
    return [harmless_values(item) for item in value] if isinstance(value, (list, tuple)) else value


def count(value: float) -> str:
    """A number of things."""
    return f"{value:,.0f}"


def counted(value: float, thing: str) -> str:
    """A number of things, and what they are."""
    return f"{count(value)}{SPACE}{thing}{'' if value == 1 else 's'}"


def decimal(value: float) -> str:
    """A number of any size, to three significant digits."""
    if value == 0:
        return "0"
    magnitude = abs(value)
    if magnitude < 0.001 or magnitude >= 1e7:
        return f"{value:.2e}"
    places = 0 if magnitude >= 100 else 1 if magnitude >= 10 else 2 if magnitude >= 1 else 3
    return f"{value:,.{places}f}"


def share(value: float) -> str:
    """A part of 1, in per cent."""
    return f"{100 * value:.{1 if abs(value) < 0.0995 else 0}f}{SPACE}%"


def times(value: float) -> str:
    """A ratio of speeds."""
    return f"{decimal(value)}{TIMES}"


def seconds(value: float) -> str:
    """A duration of work."""
    if value >= 120:
        hours, minutes = divmod(round(value / 60), 60)
        return f"{hours}{SPACE}h{SPACE}{minutes}{SPACE}min" if hours else f"{minutes}{SPACE}min"
    return f"{decimal(1000 * value)}{SPACE}ms" if abs(value) < 1 else f"{decimal(value)}{SPACE}s"


def moment(value: float) -> str:
    """A time in a video."""
    value = round(value, 2)
    minutes, rest = divmod(value, 60)
    if value >= 60:
        return f"{minutes:.0f}:{rest:05.2f}"
    return f"{value:.2f}".rstrip("0").rstrip(".") + f"{SPACE}s"


def size(bytes_: float) -> str:
    """An amount of memory or of a file."""
    for unit in ("B", "KB", "MB", "GB"):
        if abs(bytes_) < 1000:
            return f"{decimal(bytes_)}{SPACE}{unit}"
        bytes_ /= 1000
    return f"{decimal(bytes_)}{SPACE}TB"


def known(value: float | None, form: Any = decimal) -> str:
    """A number in a form, or a dash for one that is not known."""
    return UNKNOWN if value is None else str(form(value))


def setting(value: Any) -> str:
    """A JSON value as a table shows it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(setting, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {setting(item)}" for key, item in value.items()) or "none"
    return UNKNOWN if value is None else str(value)
