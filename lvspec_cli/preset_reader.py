"""From the YAML of a preset to a `Preset`, with the line of everything that is wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lvspec_cli.errors import PresetError
from lvspec_cli.preset import (
    FrameSpec,
    GenerationSpec,
    ModelSpec,
    Preset,
    PromptSpec,
    PruningSpec,
)
from lvspec_cli.preset_keys import SECTIONS, TOP
from lvspec_cli.yaml_sections import Form, Section

_FORM = Form("preset", "begin with `lvspec presets new`", PresetError, TOP, SECTIONS)


def read_preset(text: str, path: Path) -> Preset:
    """The preset in a file's ``text``. Raises PresetError, naming file, line, key and what was expected."""
    top = Section.of_document(text, path, _FORM)
    top.check_keys()
    top.value("schema")
    return Preset(
        name=top.value("name") or path.stem,
        description=top.value("description") or "",
        notice=top.value("notice"),
        licence=top.value("licence"),
        path=path,
        target=_model(top.section("target")),
        draft=_model(top.section("draft")),
        method=top.value("method") or Preset.method,
        draft_tokens=top.value("draft_tokens") or Preset.draft_tokens,
        frames=_frames(top.section("frames")),
        draft_video=top.section("draft_video").make(PruningSpec),
        looseness=_looseness(top.section("looseness")),
        compile=bool(top.value("compile")),
        calibration=_file(top, "calibration"),
        generation=top.section("generation").make(GenerationSpec),
        prompts=top.section("prompts").make(PromptSpec),
        on_oom=top.value("on_oom") or Preset.on_oom,
        given=top.given(),
    )


def locate_model(name: str, folder: Path) -> tuple[str, bool]:
    """A model's absolute folder and True, or its hub id and False.

    A name is a folder if it is written like one (./x, ../x, /x, ~/x), or if it, or its first part, is a folder in
    ``folder``, the preset's; so weights that are missing are reported as missing, not looked for on the hub.
    """
    path = Path(os.path.expanduser(name))
    written = path.is_absolute() or name.startswith(("./", "../"))
    if written or (folder / path).is_dir() or (folder / path.parts[0]).is_dir():
        return str((folder / path).resolve()), True
    return name, False


def _model(section: Section) -> ModelSpec:
    section.check_keys()
    model, is_local = locate_model(section.value("model"), section.path.parent)
    return section.make(ModelSpec, model=model, is_local=is_local)


def _looseness(section: Section) -> dict[str, Any]:
    """The settings that the section gives."""
    section.check_keys()
    values = {key: section.value(key) for key in section.kinds}
    if values["threshold"] is not None and values["filler_share"] is not None:
        raise section.error("filler_share", "must be null where threshold is given: choose one of the two")
    return {key: value for key, value in values.items() if value is not None}


def _file(section: Section, key: str) -> Path | None:
    """A file, from the preset's own folder if its path is relative."""
    name = section.value(key)
    return None if name is None else (section.path.parent / os.path.expanduser(name)).resolve()


def _frames(section: Section) -> FrameSpec:
    section.check_keys()
    count, fps = section.value("count"), section.value("fps")
    if count is not None and fps is not None:
        raise section.error("fps", "must be null where count is given: choose one of the two")
    frames = section.make(FrameSpec, count=count if count or fps else FrameSpec.count)
    if frames.min_pixels and frames.max_pixels and frames.min_pixels > frames.max_pixels:
        raise section.error("min_pixels", "must not exceed max_pixels")
    return frames
