"""Which places of a caption are anchors: by the synthetic grammar, and by what the target would say of no video."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.demo.scene import ATTRIBUTES
from lvspec_cli.models.pair import Pair
from lvspec_cli.models.prompt import PreparedPrompt
from lvspec_cli.preset import PromptSpec

GREY = 127  # of every pixel of a blanked video, 0 to 255
ATTRIBUTE_WORDS = frozenset(word for words in ATTRIBUTES.values() for word in words)


def attribute_places(pieces: Sequence[str]) -> list[bool]:
    """Whether each piece of a text, [n], is or overlaps a word that names an attribute."""
    spans = [match.span() for match in re.finditer("[A-Za-z]+", "".join(pieces)) if _names(match.group())]
    places, start = [], 0
    for piece in pieces:
        end = start + len(piece)
        places.append(any(first < end and start < last for first, last in spans))
        start = end
    return places


def true_anchors(said: Sequence[str], drafted: Sequence[str]) -> list[bool]:
    """Whether the target's or the draft's token names an attribute at each of n places.

    ``said``: the target's tokens as text, [n]; ``drafted``: [n], what the draft says behind the same first tokens.
    """
    targets = attribute_places(said)
    drafts = (attribute_places([*said[:place], drafted[place]])[-1] for place in range(len(said)))
    return [one or other for one, other in zip(targets, drafts, strict=True)]


def blanked(pair: Pair, clip: BenchClip, asked: PromptSpec) -> PreparedPrompt:
    """The target's view of a clip of the same size and times in which every frame is the same grey."""
    frames = np.full(clip.frames_shape, GREY, dtype=np.uint8)
    return pair.target.prepare(frames, clip.target.times, asked.caption, asked.system)


def _names(word: str) -> bool:
    return word.lower() in ATTRIBUTE_WORDS
