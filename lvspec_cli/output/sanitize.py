"""What a model or a file name contains is data: here it is made safe to print on a terminal, or on one line."""

from __future__ import annotations

import re

# C0 but for tab and line feed, DEL and C1: what a terminal may take for a command.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Marks that make a line, or a word beside them, read in another order than it is stored.
_REORDERING = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Halves of surrogate pairs: bytes of a file name that are not UTF-8.
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")


def without_controls(text: str) -> str:
    """Drop every control character but tab and line feed, so that no terminal escape is left."""
    return _CONTROL.sub("", text)


def for_terminal(text: str) -> str:
    """Text that a terminal shows as it is: no escapes, no reordering, no half characters."""
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", _REORDERING.sub("", without_controls(text)))


def on_one_line(text: str) -> str:
    """Fold line breaks and tabs into single spaces; drop other control characters and marks that reorder."""
    return _REORDERING.sub("", without_controls(_BREAKS.sub(" ", text)))
