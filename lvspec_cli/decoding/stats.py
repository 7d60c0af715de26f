"""What a decode did, in numbers. Names follow vLLM's where it has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from lvspec_cli.decoding.events import Origin, Refusal, Round

_FEW_ROUNDS = 10
_TOLD_REFUSALS = (Refusal.ANCHOR, Refusal.CRITICAL, Refusal.GUARD)
_OF_A_MODEL = ("target_step_seconds", "draft_cost_ratio")  # these do not add up: the latest figure counts


@dataclass
class DecodingStats:
    """Adds up rounds. Times are wall clock; the consumer's own work between rounds is not in them."""

    video_tokens: int = 0  # that the target saw; counted by the caller
    draft_video_tokens: int | None = None  # that the draft saw, None without a draft; counted by the caller
    memory_bytes: int | None = None  # in use for the target's device after prefill; measured by the caller
    target_step_seconds: float | None = None  # s, the target's pass over one token; measured by the caller
    prefill_seconds: float = 0.0  # s, both models; measured by the caller
    decode_seconds: float = 0.0  # s, all rounds, the engine's own work included
    draft_seconds: float = 0.0  # s, thereof drafting
    verify_seconds: float = 0.0  # s, thereof the target's passes and the verdicts
    num_spec_steps: int = 0  # rounds, those without a draft included
    num_plain_rounds: int = 0  # thereof those without a draft
    num_draft_tokens: int = 0  # proposed
    tokens_by_origin: Counter[Origin] = field(default_factory=Counter)  # committed
    refusals: Counter[Refusal] = field(default_factory=Counter)  # rounds, by why their chain ended
    gap: float = 0.0  # nats that loose and shifted tokens cost
    draft_cost_ratio: float | None = None  # draft step over target step, where the draft length is auto; by the caller
    rounds_by_accepted: Counter[int] = field(default_factory=Counter)  # accepted draft tokens -> rounds

    @classmethod
    def of_dict(cls, known: Mapping[str, Any]) -> DecodingStats:
        """Statistics of which `as_dict` says the same. What a dictionary does not tell apart counts as one of its kind.

        ``known``: a dictionary that `as_dict` made, or one with more in it, such as the `stats` of a record.
        """
        drafted, loose, shifted = (
            known[f"num_{kind}_tokens"] for kind in ("accepted_draft", "loosely_accepted", "shift_accepted")
        )
        origins = {
            Origin.EXACT: drafted - loose - shifted,
            Origin.LOOSE: loose,
            Origin.SHIFTED: shifted,
            Origin.RECOVERED: known["num_generated_tokens"] - drafted,
        }
        refusals = {kind: known[f"num_{kind.value}_refusals"] for kind in _TOLD_REFUSALS}
        return cls(
            **{each.name: known[each.name] for each in fields(cls) if each.name in known},
            tokens_by_origin=Counter(origins),
            refusals=Counter(refusals),
            gap=known["log_probability_gap_nats"],
            rounds_by_accepted=Counter(dict(enumerate(known["acceptance_histogram"]))),
        )

    def observe(self, event: Round) -> None:
        """Take the next round into account."""
        self.decode_seconds += event.round_seconds
        self.draft_seconds += event.draft_seconds
        self.verify_seconds += event.verify_seconds
        self.num_spec_steps += 1
        self.num_plain_rounds += not event.draft_tokens
        self.num_draft_tokens += len(event.draft_tokens)
        self.tokens_by_origin.update(token.origin for token in event.tokens)
        self.rounds_by_accepted[event.num_accepted] += 1
        self.gap += sum(token.gap for token in event.tokens)
        if event.refusal is not None:
            self.refusals[event.refusal] += 1

    def add(self, other: DecodingStats) -> None:
        """Take in another decode, such as that of the next part of the same video."""
        for each in fields(self):
            ours, theirs = getattr(self, each.name), getattr(other, each.name)
            if each.name == "memory_bytes":
                together = max(filter(None, (ours, theirs)), default=None)
            elif each.name in _OF_A_MODEL:
                together = ours if theirs is None else theirs
            else:
                together = theirs if ours is None else ours if theirs is None else ours + theirs
            setattr(self, each.name, together)

    @property
    def num_generated_tokens(self) -> int:
        """Committed tokens, a final stop token included."""
        return self.tokens_by_origin.total()

    @property
    def num_accepted_draft_tokens(self) -> int:
        """Committed tokens that the draft proposed."""
        return sum(count for origin, count in self.tokens_by_origin.items() if origin.from_draft)

    @property
    def mostly_plain(self) -> bool:
        """Whether most rounds had no draft; so few rounds that the end of the output decides do not count."""
        return 2 * self.num_plain_rounds > self.num_spec_steps >= _FEW_ROUNDS

    @property
    def mean_acceptance_length(self) -> float | None:
        """Committed tokens per round, the target's own token included; None before the first round."""
        return _ratio(self.num_generated_tokens, self.num_spec_steps)

    @property
    def draft_acceptance_rate(self) -> float | None:
        """Share of the draft tokens that were committed; None if nothing was drafted."""
        return _ratio(self.num_accepted_draft_tokens, self.num_draft_tokens)

    @property
    def acceptance_histogram(self) -> list[int]:
        """Item i is the number of rounds that committed i draft tokens."""
        return [self.rounds_by_accepted[count] for count in range(max(self.rounds_by_accepted, default=-1) + 1)]

    @property
    def tokens_per_second(self) -> float | None:
        """Committed tokens per second of decoding, prefill left out; None before the first round."""
        return _ratio(self.num_generated_tokens, self.decode_seconds)

    @property
    def estimated_speedup(self) -> float | None:
        """Seconds that the target alone would take for as many tokens, over those it took; None if not known."""
        if self.target_step_seconds is None or not self.num_draft_tokens:
            return None
        return _ratio(self.num_generated_tokens * self.target_step_seconds, self.decode_seconds)

    def as_dict(self) -> dict[str, int | float | list[int] | None]:
        """The `stats` of a record: JSON values, units in the keys."""
        return {
            "num_generated_tokens": self.num_generated_tokens,
            "num_spec_steps": self.num_spec_steps,
            "num_plain_rounds": self.num_plain_rounds,
            "num_draft_tokens": self.num_draft_tokens,
            "num_accepted_draft_tokens": self.num_accepted_draft_tokens,
            "num_loosely_accepted_tokens": self.tokens_by_origin[Origin.LOOSE],
            "num_shift_accepted_tokens": self.tokens_by_origin[Origin.SHIFTED],
            "num_anchor_refusals": self.refusals[Refusal.ANCHOR],
            "num_critical_refusals": self.refusals[Refusal.CRITICAL],
            "num_guard_refusals": self.refusals[Refusal.GUARD],
            "log_probability_gap_nats": self.gap,
            "mean_log_probability_gap_nats": _ratio(self.gap, self.num_generated_tokens),
            "mean_acceptance_length": self.mean_acceptance_length,
            "draft_acceptance_rate": self.draft_acceptance_rate,
            "acceptance_histogram": self.acceptance_histogram,
            "video_tokens": self.video_tokens,
            "draft_video_tokens": self.draft_video_tokens,
            "memory_bytes": self.memory_bytes,
            "prefill_seconds": self.prefill_seconds,
            "decode_seconds": self.decode_seconds,
            "draft_seconds": self.draft_seconds,
            "draft_cost_ratio": self.draft_cost_ratio,
            "verify_seconds": self.verify_seconds,
            "tokens_per_second": self.tokens_per_second,
            "target_step_seconds": self.target_step_seconds,
            "estimated_speedup": self.estimated_speedup,
        }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
