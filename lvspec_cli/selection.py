"""The preset `auto`: the best pair whose weights are on this machine and fit it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from lvspec_cli.models.weights_on_disk import files_of
from lvspec_cli.preset import ModelSpec, Preset, list_presets, load_preset

FALLBACK = "demo"  # embedded, so it is always there


@dataclass(frozen=True)
class Choice:
    """A preset and why it was taken."""

    preset: Preset
    reason: str  # for people, without a full stop


def choose_preset() -> Choice:
    """Take the pair that needs most memory among those that are here and fit; the embedded one if there is none.

    A preset that does not say what memory it needs is not taken by itself. Raises PresetError if there is no preset.
    """
    others = [load_preset(name) for name in list_presets() if name != FALLBACK]
    here = [preset for preset in others if has_weights(preset.target) and has_weights(preset.draft)]
    fitting = [preset for preset in here if fits(preset)] if here else []
    if fitting:
        best = max(fitting, key=lambda preset: preset.memory.device_gib or 0)
        return Choice(best, "chosen as the largest pair whose weights are here and fit this machine")
    why = "no larger pair fits this machine" if here else "no other pair's weights are on this machine"
    return Choice(load_preset(FALLBACK), f"chosen because {why}; name one you have with --preset")


def has_weights(spec: ModelSpec) -> bool:
    """Whether all that loading a model reads is on this disk."""
    return not files_of(spec).missing


def fits(preset: Preset) -> bool:
    """Whether this machine has the memory that a preset says it needs."""
    needs = preset.memory
    if needs.device_gib is None:
        return False
    return needs.device_gib <= device_gib() and (needs.host_gib or 0) <= host_gib()


def device_gib() -> float:
    """GiB of the accelerator that `auto` takes, the first, or of main memory where there is none."""
    import torch

    if not torch.cuda.is_available():
        return host_gib()
    return float(torch.cuda.get_device_properties(0).total_memory / 2**30)


def host_gib() -> float:
    """GiB of main memory; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return 0.0
