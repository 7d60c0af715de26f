"""`lvspec presets`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lvspec_cli.errors import UsageError
from lvspec_cli.output.json_text import json_text
from lvspec_cli.output.sanitize import for_terminal, on_one_line

if TYPE_CHECKING:
    from lvspec_cli.preset import ModelSpec, Preset

Format = Annotated[str, typer.Option("--format", metavar="NAME", help="How to write the list: text or json.")]


def presets(
    format: Format = "text",  # noqa: A002 - the name of the option
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """List the pairs of models that can be named with --preset."""
    if format not in ("text", "json"):
        raise UsageError(f"--format must be text or json, not {format!r}")
    from lvspec_cli.preset import list_presets, load_preset

    known = [load_preset(name) for name in list_presets()]
    if format == "json":
        typer.echo(json_text([_record(preset) for preset in known], indent=2))
        return
    width = max((len(preset.name) for preset in known), default=0)
    for preset in known:
        typer.echo(for_terminal(on_one_line(f"{preset.name:{width}}  {_pair(preset)}  {preset.description}")))


def _pair(preset: Preset) -> str:
    return f"{_model(preset.target)} + {_model(preset.draft)}"


def _model(spec: ModelSpec) -> str:
    name = "/".join(spec.model.rsplit("/", 2)[-2:]) if spec.is_local else spec.model
    return name if spec.quantization == "none" else f"{name} ({spec.quantization})"


def _record(preset: Preset) -> dict[str, Any]:
    record = {**asdict(preset), "path": str(preset.path)}
    del record["given"]
    return record
