"""What a preset would do on this machine."""

from __future__ import annotations

from collections.abc import Iterator

from lvspec_cli.doctor.finding import Finding
from lvspec_cli.doctor.libraries import quantization_obstacle
from lvspec_cli.errors import LvspecError
from lvspec_cli.models.disk import size_text
from lvspec_cli.models.weights_on_disk import ROLES, files_of, pull_command
from lvspec_cli.preset import Preset, load_preset


def named_preset_finding(name: str) -> Finding:
    """What one of the presets that can be named would do, if it can be read."""
    try:
        preset = load_preset(name)
    except LvspecError as error:
        return Finding(f"preset {name}", "problem", str(error))
    return preset_finding(preset, needed=False)


def preset_finding(preset: Preset, *, needed: bool) -> Finding:
    """Whether a preset's weights are here and fit; ``needed``: whether it is a problem if they do not."""
    from lvspec_cli.selection import device_gib

    files = {role: files_of(getattr(preset, role)) for role in ROLES}
    memory, available = needed_gib(preset), device_gib()
    size = size_text(sum(found.bytes for found in files.values()))
    missing = [role for role in ROLES if files[role].missing]
    obstacles = [_advice(preset, missing, size)] if missing else []
    obstacles += dict.fromkeys(_obstacles(preset))
    if memory is not None and memory > available:
        obstacles.append(f"needs {memory:.1f} GiB, and {available:.1f} are here: choose a smaller preset")
    room = "memory unknown" if memory is None else f"needs {memory:.1f} of {available:.1f} GiB"
    facts = {
        "ready": not obstacles,
        "needed_gib": None if memory is None else round(memory, 2),
        "available_gib": round(available, 2),
        **{role: {"bytes_here": found.bytes, "missing": list(found.missing)} for role, found in files.items()},
    }
    text = "; ".join(obstacles) if obstacles else f"ready, {size} of weights here, {room}"
    return Finding(f"preset {preset.name}", "ok" if not obstacles else "problem" if needed else "note", text, facts)


def _advice(preset: Preset, missing: list[str], size: str) -> str:
    """What to do about the roles that lack files; ``size``: of the files that are here."""
    local = all(getattr(preset, role).is_local for role in missing)
    advice = "put them where the preset says" if local else f"run `{pull_command(preset)}`"
    return f"files of {' and '.join(missing)} missing, {size} here: {advice}"


def _obstacles(preset: Preset) -> Iterator[str]:
    """What keeps a preset from being loaded, whatever files and memory there are."""
    from lvspec_cli.models.loading import resolve_device

    for spec in (preset.target, preset.draft):
        try:
            device = resolve_device(spec.device)
        except LvspecError as error:
            yield str(error)
        else:
            obstacle = quantization_obstacle(device) if spec.quantization != "none" else None
            yield from [obstacle] if obstacle else []


def needed_gib(preset: Preset) -> float | None:
    """GiB of both models with their caches; None where their configurations do not tell."""
    try:
        from lvspec_cli.models.footprint import estimate_pair

        estimate = estimate_pair(preset)
    except Exception:  # configurations that are not here, or that no estimate was written for
        return None
    return float(estimate.target.total_bytes + estimate.draft.total_bytes) / 2**30
