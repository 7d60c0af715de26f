"""From the YAML of a preset to a `Preset`, with the line of everything that is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from lvspec_cli.errors import PresetError
from lvspec_cli.preset import (
    FrameSpec,
    GenerationSpec,
    ModelSpec,
    Preset,
    PromptSpec,
    PruningSpec,
    nearest,
)
from lvspec_cli.preset_keys import SECTIONS, TOP, Kind

Made = TypeVar("Made")


def read_preset(text: str, path: Path) -> Preset:
    """The preset in a file's ``text``. Raises PresetError, naming file, line, key and what was expected."""
    top = _Section.of_document(text, path)
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


def _model(section: _Section) -> ModelSpec:
    section.check_keys()
    model, is_local = locate_model(section.value("model"), section.path.parent)
    return section.make(ModelSpec, model=model, is_local=is_local)


def _looseness(section: _Section) -> dict[str, Any]:
    """The settings that the section gives."""
    section.check_keys()
    values = {key: section.value(key) for key in section.kinds}
    if values["threshold"] is not None and values["filler_share"] is not None:
        raise section.error("filler_share", "must be null where threshold is given: choose one of the two")
    return {key: value for key, value in values.items() if value is not None}


def _file(section: _Section, key: str) -> Path | None:
    """A file, from the preset's own folder if its path is relative."""
    name = section.value(key)
    return None if name is None else (section.path.parent / os.path.expanduser(name)).resolve()


def _frames(section: _Section) -> FrameSpec:
    section.check_keys()
    count, fps = section.value("count"), section.value("fps")
    if count is not None and fps is not None:
        raise section.error("fps", "must be null where count is given: choose one of the two")
    frames = section.make(FrameSpec, count=count if count or fps else FrameSpec.count)
    if frames.min_pixels and frames.max_pixels and frames.min_pixels > frames.max_pixels:
        raise section.error("min_pixels", "must not exceed max_pixels")
    return frames


class _Section:
    """One mapping of the file with the line of every key."""

    def __init__(self, name: str, path: Path, line: int, entries: Mapping[str, tuple[int, Any]]) -> None:
        self.name = name  # dotted, empty at the top
        self.path = path
        self.line = line  # counted from 1
        self._entries = entries  # key -> (line, value)

    @staticmethod
    def of_document(text: str, path: Path) -> _Section:
        try:
            _refuse_aliases(text, path)
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            if not isinstance(node, yaml.MappingNode):
                raise PresetError(
                    f"{path}, line 1: expected a preset, that is keys and values: begin with `lvspec presets new`"
                )
            return _Section("", path, 1, _entries(loader, node, "", path))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = "" if mark is None else f", line {mark.line + 1}"
            problem = getattr(error, "problem", None) or "it cannot be read"
            raise PresetError(f"{path}{line}: this is not valid YAML: {problem}; correct it") from error
        except (RecursionError, ValueError) as error:
            raise PresetError(f"{path}: this cannot be read: {type(error).__name__}; write a plain preset") from error

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What the values of its keys must be, sections below it left out."""
        return SECTIONS[self.name] if self.name else TOP

    def check_keys(self) -> None:
        known: Mapping[str, Any] = self.kinds if self.name else {**TOP, **SECTIONS}
        for key, (line, _) in self._entries.items():
            if key not in known:
                hint = nearest(key, known) or f" (known are {', '.join(known)})"
                raise PresetError(
                    f"{self.path}, line {line}: unknown key {self._dotted(key)}{hint}: correct or remove it"
                )

    def given(self) -> dict[str, int]:
        """Dotted names of all keys that have a value, those in sections included, with their lines."""
        found: dict[str, int] = {}
        for key, (line, value) in self._entries.items():
            if value is not None:
                found[self._dotted(key)] = line
            if isinstance(value, _Section):
                found |= value.given()
        return found

    def value(self, key: str) -> Any:
        """The value of a key, None if it is absent or null and may be."""
        kind = self.kinds[key]
        value = self._entries[key][1] if key in self._entries else None
        if value is None:
            if kind.missing:
                raise self.error(key, kind.missing)
            return None
        if not kind.accepts(value):
            raise self.error(key, f"must be {kind.expected}, not {_shown(value)}")
        return kind.convert(value)

    def section(self, key: str) -> _Section:
        """The mapping below a key; empty if it is absent or null."""
        line, value = self._entries.get(key, (self.line, None))
        if value is None:
            return _Section(self._dotted(key), self.path, line, {})
        if not isinstance(value, _Section):
            raise self.error(key, f"must be a section of keys and values, not {_shown(value)}")
        return value

    def make(self, cls: Callable[..., Made], **given: Any) -> Made:
        """An object of the values in the file, its defaults for those that are not, and ``given``."""
        self.check_keys()
        values = {key: self.value(key) for key in self.kinds if key not in given}
        return cls(**{key: value for key, value in values.items() if value is not None}, **given)

    def error(self, key: str, what: str) -> PresetError:
        line = self._entries[key][0] if key in self._entries else self.line
        return PresetError(f"{self.path}, line {line}: {self._dotted(key)} {what}")

    def _dotted(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key


def _shown(value: Any) -> str:
    """A wrong value, short enough for a message."""
    if isinstance(value, (str, int, float, bool)):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    return "a section" if isinstance(value, _Section) else f"a {type(value).__name__}"


def _refuse_aliases(text: str, path: Path) -> None:
    """Presets are short: what aliases save is not worth the files that unfold without end."""
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise PresetError(f"{path}, line {line}: write the value out instead of *{event.anchor}")


def _entries(loader: yaml.SafeLoader, node: yaml.MappingNode, name: str, path: Path) -> dict[str, tuple[int, Any]]:
    entries: dict[str, tuple[int, Any]] = {}
    for key_node, value_node in node.value:
        key, line = str(loader.construct_object(key_node, deep=True)), key_node.start_mark.line + 1
        dotted = f"{name}.{key}" if name else key
        if key in entries:
            raise PresetError(f"{path}, line {line}: {dotted} is given twice: remove one of the two")
        if isinstance(value_node, yaml.MappingNode):
            value: Any = _Section(dotted, path, line, _entries(loader, value_node, dotted, path))
        else:
            value = loader.construct_object(value_node, deep=True)
        entries[key] = line, value
    return entries
