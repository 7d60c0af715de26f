"""Profiles: settings of lossy decoding that belong together, by name. They go before the preset's, after all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from lvspec_cli.errors import UsageError
from lvspec_cli.preset import Preset
from lvspec_cli.settings import Layer, Settings, nearest, preset_layer, resolve

# LVSpec as far as the paper (arXiv 2604.05650) and notes on it tell: cosines of the ten nearest video tokens, judged of
# the draft's token alone; 70 % of the tokens count as fillers; chains of ten from a draft that sees a tenth of the
# video, chosen as in SpecVLM; anchors may be off by two places; neither a guard nor words that are never loosened.
_PAPER = {
    "method": "lvspec",
    "draft_tokens": 10,
    "pruning": "attention",
    "pruning_keep": 0.1,
    "pruning_mass": 0.4,
    "relevance": "cosine",
    "judged": "draft",
    "filler_share": 0.7,
    "nearest": 10,
    "shift_window": 2,
    "min_probability": 0.0,
    "critical_words": (),
}
PROFILES: Mapping[str, Mapping[str, Any]] = MappingProxyType({"default": MappingProxyType({}), "paper": _PAPER})


def settings_for(preset: Preset, layers: Sequence[Layer]) -> Settings:
    """All settings, from the layers above the profile, highest first, down to the preset.

    Raises UsageError if a layer asks for a profile that there is not.
    """
    return resolve([*layers, _profile_layer(layers), preset_layer(preset)])


def _profile_layer(layers: Sequence[Layer]) -> Layer:
    settings = resolve(layers)
    if settings.profile not in PROFILES:
        raise UsageError(
            f"{settings.name_of('profile')} must be one of {', '.join(PROFILES)}, not {settings.profile!r}"
            f"{nearest(settings.profile, PROFILES)}"
        )
    values = PROFILES[settings.profile]
    return Layer(values, dict.fromkeys(values, f"profile {settings.profile}"))
