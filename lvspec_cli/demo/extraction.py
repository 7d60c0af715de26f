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

Sentences = list[list[str]]  # the words of each sentence, in order


def named_attributes(caption: str) -> dict[str, str | None]:
    """Each attribute's word as the caption gives it; None where it gives none, or contradicts itself.

    A sentence that names a corner, and no motion, speaks of the resting shape; all others speak of the moving one. The
    colour and the shape that such a sentence names first are those of its own shape, and the same in all of them. What
    else it names of the kind must be what the caption says of the other shape: "this blue circle" after "a red circle"
    is a mistake wherever it stands. Any other attribute is named by all its words, which must be one and the same.
    """
    sentences = [re.findall(r"[a-z]+", sentence.lower()) for sentence in caption.split(".")]
    resting = [each for each in sentences if _among(each, ROWS + COLUMNS) and not _among(each, MOTIONS)]
    moving = [each for each in sentences if each not in resting]
    colour, second_colour = _of_both_shapes(moving, resting, COLOURS)
    shape, second_shape = _of_both_shapes(moving, resting, SHAPES)
    return {
        "size": _agreed(sentences, SIZES),
        "colour": colour,
        "shape": shape,
        "motion": _agreed(sentences, MOTIONS),
        "background": _agreed(sentences, BACKGROUNDS),
        "event": _agreed(sentences, EVENTS),
        "order": _agreed(sentences, ORDERS),
        "second_colour": second_colour,
        "second_shape": second_shape,
        "row": _agreed(sentences, ROWS),
        "column": _agreed(sentences, COLUMNS),
        "count": _agreed(sentences, COUNTS),
    }


def right_attributes(caption: str, truth: Truth) -> dict[str, bool]:
    """Whether the caption names each attribute right."""
    named = named_attributes(caption)
    return {name: named[name] == getattr(truth, name) for name in ATTRIBUTES}


def _of_both_shapes(moving: Sentences, resting: Sentences, values: tuple[str, ...]) -> tuple[str | None, str | None]:
    """The word of the moving shape and that of the resting one."""
    of_moving, of_resting = _only(_firsts(moving, values)), _only(_firsts(resting, values))
    given = {of_moving, of_resting}
    return (
        of_moving if given.issuperset(_all(moving, values)) else None,
        of_resting if given.issuperset(_all(resting, values)) else None,
    )


def _agreed(sentences: Sentences, values: tuple[str, ...]) -> str | None:
    """The one of ``values`` that the sentences name; None if they name none or several."""
    return _only(_all(sentences, values))


def _only(words: list[str]) -> str | None:
    return words[0] if len(set(words)) == 1 else None


def _all(sentences: Sentences, values: tuple[str, ...]) -> list[str]:
    return [word for sentence in sentences for word in _among(sentence, values)]


def _firsts(sentences: Sentences, values: tuple[str, ...]) -> list[str]:
    """Of every sentence that names any of ``values``, the first."""
    return [named[0] for sentence in sentences if (named := _among(sentence, values))]


def _among(words: list[str], values: tuple[str, ...]) -> list[str]:
    return [word for word in words if word in values]
