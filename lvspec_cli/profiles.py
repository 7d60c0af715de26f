"""All settings of a run. Profiles, settings of lossy decoding that belong together, by name, are here too.

They go before the preset's and after all others. A style goes where it is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from lvspec_cli.errors import UsageError
from lvspec_cli.preset import Preset
from lvspec_cli.settings import Layer, Settings, nearest, preset_layer, resolve
from lvspec_cli.style import load_style

# What shapes captions, and answers to questions not.
CAPTION_ONLY = ("prompt", "style", "summary_prompt", "trigger", "prefix", "suffix")

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

    Raises UsageError if a layer asks for a profile that there is not, or for a style that cannot be had.
    """
    return resolve([*_with_style(layers), _profile_layer(layers), preset_layer(preset)])


def for_answers(layers: Iterable[Layer]) -> list[Layer]:
    """The layers as they hold for the answer to a question: without what shapes captions alone."""
    return [
        Layer({key: value for key, value in layer.values.items() if key not in CAPTION_ONLY}, layer.origins)
        for layer in layers
    ]


def _with_style(layers: Sequence[Layer]) -> list[Layer]:
    """The layers, with what the style in force decides in the layer that names it.

    What else that layer says goes before its style. A style that another or a prompt in a higher layer replaces
    decides nothing and is not even read.
    """
    chosen = resolve(layers).style
    if chosen is None:
        return list(layers)
    index, naming = next((index, layer) for index, layer in enumerate(layers) if "style" in layer.values)
    style = load_style(chosen)
    values, origins = style.settings, dict.fromkeys(style.settings, f"style {style.name}")
    expanded = Layer({**values, **naming.values}, {**origins, **naming.origins})
    return [*layers[:index], expanded, *layers[index + 1 :]]


def _profile_layer(layers: Sequence[Layer]) -> Layer:
    settings = resolve(layers)
    if settings.profile not in PROFILES:
        raise UsageError(
            f"{settings.name_of('profile')} must be one of {', '.join(PROFILES)}, not {settings.profile!r}"
            f"{nearest(settings.profile, PROFILES)}"
        )
    values = PROFILES[settings.profile]
    return Layer(values, dict.fromkeys(values, f"profile {settings.profile}"))
