"""Reads the attributes back out of a caption, so that it can be scored against the truth."""

from __future__ import annotations

import re

from lvspec_cli.demo.scene import (
    ATTRIBUTES,
    BACKGROUNDS,
    COLOURS,
    COLUMNS,
    COUNTS,
    EVENTS,
    MOTIONS,
    ORDERS,
    ROWS,
    SHAPES,
    SIZES,
    Truth,
)


def named_attributes(caption: str) -> dict[str, str | None]:
    """Each attribute's word as the caption gives it; None where it gives none.

    The moving shape's size, colour and shape are those of the sentence that tells its motion; the resting shape's are
    those of the sentence that tells its corner.
    """
    sentences = [re.findall(r"[a-z]+", sentence.lower()) for sentence in caption.split(".")]
    words = [word for sentence in sentences for word in sentence]
    moving = next((sentence for sentence in sentences if _first(sentence, MOTIONS)), [])
    resting = next((sentence for sentence in sentences if _first(sentence, ROWS)), [])
    return {
        "size": _first(moving, SIZES),
        "colour": _first(moving, COLOURS),
        "shape": _first(moving, SHAPES),
        "motion": _first(moving, MOTIONS),
        "background": _first(words, BACKGROUNDS),
        "event": _first(words, EVENTS),
        "order": _first(words, ORDERS),
        "second_colour": _first(resting, COLOURS),
        "second_shape": _first(resting, SHAPES),
        "row": _first(resting, ROWS),
        "column": _first(resting, COLUMNS),
        "count": _first(words, COUNTS),
    }


def right_attributes(caption: str, truth: Truth) -> dict[str, bool]:
    """Whether the caption names each attribute right."""
    named = named_attributes(caption)
    return {name: named[name] == getattr(truth, name) for name in ATTRIBUTES}


def _first(words: list[str], values: tuple[str, ...]) -> str | None:
    return next((word for word in words if word in values), None)
