"""What the engine tells its consumers: one `Round` after another."""

from __future__ import annotations

from collections.abc import Sequence
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
    def from_draft(self) -> bool:
        """Whether the draft model proposed the token."""
        return self in _DRAFTED


_DRAFTED = frozenset({Origin.EXACT, Origin.LOOSE, Origin.SHIFTED})


class Fate(Enum):
    """What became of a draft token."""

    EXACT = "exact"  # accepted, as the origins of the same names say
    LOOSE = "loose"
    SHIFTED = "shifted"
    BEYOND = "beyond"  # accepted, but the output had ended before it
    REJECTED = "rejected"  # the first that was not kept
    DISCARDED = "discarded"  # it came after the rejected one


_FATES = {origin: Fate(origin.value) for origin in _DRAFTED}


class Refusal(Enum):
    """Why the first draft token that was not kept was not kept."""

    MISMATCH = "mismatch"  # the method keeps no token that the target would not say
    CRITICAL = "critical"  # it, or the target's token, is one that is never loosened
    ANCHOR = "anchor"  # it says something of the video
    GUARD = "guard"  # it would have been kept, but the target finds it too improbable
    CHANCE = "chance"  # the dice fell against it


@dataclass(frozen=True, slots=True)
class Token:
    """One committed token. Log-probabilities are the target's, before temperature and truncation."""

    id: int  # vocabulary index
    origin: Origin
    log_probability: float  # nats
    choice: int  # vocabulary index of the target's most probable token at this place
    choice_log_probability: float  # nats
    relevance: float | None = None  # in the unit of the method's signal; None where it was not judged

    @property
    def from_draft(self) -> bool:
        """Whether the draft model proposed the token."""
        return self.origin.from_draft

    @property
    def gap(self) -> float:
        """Nats that keeping the token cost: 0 unless it was kept though the target would not say it."""
        loosened = self.origin in (Origin.LOOSE, Origin.SHIFTED)
        return self.choice_log_probability - self.log_probability if loosened else 0.0


@dataclass(frozen=True, slots=True)
class Grounding:
    """What one position of the target's pass looks at in the video."""

    share: float  # of its attention that goes to the video, 0 to 1; or its largest cosine to a video token
    largest: float  # number of a place in the video, for which the levels have 255: attention, or a cosine
    levels: bytes  # uint8 [places], in the order of the video tokens: each one's number; below 0 counts as 0
    steps: tuple[float, ...] | None = None  # parts of the attention on the video that go to each step, 0 to 1; None of
    # cosines, which do not add up, and of a video whose tokens make no grid


@dataclass(frozen=True, slots=True)
class Round:
    """One draft-then-verify step.

    A draft token that was accepted but lies beyond the end of the output (after a stop token, say) is in
    `draft_tokens` and in neither `tokens` nor `rejected`.

    What is told of every draft token, in order, is [g]; what is [g + 1] has an entry more, for the place behind them.
    """

    index: int  # 0 for the first round
    draft_tokens: tuple[int, ...]  # proposed, in order
    tokens: tuple[Token, ...]  # committed, in order; never empty
    rejected: tuple[int, ...]  # the first draft token that was not kept and all that followed it
    draft_seconds: float  # s, drafting
    verify_seconds: float  # s, the target's pass and the verdict on it
    round_seconds: float  # s, wall clock of the whole round, the engine's own work included, but not a trace's
    finish_reason: FinishReason | None  # set in the last round only
    refusal: Refusal | None = None  # why the first rejected token was; None if none was rejected
    choices: tuple[int, ...] = ()  # [g + 1], the target's most probable tokens
    choice_log_probabilities: tuple[float, ...] = ()  # [g + 1], nats
    draft_log_probabilities: tuple[float, ...] = ()  # [g], nats: the target's, of the draft tokens
    relevance: tuple[float | None, ...] = ()  # [g], in the unit of the method's signal; None where it is not known
    fillers: tuple[bool | None, ...] = ()  # [g], whether it counts as one; None: the method does not ask
    own_log_probabilities: Sequence[float] | None = None  # [g], nats: the draft's, NaN if memory did not suffice; None:
    # not asked for
    groundings: Sequence[Grounding | None] | None = None  # [g + 1], None where there is nothing to explain; None:
    # not asked for, or the target does not tell

    @property
    def num_accepted(self) -> int:
        """Draft tokens among the committed ones."""
        return sum(token.origin in _DRAFTED for token in self.tokens)

    @property
    def fates(self) -> tuple[Fate, ...]:
        """What became of each draft token."""
        committed = [_FATES[token.origin] for token in self.tokens if token.origin in _FATES]
        beyond = len(self.draft_tokens) - len(self.rejected) - len(committed)
        refused = [Fate.REJECTED, *[Fate.DISCARDED] * (len(self.rejected) - 1)] if self.rejected else []
        return (*committed, *[Fate.BEYOND] * beyond, *refused)
