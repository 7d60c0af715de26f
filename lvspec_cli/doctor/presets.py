"""What a preset would do on this machine."""

from __future__ import annotations

from collections.abc import Iterator

from lvspec_cli.doctor.finding import Finding
from lvspec_cli.doctor.libraries import quantization_obstacle
from lvspec_cli.errors import LvspecError
from lvspec_cli.models.disk import size_text
from lvspec_cli.models.weights_on_disk import fetching_advice
from lvspec_cli.preset import ROLES, Preset, load_preset


def named_preset_finding(name: str) -> Finding:
    """What one of the presets that can be named would do, if it can be read."""
    try:
        preset = load_preset(name)
    except LvspecError as error:
        return Finding(f"preset {name}", "problem", str(error))
    return preset_finding(preset, needed=False)


def preset_finding(preset: Preset, *, needed: bool) -> Finding:
    """Whether a preset's weights are here and fit; ``needed``: whether it is a problem if they do not."""
    from lvspec_cli.readiness import readiness

    found = readiness(preset)
    files = {"target": found.target_files, "draft": found.draft_files}
    missing = [role for role in ROLES if files[role].missing]
    size = size_text(sum(each.bytes for each in files.values()))
    fits = all(room.fits for room in found.rooms)
    obstacles = []
    if missing and fits:
        obstacles = [f"files of {' and '.join(missing)} missing, {size} here: {fetching_advice(preset, missing)}"]
    obstacles += dict.fromkeys(_obstacles(preset))
    if not fits or (not found.rooms and not obstacles):
        obstacles.append(found.verdict)
    facts = {
        "ready": not obstacles,
        "memory": [
            {"device": room.device, "needed_bytes": room.needed_bytes, "present_bytes": room.present_bytes}
            for room in found.rooms
        ],
        **{role: {"bytes_here": each.bytes, "missing": list(each.missing)} for role, each in files.items()},
    }
    text = "; ".join(obstacles) if obstacles else f"{found.verdict}; {size} of weights here"
    return Finding(f"preset {preset.name}", "ok" if not obstacles else "problem" if needed else "note", text, facts)


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
