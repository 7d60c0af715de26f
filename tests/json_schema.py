"""As much of JSON Schema (draft 2020-12) as the schema of presets uses; what it does not know it refuses to ignore."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "number": lambda value: type(value) in (int, float),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
# A keyword holds for the values that it is about, and says nothing of others.
_KEYWORDS: dict[str, Callable[[Any, Any, dict[str, Any]], bool]] = {
    "$schema": lambda value, given, schema: True,
    "title": lambda value, given, schema: True,
    "description": lambda value, given, schema: True,
    "type": lambda value, given, schema: any(_TYPES[kind](value) for kind in _listed(given)),
    "enum": lambda value, given, schema: any(type(value) is type(one) and value == one for one in given),
    "anyOf": lambda value, given, schema: any(meets(value, one) for one in given),
    "minimum": lambda value, given, schema: not _TYPES["number"](value) or value >= given,
    "exclusiveMinimum": lambda value, given, schema: not _TYPES["number"](value) or value > given,
    "maximum": lambda value, given, schema: not _TYPES["number"](value) or value <= given,
    "pattern": lambda value, given, schema: not isinstance(value, str) or re.search(given, value) is not None,
    "minItems": lambda value, given, schema: not isinstance(value, list) or len(value) >= given,
    "items": lambda value, given, schema: not isinstance(value, list) or all(meets(one, given) for one in value),
    "required": lambda value, given, schema: not isinstance(value, dict) or set(given) <= value.keys(),
    "properties": lambda value, given, schema: (
        not isinstance(value, dict) or all(meets(value[key], given[key]) for key in given.keys() & value.keys())
    ),
    "additionalProperties": lambda value, given, schema: (
        not isinstance(value, dict) or given is not False or value.keys() <= schema["properties"].keys()
    ),
}


def meets(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value, as `yaml.safe_load` gives it, meets a schema. Raises KeyError for a keyword unknown here."""
    return all(_KEYWORDS[keyword](value, given, schema) for keyword, given in schema.items())


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]
