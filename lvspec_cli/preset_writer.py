"""A preset as the text of its file: every key with what it means, those at their defaults as comments."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lvspec_cli.preset import SCHEMA, ModelSpec, Preset
from lvspec_cli.preset_keys import SECTIONS, TOP
from lvspec_cli.preset_schema import editor_line, meaning


def preset_values(preset: Preset) -> dict[str, Any]:
    """The value of every key by its dotted name, None where there is none; models and files by absolute paths."""
    values = {key: getattr(preset, key) for key in TOP if key != "schema"}
    values["description"] = preset.description or None
    values["calibration"] = None if preset.calibration is None else str(preset.calibration)
    for name, kinds in SECTIONS.items():
        section = getattr(preset, name)
        get = section.get if isinstance(section, Mapping) else lambda key, section=section: getattr(section, key)
        values |= {f"{name}.{key}": get(key) for key in kinds}
    return {"schema": SCHEMA, **values}


def preset_text(preset: Preset) -> str:
    """A file that `read_preset` reads as this preset again, if it is called as ``preset.path``."""
    values, usual = preset_values(preset), _usual(preset.path)

    def line(dotted: str, required: bool) -> str:
        key, value = dotted.rpartition(".")[2], values[dotted]
        mark = "" if required or value != usual[dotted] else "# "
        return f"{mark}{key}: {_yaml(value)}  # {meaning(dotted)}\n"

    lines = [editor_line(), "# All keys there are; those behind # have the values that are shown anyway.\n"]
    lines += [line(key, bool(kind.missing)) for key, kind in TOP.items()]
    for name, kinds in SECTIONS.items():
        lines += [f"\n# {meaning(name)}\n", f"{name}:\n"]
        lines += ["  " + line(f"{name}.{key}", bool(kind.missing)) for key, kind in kinds.items()]
    return "".join(lines)


def _usual(path: Path) -> dict[str, Any]:
    """The values of a preset that names two models and nothing else."""
    model = ModelSpec("", is_local=False)
    return preset_values(Preset(name=path.stem, target=model, draft=model, path=path))


def _yaml(value: Any) -> str:
    """A value on one line."""
    texts = value if isinstance(value, tuple) else (value,)
    breaks = any(isinstance(text, str) and text.splitlines() != [text] for text in texts)
    style = '"' if breaks else None  # any other style writes line breaks as they are
    text = yaml.safe_dump(value, default_flow_style=True, default_style=style, allow_unicode=True, width=sys.maxsize)
    return text.removesuffix("\n...\n").strip()
