"""The families of Video-LLMs lvspec knows, by the ``model_type`` of their configuration."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from lvspec_cli.errors import PresetError

if TYPE_CHECKING:
    from lvspec_cli.models.adapter import VideoLanguageModel

# A new family is one file that registers its class, and one line here.
_MODULES = {
    "llava_onevision": "llava_onevision",
    "qwen2_5_vl": "qwen2_5_vl",
    "qwen3_vl": "qwen3_vl",
    "smolvlm": "smolvlm",
}
_CLASSES: dict[str, type[VideoLanguageModel]] = {}

Family = TypeVar("Family", bound="type[VideoLanguageModel]")


def register_family(model_type: str) -> Callable[[Family], Family]:
    """Class decorator: this adapter serves models whose configuration has this ``model_type``."""

    def register(adapter: Family) -> Family:
        _CLASSES[model_type] = adapter
        return adapter

    return register


def known_families() -> tuple[str, ...]:
    """The ``model_type`` of every known family, sorted."""
    return tuple(sorted(_MODULES))


def family_class(model_type: str) -> type[VideoLanguageModel]:
    """The adapter for a ``model_type``. Raises PresetError if there is none."""
    if model_type not in _MODULES:
        raise PresetError(
            f"models of type {model_type!r} are not supported: choose a model of type {' or '.join(known_families())}"
        )
    if model_type not in _CLASSES:
        import_module(f"lvspec_cli.models.{_MODULES[model_type]}")
    return _CLASSES[model_type]
