"""From what a user wrote to the value of a setting: text of a flag or variable, or a value of TOML or of a call.

Each function raises ValueError with what the value must be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from typing import Final, Literal

from lvspec_cli.preset import QUANTIZATIONS, ROLES

SCENES: Final = "scenes"  # in place of the length of a segment
_SWITCHES = dict.fromkeys(("1", "on", "yes", "true"), True) | dict.fromkeys(("0", "off", "no", "false"), False)


def text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def trimmed(value: object) -> str:
    """Text without the blanks around it."""
    return text(value).strip()


def switch(value: object) -> bool:
    """On or off, as a flag, a value of TOML, or a word in a variable."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in _SWITCHES:
        raise ValueError("must be true or false")
    return _SWITCHES[word]


def whole_number(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,30}\s*", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("must be a whole number")


def draft_length(value: object) -> int | str:
    if isinstance(value, str) and value.strip().lower() == "auto":
        return "auto"
    try:
        return whole_number(value)
    except ValueError:
        raise ValueError("must be a whole number, or auto") from None


def number(value: object) -> float:
    try:
        found = float("nan") if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        found = float("nan")
    if not isfinite(found):
        raise ValueError("must be a number")
    return found


def words(value: object) -> tuple[str, ...]:
    """Words between commas, or a list; no text at all is no words. All with a plus: more than another layer has."""
    parts = value if isinstance(value, (list, tuple)) else text(value).split(",")
    found = tuple(word for part in parts if (word := text(part).strip().lower()))
    if not extends(found) and any(word.startswith("+") for word in found):
        raise ValueError("must have a + before every word, to add them, or before none, to replace the list")
    return found


def extends(critical: tuple[str, ...]) -> bool:
    """Whether critical words come on top of others."""
    return bool(critical) and all(word.startswith("+") for word in critical)


def names(value: object) -> tuple[str, ...]:
    """Names between commas, or a list of them: at least one, and none twice."""
    parts = value if isinstance(value, (list, tuple)) else text(value).split(",")
    found = tuple(text(part).strip() for part in parts)
    if not found or "" in found:
        raise ValueError("must be a name, or several between commas")
    if len(set(found)) < len(found):
        raise ValueError("must name each once")
    return found


def layers(value: object) -> tuple[int, ...]:
    try:
        return tuple(
            whole_number(part) for part in (value if isinstance(value, (list, tuple)) else str(value).split(","))
        )
    except ValueError:
        raise ValueError("must be whole numbers between commas") from None


def quantizations(value: object) -> tuple[tuple[str, str], ...]:
    """ROLE=KIND between commas, or a table of them; a kind alone is for both models."""
    if isinstance(value, Mapping):
        pairs = [(text(role), text(kind)) for role, kind in value.items()]
    else:
        parts = [part.strip().partition("=") for part in text(value).split(",")]
        pairs = [(role, kind) if equals else ("", role) for role, equals, kind in parts]
    found: dict[str, str] = {}
    for role, kind in pairs:
        roles = (role.strip(),) if role else ROLES
        if kind.strip() not in QUANTIZATIONS or not set(roles) <= set(ROLES) or found.keys() & set(roles):
            kinds = ", ".join(QUANTIZATIONS)
            raise ValueError(f"must be target=KIND, draft=KIND or KIND for both models, KIND one of {kinds}")
        found |= dict.fromkeys(roles, kind.strip())
    return tuple(found.items())


def seconds(value: object) -> float:
    """Seconds, or [HH:]MM:SS with an optional fraction of a second."""
    if isinstance(value, str) and ":" in value:
        match = re.fullmatch(r"(?:(\d+):)?(\d+):(\d{1,2}(?:\.\d+)?)", value.strip(), re.ASCII)
        if match is None or float(match[3]) >= 60 or (match[1] and int(match[2]) > 59):
            raise ValueError("must be seconds or [HH:]MM:SS")
        return int(match[1] or 0) * 3600 + int(match[2]) * 60 + float(match[3])
    try:
        return number(value)
    except ValueError:
        raise ValueError("must be seconds or [HH:]MM:SS") from None


def segment_length(value: object) -> float | Literal["scenes"] | None:
    """Seconds of a segment, or the word that asks for one a scene; none: the video as a whole."""
    if isinstance(value, str) and value.strip().lower() == "none":
        return None
    if isinstance(value, str) and value.strip().lower() == SCENES:
        return SCENES
    try:
        return seconds(value)
    except ValueError:
        raise ValueError(f"must be seconds, [HH:]MM:SS, {SCENES} or none") from None


def added(critical: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """Critical words, on top of those of a lower layer if they have a plus."""
    if not extends(critical):
        return critical
    return (*others, *(critical if extends(others) else (word[1:] for word in critical)))
