"""How the stages on the way to a caption are called."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from lvspec_cli.caption import Stage

STAGE_NAMES: Mapping[Stage, str] = MappingProxyType(
    {
        "waiting": "waiting for workers",
        "reading": "reading the video",
        "loading": "loading the models",
        "prefilling": "watching the video",
        "decoding": "decoding",
        "done": "done",
    }
)
