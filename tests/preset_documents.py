"""Presets of any content, for laws that hold for all of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from lvspec_cli.preset_schema import preset_schema

# Without slashes: what is behind the last one may be blank, and the blanks at the ends of a path do not count.
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), max_size=12)
_LARGE = 1e9


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that meet a part of the schema."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of(*map(values, schema["anyOf"]))
    if isinstance(schema["type"], list):
        return st.one_of(*(values({**schema, "type": kind}) for kind in schema["type"]))
    return _OF_TYPE[schema["type"]](schema)


def _numbers(schema: dict[str, Any]) -> st.SearchStrategy[float]:
    least = schema.get("exclusiveMinimum", schema.get("minimum", -_LARGE))
    return st.floats(least, schema.get("maximum", _LARGE), exclude_min="exclusiveMinimum" in schema)


def _objects(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    parts = {key: values(below) for key, below in schema["properties"].items()}
    required = {key: parts.pop(key) for key in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=parts)


_OF_TYPE = {
    "null": lambda schema: st.none(),
    "boolean": lambda schema: st.booleans(),
    "string": lambda schema: _TEXT.filter(str.strip) if "pattern" in schema else _TEXT,
    "integer": lambda schema: st.integers(schema["minimum"], 10_000),
    "number": _numbers,
    "array": lambda schema: st.lists(values(schema["items"]), min_size=schema["minItems"], max_size=3),
    "object": _objects,
}


def _without_contradictions(document: dict[str, Any]) -> dict[str, Any]:
    """Of keys that exclude each other, which no schema of ours says, one."""
    frames, looseness = document.get("frames") or {}, document.get("looseness") or {}
    for section, one, other in ((frames, "count", "fps"), (looseness, "threshold", "filler_share")):
        if section.get(one) is not None:
            section.pop(other, None)
    if (frames.get("min_pixels") or 0) > (frames.get("max_pixels") or _LARGE):
        frames.pop("min_pixels")
    return document


def documents() -> st.SearchStrategy[dict[str, Any]]:
    """Contents of presets as `yaml.safe_load` gives them, all of which can be read."""
    return values(preset_schema()).map(_without_contradictions)
