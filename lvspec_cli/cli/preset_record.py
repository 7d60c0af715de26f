"""A preset as people and programs are told of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lvspec_cli.errors import UsageError

if TYPE_CHECKING:
    from lvspec_cli.named_files import NamedFile
    from lvspec_cli.preset import ModelSpec, Preset

FORMATS = ("text", "json")


def check_format(name: str) -> None:
    """Raise UsageError for a form that there is not."""
    if name not in FORMATS:
        raise UsageError(f"--format must be {' or '.join(FORMATS)}, not {name!r}")


def preset_record(preset: Preset) -> dict[str, Any]:
    """A preset as JSON values."""
    calibration = None if preset.calibration is None else str(preset.calibration)
    record = {**asdict(preset), "path": str(preset.path), "calibration": calibration}
    del record["given"]
    return record


def whose(file: NamedFile) -> str:
    """What to say behind a file that is the user's own, nothing behind a built-in one."""
    if not file.is_users:
        return ""
    return "  (yours, in place of the built-in one)" if file.hides_built_in else "  (yours)"


def pair_name(preset: Preset) -> str:
    """Target and draft, each with how it is quantized."""
    return f"{_model_name(preset.target)} + {_model_name(preset.draft)}"


def _model_name(spec: ModelSpec) -> str:
    name = "/".join(spec.model.rsplit("/", 2)[-2:]) if spec.is_local else spec.model
    return name if spec.quantization == "none" else f"{name} ({spec.quantization})"
