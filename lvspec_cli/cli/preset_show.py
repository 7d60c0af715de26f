"""`lvspec presets show`: what a preset sets, and what it would find and need on this machine."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lvspec_cli.cli.preset_record import check_format, pair_name, preset_record
from lvspec_cli.output.json_text import json_text

if TYPE_CHECKING:
    from lvspec_cli.models.footprint import ModelFootprint, PairFootprint
    from lvspec_cli.models.room import Room
    from lvspec_cli.models.weights_on_disk import FilesOnDisk
    from lvspec_cli.preset import Preset
    from lvspec_cli.readiness import Readiness


def preset_names() -> list[str]:
    """What completion offers."""
    from lvspec_cli.preset import list_presets

    return list(list_presets())


Name = Annotated[str, typer.Argument(metavar="NAME|FILE", autocompletion=preset_names, show_default=False)]


def show(
    preset: Name,
    format: Annotated[str, typer.Option("--format", metavar="NAME", help="text or json.")] = "text",  # noqa: A002
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Show what a preset sets, and needs here.

    That is: whether the files of its models are on this machine, and whether they would fit into its memory with a
    video of as many frames as the preset shows.
    """
    check_format(format)
    from lvspec_cli.preset import load_preset

    chosen = load_preset(preset)
    from lvspec_cli.readiness import readiness

    ready = readiness(chosen)
    if format == "json":
        typer.echo(json_text({**preset_record(chosen), "machine": _machine_record(ready)}, indent=2))
        return
    from lvspec_cli.ui import print_table

    title = f"{chosen.name}: {chosen.description or pair_name(chosen)}"
    licence = f"Licence: {chosen.licence}." if chosen.licence else ""
    print_table(title, ("key", "value", "from"), _setting_rows(chosen), licence, figures=False)
    print_table("on this machine", ("memory", "target", "draft", "both"), _machine_rows(ready), f"{ready.verdict}.")


def _setting_rows(preset: Preset) -> list[tuple[str, str, str]]:
    """Every key that has a value, and whether the preset gives it."""
    from lvspec_cli.preset_writer import preset_values

    told_elsewhere = ("schema", "name", "description", "licence")
    values = {key: value for key, value in preset_values(preset).items() if key not in told_elsewhere}
    return [
        (key, _shown(value), "preset" if key in preset.given else "default")
        for key, value in values.items()
        if value is not None
    ]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()  # as YAML has it
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _machine_rows(ready: Readiness) -> list[tuple[str, str, str, str]]:
    files = ("files", _files(ready.target_files), _files(ready.draft_files), "")
    footprint = ready.footprint
    if footprint is None:
        return [files]
    target, draft = footprint.target, footprint.draft
    video = f"{footprint.frame_count} frames, {footprint.video_tokens} video tokens"
    rows = [
        files,
        _row("weights", target.weight_bytes, draft.weight_bytes),
        _row(f"KV cache at {video}", target.cache_bytes, draft.cache_bytes),
        _row("activations", target.activation_bytes, draft.activation_bytes),
        _row("all of it", target.total_bytes, draft.total_bytes),
    ]
    return rows + [_room_row(room) for room in ready.rooms]


def _files(files: FilesOnDisk) -> str:
    if not files.missing:
        return "all here"
    if not files.present:
        return "none here"
    more = f" and {len(files.missing) - 1} more" if len(files.missing) > 1 else ""
    return f"lacks {files.missing[0]}{more}"


def _row(name: str, target: int, draft: int) -> tuple[str, str, str, str]:
    return name, _size(target), _size(draft), ""


def _room_row(room: Room) -> tuple[str, str, str, str]:
    """Not the sum of the rows above: the models never prefill at the same time."""
    from lvspec_cli.readiness import headroom_bytes

    left = headroom_bytes(room)
    return f"left on {room.device}", "", "", "unknown" if left is None else _size(left)


def _size(count: int) -> str:
    """Bytes in GiB, or in MiB where there are so few that GiB would hide them."""
    return f"{count / 2**30:.2f} GiB" if abs(count) >= 2**30 / 10 else f"{count / 2**20:.1f} MiB"


def _machine_record(ready: Readiness) -> dict[str, Any]:
    from lvspec_cli.readiness import headroom_bytes

    return {
        "files": {"target": _files_record(ready.target_files), "draft": _files_record(ready.draft_files)},
        "memory": None if ready.footprint is None else _memory_record(ready.footprint),
        "devices": [
            {**asdict(room), "headroom_bytes": headroom_bytes(room), "fits": room.fits} for room in ready.rooms
        ],
        "verdict": ready.verdict,
    }


def _files_record(files: FilesOnDisk) -> dict[str, Any]:
    return {"present": [str(path) for path in files.present], "missing": list(files.missing), "bytes": files.bytes}


def _memory_record(footprint: PairFootprint) -> dict[str, Any]:
    def model(part: ModelFootprint) -> dict[str, Any]:
        return {**asdict(part), "total_bytes": part.total_bytes}

    return {**asdict(footprint), "target": model(footprint.target), "draft": model(footprint.draft)}
