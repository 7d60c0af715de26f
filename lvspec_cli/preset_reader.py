"""From the YAML of a preset to a `Preset`, with the line of everything that is wrong."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from lvspec_cli.errors import PresetError
from lvspec_cli.preset import (
    ATTENTIONS,
    DTYPES,
    ON_OOM,
    PRUNINGS,
    QUANTIZATIONS,
    SCHEMA,
    FrameSpec,
    GenerationSpec,
    ModelSpec,
    Preset,
    PromptSpec,
    PruningSpec,
    nearest,
)

Made = TypeVar("Made")


@dataclass(frozen=True)
class Kind:
    """What the value of a key must be."""

    expected: str  # in words, for the message
    accepts: Callable[[Any], bool]
    convert: Callable[[Any], Any] = lambda value: value


def read_preset(text: str, path: Path) -> Preset:
    """The preset in a file's ``text``. Raises PresetError, naming file, line, key and what was expected."""
    top = _Section.of_document(text, path)
    top.check_keys(_KEYS)
    if top.value("schema", _one_of(SCHEMA)) is None:
        raise top.error("schema", f"must be {SCHEMA}")
    return Preset(
        name=top.value("name", _TEXT) or path.stem,
        description=top.value("description", _TEXT) or "",
        notice=top.value("notice", _TEXT),
        path=path,
        target=_model(top, "target"),
        draft=_model(top, "draft"),
        method=top.value("method", _TEXT) or Preset.method,
        draft_tokens=top.value("draft_tokens", _DRAFT_TOKENS) or Preset.draft_tokens,
        frames=_frames(top.section("frames")),
        draft_video=top.section("draft_video").make(PruningSpec, _DRAFT_VIDEO),
        looseness=_looseness(top.section("looseness")),
        compile=bool(top.value("compile", _FLAG)),
        calibration=_file(top, "calibration"),
        generation=top.section("generation").make(GenerationSpec, _GENERATION),
        prompts=top.section("prompts").make(PromptSpec, _PROMPTS),
        on_oom=top.value("on_oom", _one_of(*ON_OOM)) or Preset.on_oom,
        given=top.given(),
    )


def _model(top: _Section, key: str) -> ModelSpec:
    section = top.section(key)
    section.check_keys(_MODEL)
    name = section.value("model", _TEXT)
    if name is None:
        raise section.error("model", "is missing: give a hub id or a folder")
    model, is_local = _locate(name, section.path.parent)
    return section.make(ModelSpec, _MODEL, model=model, is_local=is_local)


def _locate(name: str, folder: Path) -> tuple[str, bool]:
    """A model's absolute folder and True, or its hub id and False.

    A name is a folder if it is written like one (./x, ../x, /x, ~/x), or if it, or its first part, is a folder beside
    the preset; so weights that are missing are reported as missing, not looked for on the hub.
    """
    path = Path(os.path.expanduser(name))
    written = path.is_absolute() or name.startswith(("./", "../"))
    if written or (folder / path).is_dir() or (folder / path.parts[0]).is_dir():
        return str((folder / path).resolve()), True
    return name, False


def _looseness(section: _Section) -> dict[str, Any]:
    """The settings that the section gives."""
    section.check_keys(_LOOSENESS)
    values = {key: section.value(key, kind) for key, kind in _LOOSENESS.items()}
    if values["threshold"] is not None and values["filler_share"] is not None:
        raise section.error("filler_share", "must be null where threshold is given: choose one of the two")
    return {key: value for key, value in values.items() if value is not None}


def _file(section: _Section, key: str) -> Path | None:
    """A file, from the preset's own folder if its path is relative."""
    name = section.value(key, _TEXT)
    return None if name is None else (section.path.parent / os.path.expanduser(name)).resolve()


def _frames(section: _Section) -> FrameSpec:
    section.check_keys(_FRAMES)
    count, fps = section.value("count", _integer(1)), section.value("fps", _number(above=0))
    if count is not None and fps is not None:
        raise section.error("fps", "must be null where count is given: choose one of the two")
    frames = section.make(FrameSpec, _FRAMES, count=count if count or fps else FrameSpec.count)
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
                raise PresetError(f"{path}, line 1: expected a preset, that is keys and values, beginning with schema")
            return _Section("", path, 1, _entries(loader, node, "", path))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = "" if mark is None else f", line {mark.line + 1}"
            problem = getattr(error, "problem", None) or "it cannot be read"
            raise PresetError(f"{path}{line}: this is not valid YAML: {problem}; correct it") from error
        except (RecursionError, ValueError) as error:
            raise PresetError(f"{path}: this cannot be read: {type(error).__name__}; write a plain preset") from error

    def check_keys(self, known: Mapping[str, Any]) -> None:
        for key, (line, _) in self._entries.items():
            if key not in known:
                hint = nearest(key, known) or f" (known are {', '.join(known)})"
                raise PresetError(
                    f"{self.path}, line {line}: unknown key {self._dotted(key)}{hint}: correct or remove it"
                )

    def given(self) -> frozenset[str]:
        """Dotted names of all keys that have a value, those in sections included."""
        values = {key: value for key, (_, value) in self._entries.items() if value is not None}
        below = [value.given() for value in values.values() if isinstance(value, _Section)]
        return frozenset(map(self._dotted, values)).union(*below)

    def value(self, key: str, kind: Kind) -> Any:
        """The value of a key, None if it is absent or null."""
        value = self._entries[key][1] if key in self._entries else None
        if value is None:
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

    def make(self, cls: Callable[..., Made], kinds: Mapping[str, Kind], **given: Any) -> Made:
        """An object of the values in the file, its defaults for those that are not, and ``given``."""
        self.check_keys(kinds)
        values = {key: self.value(key, kind) for key, kind in kinds.items() if key not in given}
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


def _integer(least: int) -> Kind:
    return Kind(f"a whole number of at least {least}", lambda value: type(value) is int and value >= least)


def _number(above: float | None = None, least: float | None = None, most: float = math.inf) -> Kind:
    bound = f"above {above:g}" if above is not None else f"of at least {least or 0:g}"
    if least == -math.inf:
        bound = "of any size"
    limit = "" if most == math.inf else f" and at most {most:g}"

    def accepts(value: Any) -> bool:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value) or value > most:
            return False
        return value > above if above is not None else value >= (least or 0)

    return Kind(f"a number {bound}{limit}", accepts, float)


def _one_of(*choices: str) -> Kind:
    return Kind(" or ".join(choices), lambda value: value in choices)


_TEXT = Kind("text", lambda value: isinstance(value, str) and bool(value.strip()), str.strip)
_FLAG = Kind("true or false", lambda value: isinstance(value, bool))
_DRAFT_TOKENS = Kind(f"{_integer(1).expected}, or auto", lambda value: value == "auto" or _integer(1).accepts(value))
_MODEL = {
    "model": _TEXT,
    "revision": _TEXT,
    "dtype": _one_of(*DTYPES),
    "quantization": _one_of(*QUANTIZATIONS),
    "device": _TEXT,
    "attention": _one_of(*ATTENTIONS),
}
_FRAMES = {
    "count": _integer(1),
    "fps": _number(above=0),
    "max_frames": _integer(1),
    "min_pixels": _integer(1),
    "max_pixels": _integer(1),
}
_DRAFT_VIDEO = {
    "pruning": _one_of(*PRUNINGS),
    "keep": _number(above=0, most=1),
    "mass": _number(least=0, most=1),
}
_GENERATION = {
    "max_tokens": _integer(1),
    "temperature": _number(least=0),
    "top_p": _number(above=0, most=1),
    "top_k": _integer(0),
    "seed": _integer(0),
}
_WORDS = Kind(
    "a list of words",
    lambda value: isinstance(value, list) and all(isinstance(word, str) for word in value),
    lambda words: tuple(word.strip().lower() for word in words),
)
_LAYERS = Kind(
    "a list of layers, counted from 0",
    lambda value: isinstance(value, list) and bool(value) and all(type(layer) is int and layer >= 0 for layer in value),
    tuple,
)
_LOOSENESS = {
    "relevance": _TEXT,
    "judged": _TEXT,
    "threshold": _number(least=-math.inf),
    "filler_share": _number(least=0, most=1),
    "min_probability": _number(least=0, most=1),
    "shift_window": _integer(0),
    "critical_words": _WORDS,
    "attention_layers": _LAYERS,
    "state_layer": _integer(0),
    "nearest": _integer(1),
    "fly_window": _integer(1),
    "fly_entropy": _number(least=0),
    "fly_top_k": _integer(1),
    "random_share": _number(least=0, most=1),
}
_PROMPTS = {"caption": _TEXT}
_SECTIONS = ("target", "draft", "frames", "draft_video", "looseness", "generation", "prompts")
_SCALARS = ("schema", "name", "description", "notice", "method", "draft_tokens", "compile", "calibration", "on_oom")
_KEYS = dict.fromkeys((*_SCALARS, *_SECTIONS))
