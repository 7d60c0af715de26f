"""What the engine tells its consumers: one `Round` after another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

FinishReason = Literal["stop", "length", "repetition"]


class Origin(Enum):
    """How a committed token came to be."""

    EXACT = "exact"  # a draft token that is the target's own choice, or passes the p/q test
    LOOSE = "loose"  # a draft token kept though the target prefers another
    SHIFTED = "shifted"  # a draft token that the target itself says a few positions away
    RECOVERED = "recovered"  # the target's token in place of the first rejected draft token
    BONUS = "bonus"  # the target's token after a fully accepted draft
    TARGET = "target"  # the target's token in a round without a draft

    @property
    def code(self) -> int:
        """The number that stands for this origin in a tensor."""
        return _CODES[self]

    @property
    def from_draft(self) -> bool:
        """Whether the draft model proposed the token."""
        return self in _DRAFTED


ORIGINS = tuple(Origin)  # the origin of a code is ORIGINS[code]
_CODES = {origin: code for code, origin in enumerate(ORIGINS)}
_DRAFTED = frozenset({Origin.EXACT, Origin.LOOSE, Origin.SHIFTED})


@dataclass(frozen=True, slots=True)
class Token:
    """One committed token."""

    id: int  # vocabulary index
    origin: Origin

    @property
    def from_draft(self) -> bool:
        """Whether the draft model proposed the token."""
        return self.origin.from_draft


@dataclass(frozen=True, slots=True)
class Round:
    """One draft-then-verify step.

    A draft token that was accepted but lies beyond the end of the output (after a stop token, say) is in
    `draft_tokens` and in neither `tokens` nor `rejected`.
    """

    index: int  # 0 for the first round
    draft_tokens: tuple[int, ...]  # proposed, in order
    tokens: tuple[Token, ...]  # committed, in order; never empty
    rejected: tuple[int, ...]  # the first draft token that was not kept and all that followed it
    draft_seconds: float  # s, drafting
    verify_seconds: float  # s, the target's pass and the verdict on it
    round_seconds: float  # s, wall clock of the whole round, the engine's own work included
    finish_reason: FinishReason | None  # set in the last round only

    @property
    def num_accepted(self) -> int:
        """Draft tokens among the committed ones."""
        return sum(token.origin in _DRAFTED for token in self.tokens)
