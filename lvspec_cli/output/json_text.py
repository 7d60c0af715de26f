"""Records as JSON text that is safe in UTF-8, on a terminal and on one line."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

# Valid inside a JSON string as they are, and yet trouble: DEL and C1 steer terminals, the separators end lines for
# some readers, the marks reorder a terminal's line, and half surrogates cannot be encoded.
_UNSAFE = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON with readable non-ASCII text; a number that JSON does not know (NaN) raises ValueError."""
    return _safe(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent))


def json_line(value: Any) -> str:
    """A line of JSON without spaces, its end included, of finite numbers.

    Several times as fast as `json_text`, for what is written by the thousand while a model waits.
    """
    try:
        return _safe(orjson.dumps(value).decode()) + "\n"
    except TypeError:  # half surrogates
        return _safe(json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))) + "\n"


def _safe(text: str) -> str:
    if text.isascii() and "\x7f" not in text:  # nearly always, and quickly told of pictures
        return text
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
