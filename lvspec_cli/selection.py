"""The preset `auto`: the best pair whose weights are on this machine and fit it."""

from __future__ import annotations

from dataclasses import dataclass

from lvspec_cli.errors import LvspecError, PresetError
from lvspec_cli.models.weights_on_disk import files_of
from lvspec_cli.preset import ModelSpec, Preset, list_presets, load_preset

FALLBACK = "demo"  # embedded, so it is always there


@dataclass(frozen=True)
class Choice:
    """A preset and why it was taken."""

    preset: Preset
    reason: str  # for people, without a full stop


def choose_preset() -> Choice:
    """Take the pair with the largest target among those that are here and fit; the embedded one if there is none.

    A preset that cannot be read is passed over, and named in the reason. Raises PresetError if there is no preset.
    """
    others, unreadable = _readable([name for name in list_presets() if name != FALLBACK])
    passed_over = f" (passed over: {', '.join(unreadable)}, see `lvspec presets check`)" if unreadable else ""
    here = [preset for preset in others if has_weights(preset.target) and has_weights(preset.draft)]
    fitting = [(size, preset) for preset in here if (size := size_if_fitting(preset)) is not None]
    if fitting:
        _, best = max(fitting, key=lambda pair: pair[0])
        return Choice(best, f"chosen as the largest pair whose weights are here and fit this machine{passed_over}")
    why = "no larger pair fits this machine" if here else "no other pair's weights are on this machine"
    return Choice(load_preset(FALLBACK), f"chosen because {why}; name one you have with --preset{passed_over}")


def _readable(names: list[str]) -> tuple[list[Preset], list[str]]:
    """The presets of the names, and the names of those with a mistake, which must not hide the others."""
    presets, unreadable = [], []
    for name in names:
        try:
            presets.append(load_preset(name))
        except PresetError:
            unreadable.append(name)
    return presets, unreadable


def has_weights(spec: ModelSpec) -> bool:
    """Whether all that loading a model reads is on this disk."""
    return not files_of(spec).missing


def size_if_fitting(preset: Preset) -> tuple[int, int] | None:
    """The parameters of the target and the bytes of both models' weights; None if they do not fit this machine.

    Counted is all the memory of the devices, not what happens to be free: the choice shall not change by the hour.
    """
    from lvspec_cli.models.footprint import count_parameters, estimate_pair
    from lvspec_cli.models.room import rooms, total_bytes

    try:
        footprint = estimate_pair(preset)
        if not all(room.fits for room in rooms(preset, footprint, total_bytes)):
            return None
        return count_parameters(preset.target), footprint.target.weight_bytes + footprint.draft.weight_bytes
    except LvspecError:  # such as a device that is not here: no reason to keep the others from being taken
        return None
