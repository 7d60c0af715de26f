"""The whole examination, one finding after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from lvspec_cli.doctor.finding import Finding
from lvspec_cli.doctor.libraries import (
    decord_finding,
    num2words_finding,
    pyav_finding,
    quantization_finding,
    transformers_finding,
)
from lvspec_cli.doctor.machine import device_findings, driver_finding, python_finding, torch_finding
from lvspec_cli.doctor.presets import named_preset_finding, preset_finding
from lvspec_cli.doctor.surroundings import cache_finding, offline_finding, settings_finding
from lvspec_cli.preset import Preset, list_presets

Check = Callable[[], Finding | Iterable[Finding]]

_CHECKS: dict[str, Check] = {
    "python": python_finding,
    "torch": torch_finding,
    "devices": device_findings,
    "driver": driver_finding,
    "transformers": transformers_finding,
    "bitsandbytes": quantization_finding,
    "PyAV": pyav_finding,
    "decord": decord_finding,
    "num2words": num2words_finding,
    "cache": cache_finding,
    "settings": settings_finding,
}


def examine(preset: Preset | None, *, offline: bool) -> Iterator[Finding]:
    """Look at everything; at one preset, which then has to work here, or at all, which need not.

    ``offline``: whether the run is; the examination itself asks nothing of the network in any case. Raises nothing.
    """
    checks: dict[str, Check] = {**_CHECKS, "offline": partial(offline_finding, offline)}
    if preset is None:
        checks |= {f"preset {name}": partial(named_preset_finding, name) for name in list_presets()}
    else:
        checks[f"preset {preset.name}"] = partial(preset_finding, preset, needed=True)
    for subject, check in checks.items():
        yield from guarded(subject, check)


def guarded(subject: str, check: Check) -> list[Finding]:
    """What a check finds; what it raises is a finding too, for broken installations are what people come with."""
    try:
        found = check()
        return [found] if isinstance(found, Finding) else list(found)
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return [Finding(subject, "problem", f"does not work here ({said}): install it again", {"error": said})]
