"""What a method is told of a pair: the one place where the bench and the pair's calibration meet."""

from __future__ import annotations

from dataclasses import dataclass

from lvspec_cli.decoding.looseness import Looseness, WatchedLayers
from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.relevance import NOTHING_KNOWN, PairKnowledge
from lvspec_cli.models.pair import Pair
from lvspec_cli.preset import Preset


@dataclass(frozen=True)
class Briefing:
    """What one method needs beside both models."""

    knowledge: PairKnowledge
    watched: WatchedLayers | None  # what the target's passes note of the video; None: nothing


def usual_looseness(preset: Preset) -> Looseness:
    """The looseness of a preset's lossy methods."""
    return Looseness()


def brief(pair: Pair, options: DecodingOptions) -> Briefing:
    """What a method with these options is to be told of the pair."""
    if not METHODS[options.method].judges:
        return Briefing(NOTHING_KNOWN, None)
    return Briefing(NOTHING_KNOWN, _watched(options.looseness, len(pair.target.model.model.language_model.layers)))


def _watched(looseness: Looseness, layers: int) -> WatchedLayers:
    if looseness.relevance == "cosine":
        state = layers * 2 // 3 if looseness.state_layer is None else looseness.state_layer
        return WatchedLayers(states=state, nearest=looseness.nearest)
    return WatchedLayers(attention=looseness.attention_layers or tuple(range(layers)))
