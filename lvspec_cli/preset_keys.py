"""The keys that a preset may have, and what their values must be. The reader and the JSON Schema go by these tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lvspec_cli.preset import ATTENTIONS, DTYPES, ON_OOM, PRUNINGS, QUANTIZATIONS, SCHEMA


@dataclass(frozen=True)
class Kind:
    """What the value of a key must be."""

    expected: str  # in words, for the message
    accepts: Callable[[Any], bool]
    schema: Mapping[str, Any]  # in JSON Schema, for editors
    convert: Callable[[Any], Any] = lambda value: value
    missing: str = ""  # what to say if the key is absent; nothing: it may be


def _integer(least: int) -> Kind:
    return Kind(
        f"a whole number of at least {least}",
        lambda value: type(value) is int and value >= least,
        {"type": "integer", "minimum": least},
    )


def _number(above: float | None = None, least: float = 0, most: float = math.inf) -> Kind:
    """A finite number above ``above`` or, where that is not given, of at least ``least``; at most ``most``."""
    lower = f"above {above:g}" if above is not None else f"of at least {least:g}"
    upper = "" if most == math.inf else f" and at most {most:g}"
    bounds = {"exclusiveMinimum": above, "minimum": least if above is None else None, "maximum": most}

    def accepts(value: Any) -> bool:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value) or value > most:
            return False
        return value > above if above is not None else value >= least

    return Kind(
        f"a number {'of any size' if least == -math.inf else lower + upper}",
        accepts,
        {
            "type": "number",
            **{key: bound for key, bound in bounds.items() if bound is not None and abs(bound) < math.inf},
        },
        float,
    )


def one_of(*choices: str) -> Kind:
    return Kind(" or ".join(choices), lambda value: value in choices, {"enum": list(choices)})


def _list_of(expected: str, item: Kind, convert: Callable[[Any], Any] = tuple, least: int = 0) -> Kind:
    return Kind(
        expected,
        lambda value: isinstance(value, list) and len(value) >= least and all(map(item.accepts, value)),
        {"type": "array", "items": item.schema, "minItems": least},
        convert,
    )


_TEXT = Kind(
    "text",
    lambda value: isinstance(value, str) and bool(value.strip()),
    {"type": "string", "pattern": "\\S"},
    str.strip,
)
_FLAG = Kind("true or false", lambda value: isinstance(value, bool), {"type": "boolean"})
_DRAFT_TOKENS = Kind(
    f"{_integer(1).expected}, or auto",
    lambda value: value == "auto" or _integer(1).accepts(value),
    {"anyOf": [_integer(1).schema, {"enum": ["auto"]}]},
)
_WORDS = _list_of(
    "a list of words",
    Kind("text", lambda value: isinstance(value, str), {"type": "string"}),
    lambda words: tuple(word.strip().lower() for word in words),
)
_MODEL = {
    "model": replace(_TEXT, missing="is missing: give a hub id or a folder"),
    "revision": _TEXT,
    "dtype": one_of(*DTYPES),
    "quantization": one_of(*QUANTIZATIONS),
    "device": _TEXT,
    "attention": one_of(*ATTENTIONS),
}

# All that a preset may have: keys at the top, and sections of keys.
TOP: Mapping[str, Kind] = {
    "schema": replace(one_of(SCHEMA), missing=f"must be {SCHEMA}"),
    "name": _TEXT,
    "description": _TEXT,
    "notice": _TEXT,
    "licence": _TEXT,
    "method": _TEXT,
    "draft_tokens": _DRAFT_TOKENS,
    "compile": _FLAG,
    "calibration": _TEXT,
    "on_oom": one_of(*ON_OOM),
}
SECTIONS: Mapping[str, Mapping[str, Kind]] = {
    "target": _MODEL,
    "draft": _MODEL,
    "frames": {
        "count": _integer(1),
        "fps": _number(above=0),
        "max_frames": _integer(1),
        "min_pixels": _integer(1),
        "max_pixels": _integer(1),
    },
    "draft_video": {
        "pruning": one_of(*PRUNINGS),
        "keep": _number(above=0, most=1),
        "mass": _number(most=1),
    },
    "looseness": {
        "relevance": _TEXT,
        "judged": _TEXT,
        "threshold": _number(least=-math.inf),
        "filler_share": _number(most=1),
        "min_probability": _number(most=1),
        "shift_window": _integer(0),
        "critical_words": _WORDS,
        "attention_layers": _list_of("a list of layers, counted from 0", _integer(0), least=1),
        "state_layer": _integer(0),
        "nearest": _integer(1),
        "fly_window": _integer(1),
        "fly_entropy": _number(),
        "fly_top_k": _integer(1),
        "random_share": _number(most=1),
    },
    "generation": {
        "max_tokens": _integer(1),
        "temperature": _number(),
        "top_p": _number(above=0, most=1),
        "top_k": _integer(0),
        "seed": _integer(0),
    },
    "prompts": {"caption": _TEXT, "system": _TEXT, "summary": _TEXT},
}
