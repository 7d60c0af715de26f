"""The JSON Schema of preset files, by which editors complete and check keys: made of the reader's own tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lvspec_cli.decoding.looseness import JUDGED, SIGNALS
from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.preset import built_in_folder
from lvspec_cli.preset_keys import SECTIONS, TOP, Kind
from lvspec_cli.settings import FIELDS, place_in_preset

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_FILE = "preset.schema.json"  # among the built-in presets

# What the reader takes as text and leaves to the part that uses it; an editor can tell the names.
_NAMES: Mapping[str, Iterable[str]] = {
    "method": METHODS,
    "looseness.relevance": SIGNALS,
    "looseness.judged": JUDGED,
}
_MEANINGS = {
    **{place_in_preset(key): field.metadata["help"] for key, field in FIELDS.items()},
    "schema": "Version of this format.",
    "name": "How messages and records call the preset; the name of the file if it is left out.",
    "description": "One line for the list of presets.",
    "notice": "Said on stderr whenever the preset is used.",
    "licence": "Under which the two models may be used.",
    "compile": "Compile the usual passes of both language models: slow to start, faster afterwards.",
    "calibration": "File that lvspec calibrate wrote for this pair.",
    "target": "The large model, whose answer is wanted.",
    "draft": "The small model, which proposes tokens; of the same family and with the same tokenizer.",
    "frames": "Which frames the models see: count or fps, and their size.",
    "frames.min_pixels": "Pixels a frame at least, for families that take frames of any size.",
    "frames.max_pixels": "Pixels a frame at most, for families that take frames of any size.",
    "draft_video": "How many of the video tokens the draft sees.",
    "looseness": "How loosely the lossy methods check.",
    "generation": "How text is generated.",
    "prompts": "What is asked when the user does not ask.",
}
_MODEL_MEANINGS = {
    "model": "Hub id, or a folder: absolute, or from the folder of this file.",
    "revision": "Commit, tag or branch on the hub; a commit never changes.",
    "dtype": "Number format; auto: as saved.",
    "quantization": "Of the language model's linear layers: none, or 4 bits (nf4) or 8 (int8).",
    "device": "auto: an accelerator if there is one; balanced: over all of them; or cpu, cuda, cuda:1, mps.",
    "attention": "How the vision tower attends; auto: the fastest way that this machine has.",
}


def meaning(dotted: str) -> str:
    """One sentence on a key or section of a preset, by its dotted name. Raises KeyError if there is no such key."""
    section, _, key = dotted.partition(".")
    return _MODEL_MEANINGS[key] if key and section in ("target", "draft") else _MEANINGS[dotted]


def preset_schema() -> dict[str, Any]:
    """The schema (JSON Schema, draft 2020-12) that all presets meet which can be read."""
    return {"$schema": DIALECT, "title": "A preset of lvspec", **_mapping("", TOP, SECTIONS)}


def editor_line() -> str:
    """The first line of a preset that lies elsewhere than the built-in ones: it tells editors where the schema is.

    An address, since a path may have spaces, which end it there; and that of the schema installed here rather than a
    copy beside the preset, which would not know the keys of later versions.
    """
    return f"# yaml-language-server: $schema={(built_in_folder() / SCHEMA_FILE).as_uri()}\n"


def _mapping(name: str, kinds: Mapping[str, Kind], sections: Mapping[str, Mapping[str, Kind]]) -> dict[str, Any]:
    """An object of these keys and sections and no others."""
    required = [key for key, kind in kinds.items() if kind.missing]
    properties = {key: _property(f"{name}.{key}" if name else key, kind) for key, kind in kinds.items()}
    for key, below in sections.items():
        schema = _mapping(key, below, {})
        needed = "required" in schema
        properties[key] = {"description": meaning(key), **(schema if needed else _or_null(schema))}
        required += [key] if needed else []
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _property(dotted: str, kind: Kind) -> dict[str, Any]:
    schema = {"enum": list(_NAMES[dotted])} if dotted in _NAMES else kind.schema
    return {"description": meaning(dotted), **(schema if kind.missing else _or_null(schema))}


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same or null, which means that the key might as well not be there."""
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}
