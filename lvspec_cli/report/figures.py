"""The figures of a decode, from a record's statistics, from the rounds of a trace, or of many videos together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from math import exp

from lvspec_cli.report.fields import Fields
from lvspec_cli.report.trace import Part

# Fields of Figures -> keys of a record's `stats`.
_KEYS = {
    "tokens": "num_generated_tokens",
    "rounds": "num_spec_steps",
    "draft_tokens": "num_draft_tokens",
    "accepted": "num_accepted_draft_tokens",
    "loose": "num_loosely_accepted_tokens",
    "shifted": "num_shift_accepted_tokens",
    "gap_nats": "log_probability_gap_nats",
    "read_seconds": "read_seconds",
    "prepare_seconds": "prepare_seconds",
    "prefill_seconds": "prefill_seconds",
    "decode_seconds": "decode_seconds",
    "draft_seconds": "draft_seconds",
    "verify_seconds": "verify_seconds",
    "end_to_end_seconds": "end_to_end_seconds",
}


@dataclass(frozen=True)
class Figures:
    """What can be added up; 0 where nothing is known."""

    tokens: float = 0  # committed
    rounds: float = 0
    draft_tokens: float = 0  # proposed
    accepted: float = 0  # thereof committed
    loose: float = 0  # thereof though the target prefers another
    shifted: float = 0  # thereof because the target says them nearby
    priced: float = 0  # loose and shifted tokens of which it is known what they cost
    gap_nats: float = 0  # nats that these cost
    read_seconds: float = 0
    prepare_seconds: float = 0
    prefill_seconds: float = 0
    decode_seconds: float = 0  # all rounds
    draft_seconds: float = 0  # thereof drafting
    verify_seconds: float = 0  # thereof the target's passes
    end_to_end_seconds: float = 0
    timed_seconds: float = 0  # of decoding, where the next is known
    alone_seconds: float = 0  # that the target alone would take for the same tokens
    decodes: float = 0  # of anything at all
    timed_decodes: float = 0  # thereof where it is known how long the target alone would take

    @classmethod
    def of_stats(cls, stats: Fields) -> Figures:
        """Those of a record. Raises LvspecError."""
        known = {name: stats.number_or_none(key) for name, key in _KEYS.items()}
        if known["accepted"] is None:  # or all would seem to have been rejected
            known["draft_tokens"] = None
        values = {name: value or 0 for name, value in known.items()}
        speedup = stats.number_or_none("estimated_speedup")
        timed = 0 if speedup is None else values["decode_seconds"]
        return cls(
            **values,
            priced=0 if known["gap_nats"] is None else values["loose"] + values["shifted"],
            timed_seconds=timed,
            alone_seconds=timed * (speedup or 0),
            decodes=bool(values["tokens"]),
            timed_decodes=bool(timed),
        )

    @classmethod
    def of_parts(cls, parts: Iterable[Part]) -> Figures:
        """Those of a trace without its record."""
        rounds = [each for part in parts for each in part.rounds]
        kept = [place for each in rounds for place in each.kept]
        loosened = [place for place in kept if place.verdict != "exact"]
        gaps = [
            place.choice.log_probability - place.target_log_probability
            for place in loosened
            if place.choice and place.choice.log_probability is not None and place.target_log_probability is not None
        ]
        return cls(
            tokens=sum(len(each.texts) for each in rounds),
            rounds=len(rounds),
            draft_tokens=sum(len(each.places) for each in rounds),
            accepted=len(kept),
            loose=sum(place.verdict == "loose" for place in loosened),
            shifted=sum(place.verdict == "shifted" for place in loosened),
            priced=len(gaps),
            gap_nats=sum(gaps),
            decode_seconds=sum(each.round_seconds for each in rounds),
            draft_seconds=sum(each.draft_seconds for each in rounds),
            verify_seconds=sum(each.verify_seconds for each in rounds),
            decodes=bool(rounds),
        )

    @classmethod
    def total(cls, several: Sequence[Figures]) -> Figures:
        """Those of many videos together."""
        return cls(**{each.name: sum(getattr(one, each.name) for one in several) for each in fields(cls)})

    @property
    def tokens_per_second(self) -> float | None:
        """Of decoding; None before the first round."""
        return _ratio(self.tokens, self.decode_seconds)

    @property
    def mean_acceptance_length(self) -> float | None:
        """Tokens a round, the target's own included; None before the first round."""
        return _ratio(self.tokens, self.rounds)

    @property
    def acceptance_rate(self) -> float | None:
        """Share of the draft tokens that are in the text; None without a draft."""
        return _ratio(self.accepted, self.draft_tokens)

    @property
    def speedup(self) -> float | None:
        """Time of the target alone over that of decoding; None if it is not known."""
        return _ratio(self.alone_seconds, self.timed_seconds)

    @property
    def gap_per_token(self) -> float | None:
        """Nats a token that loosening cost; None if that is not known of every loosened token."""
        return _ratio(self.gap_nats, self.tokens) if self.priced == self.loosened else None

    @property
    def loosened(self) -> float:
        """Tokens that were kept though the target would not say them."""
        return self.loose + self.shifted

    @property
    def loosened_ratio(self) -> float | None:
        """Probability of a loosened token over that of the target's choice, the geometric mean; None if not known."""
        gap = _ratio(self.gap_nats, self.loosened) if self.priced == self.loosened else None
        return None if gap is None else exp(-max(gap, 0))

    @property
    def other_seconds(self) -> float:
        """Decoding that is neither drafting nor verifying."""
        return max(self.decode_seconds - self.draft_seconds - self.verify_seconds, 0)

    @property
    def elsewhere_seconds(self) -> float:
        """From the path to the text, without all that is timed by itself."""
        timed = self.read_seconds + self.prepare_seconds + self.prefill_seconds + self.decode_seconds
        return max(self.end_to_end_seconds - timed, 0)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
