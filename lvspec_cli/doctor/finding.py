"""One thing that was looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

State = Literal["ok", "note", "problem"]  # note: something is missing that not everybody needs


@dataclass(frozen=True)
class Finding:
    """What was found of one subject."""

    subject: str  # such as "torch" or "preset demo"
    state: State
    text: str  # for people: what was found and, unless it is ok, what to do
    facts: Mapping[str, Any] = field(default_factory=dict)  # the same for programs: JSON values with units in the keys

    def as_record(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)
