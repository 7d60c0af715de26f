"""What the rounds of one answer were made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lvspec_cli.decoding.events import Origin, Round


@dataclass(frozen=True)
class Tally:
    """Counts and sums over the rounds of one answer by our engine."""

    draft_tokens: int  # proposed
    loose_tokens: int  # draft tokens kept though the target prefers another
    shifted_tokens: int  # draft tokens kept because the target says them nearby
    refusals: dict[str, int]  # why a round kept no more of its draft (a value of Refusal) -> rounds
    gap_nats: float  # nats, log-probability lost by all loose and shifted tokens together
    draft_seconds: float  # s, drafting
    verify_seconds: float  # s, the target's passes and the verdicts

    @property
    def loosened_tokens(self) -> int:
        """Draft tokens that were kept though the target would not say them there."""
        return self.loose_tokens + self.shifted_tokens

    @property
    def mismatches(self) -> int:
        """Draft tokens that were judged and that the target would not say there: kept ones and refused ones."""
        return self.loosened_tokens + sum(self.refusals.values())


def tally(rounds: Sequence[Round]) -> Tally:
    """Count and add up."""
    tokens = [token for event in rounds for token in event.tokens]
    origins = Counter(token.origin for token in tokens)
    return Tally(
        draft_tokens=sum(len(event.draft_tokens) for event in rounds),
        loose_tokens=origins[Origin.LOOSE],
        shifted_tokens=origins[Origin.SHIFTED],
        refusals=dict(Counter(event.refusal.value for event in rounds if event.refusal is not None)),
        gap_nats=sum(token.gap for token in tokens),
        draft_seconds=sum(event.draft_seconds for event in rounds),
        verify_seconds=sum(event.verify_seconds for event in rounds),
    )
