"""Stats are sums over rounds, and agree with each other."""

from __future__ import annotations

import json

import pytest

from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.events import Origin, Refusal, Round, Token
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.stats import DecodingStats
from tests.decoding.toy_models import ToyModel


def a_round(draft_tokens: int, *origins: Origin) -> Round:
    accepted = sum(origin.from_draft for origin in origins)
    return Round(
        index=0,
        draft_tokens=(5,) * draft_tokens,
        tokens=tuple(Token(5, origin, -0.5, 6, -0.25) for origin in origins),
        rejected=(5,) * (draft_tokens - accepted),
        draft_seconds=0.25,
        verify_seconds=0.5,
        round_seconds=1.0,
        finish_reason=None,
        refusal=Refusal.ANCHOR if accepted < draft_tokens else None,
    )


def test_rounds_add_up() -> None:
    stats = DecodingStats(video_tokens=90, draft_video_tokens=9, prefill_seconds=3.0, target_step_seconds=0.75)
    stats.observe(a_round(4, Origin.EXACT, Origin.LOOSE, Origin.SHIFTED, Origin.LOOSE, Origin.BONUS))
    stats.observe(a_round(4, Origin.EXACT, Origin.RECOVERED))
    stats.observe(a_round(0, Origin.TARGET))
    assert stats.as_dict() == {
        "num_generated_tokens": 8,
        "num_spec_steps": 3,
        "num_plain_rounds": 1,
        "num_draft_tokens": 8,
        "num_accepted_draft_tokens": 5,
        "num_loosely_accepted_tokens": 2,
        "num_shift_accepted_tokens": 1,
        "num_anchor_refusals": 1,
        "num_critical_refusals": 0,
        "num_guard_refusals": 0,
        "log_probability_gap_nats": 0.75,
        "mean_log_probability_gap_nats": 0.75 / 8,
        "mean_acceptance_length": 8 / 3,
        "draft_acceptance_rate": 5 / 8,
        "acceptance_histogram": [1, 1, 0, 0, 1],
        "video_tokens": 90,
        "draft_video_tokens": 9,
        "prefill_seconds": 3.0,
        "decode_seconds": 3.0,
        "draft_seconds": 0.75,
        "verify_seconds": 1.5,
        "draft_cost_ratio": None,
        "tokens_per_second": 8 / 3,
        "memory_bytes": None,
        "target_step_seconds": 0.75,
        "estimated_speedup": 2.0,
    }


def test_what_is_not_defined_is_none_rather_than_a_number() -> None:
    figures = DecodingStats().as_dict()
    for name in ("mean_acceptance_length", "draft_acceptance_rate", "tokens_per_second"):
        assert figures[name] is None
    assert figures["acceptance_histogram"] == []


@pytest.mark.parametrize("method", ["ar", "strict"])
def test_stats_of_a_decode_agree_with_each_other_and_with_its_events(method: str) -> None:
    target, draft = ToyModel(), ToyModel(seed=4, share=0.8)
    target.prefill([1, 2])
    rounds = list(decode(target, draft, DecodingOptions(method, max_tokens=50), draft.prefill([1, 2])))
    stats = DecodingStats()
    for event in rounds:
        stats.observe(event)
    assert stats.num_generated_tokens == 50
    assert stats.num_spec_steps == len(rounds) == sum(stats.acceptance_histogram)
    accepted = sum(count * rounds for count, rounds in enumerate(stats.acceptance_histogram))
    assert accepted == stats.num_accepted_draft_tokens
    assert stats.num_generated_tokens == accepted + len(rounds)
    assert stats.draft_seconds + stats.verify_seconds <= stats.decode_seconds
    assert min(event.verify_seconds for event in rounds) > 0
    json.dumps(stats.as_dict(), allow_nan=False)
