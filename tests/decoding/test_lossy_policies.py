"""What lossy rules keep and refuse, against the rules written out place by place."""

from __future__ import annotations

from dataclasses import replace
from math import log

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.events import Origin, Refusal, Round
from lvspec_cli.decoding.looseness import Looseness, WatchedLayers
from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.decoding.model import Extension
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.policies.fly import in_step_after
from lvspec_cli.decoding.policies.lvspec import chosen_nearby
from lvspec_cli.decoding.relevance import (
    Calibration,
    Judgement,
    PairKnowledge,
    RelevanceJudge,
    check_calibrated,
    settled,
    watched_layers,
)
from lvspec_cli.decoding.sampling import Sampler
from lvspec_cli.decoding.verification import Decision, Proposal, read_pass, read_verdict
from tests.decoding.toy_models import ToyModel

VOCABULARY = 12
SEEDS = 40  # whole decodes, of 40 tokens each
FILLERS = range(6)  # of the table below; from 6 on there are anchors
TABLE = torch.tensor([0.0] * 6 + [2.0] * 6)
CPU = torch.device("cpu")
LOOSE = DecodingOptions("lvspec", looseness=Looseness(relevance="table", min_probability=0.0))


def knowledge(critical: tuple[int, ...] = ()) -> PairKnowledge:
    mask = torch.zeros(VOCABULARY, dtype=torch.bool)
    mask[list(critical)] = True
    return PairKnowledge(Calibration(table=TABLE, thresholds={"table": 1.0}), mask)


def logits_of(choices: list[int], seconds: list[int] | None = None, share: float = 0.3) -> Tensor:
    """Rows whose most probable token is given, and which give another one the probability ``share``."""
    rows = torch.full((len(choices), VOCABULARY), log(1e-9))
    for row, choice in enumerate(choices):
        if seconds is not None and row < len(seconds) and seconds[row] != choice:
            rows[row, seconds[row]] = log(share)
        rows[row, choice] = log(1 - share)
    return rows


def decide(
    draft: list[int],
    choices: list[int],
    options: DecodingOptions = LOOSE,
    known: PairKnowledge | None = None,
    share: float = 0.3,
) -> Decision:
    """The decision of a method on a chain, the target preferring ``choices`` and giving the draft's tokens a share."""
    proposal = Proposal(torch.tensor(draft), None)
    target = read_pass(proposal, Extension(logits_of(choices, draft, share)))
    policy = METHODS[options.method].build(options, known or knowledge(), CPU)
    return read_verdict(proposal, target, policy.verify(proposal, target, Sampler(options, CPU)), greedy=True)


def loosely(**settings: object) -> DecodingOptions:
    return replace(LOOSE, looseness=replace(LOOSE.looseness, **settings))  # type: ignore[arg-type]


def test_a_filler_may_differ_and_an_anchor_may_not() -> None:
    decision = decide([1, 2, 7, 3], [1, 4, 8, 3, 0])
    assert decision.accepted == 2
    assert decision.origins == (Origin.EXACT, Origin.LOOSE)
    assert (decision.next_token, decision.refusal) == (8, Refusal.ANCHOR)


@pytest.mark.parametrize(("judged", "accepted"), [("both", 0), ("draft", 1)])
def test_a_filler_in_place_of_an_anchor_is_kept_only_if_the_draft_alone_is_judged(judged: str, accepted: int) -> None:
    assert decide([1], [8, 0], loosely(judged=judged)).accepted == accepted


def test_an_anchor_that_the_target_says_nearby_is_shifted() -> None:
    decision = decide([7, 8], [8, 7, 0])
    assert decision.origins == (Origin.SHIFTED, Origin.SHIFTED)
    assert decide([7, 8], [8, 7, 0], loosely(shift_window=0)).accepted == 0


@pytest.mark.parametrize("tokens", [([3], [4, 0]), ([4], [3, 0])])
def test_a_critical_token_is_never_loosened_on_either_side(tokens: tuple[list[int], list[int]]) -> None:
    decision = decide(*tokens, known=knowledge(critical=(3,)))
    assert (decision.accepted, decision.refusal) == (0, Refusal.CRITICAL)


def test_the_guard_refuses_what_the_target_finds_too_improbable() -> None:
    guarded = loosely(min_probability=0.1)
    assert decide([1], [2, 0], guarded, share=0.11).accepted == 1
    decision = decide([1], [2, 0], guarded, share=0.09)
    assert (decision.accepted, decision.refusal) == (0, Refusal.GUARD)
    assert decide([7], [8, 0], guarded, share=0.09).refusal is Refusal.ANCHOR


def test_a_token_that_the_table_does_not_know_is_an_anchor_unless_the_attention_says_otherwise() -> None:
    table = TABLE.clone()
    table[1] = float("nan")
    known = PairKnowledge(Calibration(table=table, thresholds={"table": 1.0, "attention": 0.5}))
    assert decide([1], [2, 0], known=known).accepted == 0
    proposal = Proposal(torch.tensor([1, 1]), None)
    logits = logits_of([2, 2, 0], [1, 1])
    target = read_pass(proposal, Extension(logits, video_attention=torch.tensor([0.4, 0.6, 0.0])))
    policy = METHODS["lvspec"].build(LOOSE, known, CPU)
    assert (
        read_verdict(proposal, target, policy.verify(proposal, target, Sampler(LOOSE, CPU)), greedy=True).accepted == 1
    )


def judge(looseness: Looseness, tokens: list[int], calibration: Calibration | None = None, **seen: object) -> Judgement:
    """What a fresh judge says of a chain; ``seen``: what the pass shows of its g + 1 positions."""
    proposal = Proposal(torch.tensor(tokens), None)
    signals = {name: torch.tensor(values) for name, values in seen.items()}
    target = read_pass(proposal, Extension(logits_of([9] * (len(tokens) + 1), tokens), **signals))
    return RelevanceJudge(looseness, calibration, CPU).judge(proposal, target)


@pytest.mark.parametrize(("share", "fillers"), [(0.0, 0), (0.1, 1), (0.5, 5), (0.7, 7), (1.0, 10)])
def test_a_share_of_fillers_is_that_share_of_the_recent_tokens_with_the_lowest_relevance(
    share: float, fillers: int
) -> None:
    attention = [0.5, 0.1, 0.9, 0.3, 0.2, 0.8, 0.4, 1.0, 0.6, 0.7]
    found = judge(Looseness(filler_share=share), [1] * 10, video_attention=[*attention, 0.0])
    assert found.relevance.tolist() == pytest.approx(attention)
    assert found.filler.tolist() == [value * 10 < fillers + 0.5 for value in attention]


def test_of_a_few_tokens_no_share_is_taken_unless_a_calibration_knows_more() -> None:
    looseness = Looseness(filler_share=0.5)
    assert judge(looseness, [1, 2], video_attention=[0.1, 0.2, 0.3]).filler.tolist() == [False, False]
    known = Calibration(ranks={"attention": torch.linspace(0, 1, 100)})
    assert judge(looseness, [1, 2], known, video_attention=[0.1, 0.8, 0.3]).filler.tolist() == [True, False]


def test_unknown_tokens_are_no_fillers_by_share_and_do_not_make_others_fillers() -> None:
    table = TABLE.clone()
    table[1] = float("nan")
    known = Calibration(table=table, ranks={"table": torch.tensor([0.0] * 5 + [2.0] * 5)})
    looseness = Looseness(relevance="table", filler_share=0.5, judged="draft")
    found = judge(looseness, [1] * 30 + [7, 2], known)
    assert found.filler.tolist() == [False] * 30 + [False, True]


def test_unknown_tokens_are_judged_by_the_attention_by_share_too() -> None:
    table = torch.full((VOCABULARY,), float("nan"))
    known = Calibration(table=table, thresholds={"attention": 0.5})
    looseness = Looseness(relevance="table", filler_share=0.5)
    assert judge(looseness, [1, 1], known, video_attention=[0.4, 0.6, 0.0]).filler.tolist() == [True, False]


def test_combined_is_the_mean_of_two_ranks_and_of_one_where_the_table_knows_nothing() -> None:
    table = TABLE.clone()
    table[1] = float("nan")
    ranks = {"table": torch.tensor([0.0, 0.5, 1.0, 3.0]), "attention": torch.tensor([0.1, 0.2, 0.3, 0.4])}
    known = Calibration(table=table, ranks=ranks, thresholds={"combined": 0.6})
    found = judge(
        Looseness(relevance="combined", judged="draft"), [7, 2, 1], known, video_attention=[0.25, 0.35, 0.35, 0.0]
    )
    assert found.relevance.tolist() == pytest.approx([(0.75 + 0.5) / 2, (0.0 + 0.75) / 2, 0.75])
    assert found.filler.tolist() == [False, True, False]


def test_what_was_calibrated_of_other_layers_or_tokens_is_not_used() -> None:
    watched = WatchedLayers((2, 3), 5, 10)
    known = Calibration(table=TABLE, thresholds={"attention": 0.5, "cosine": 0.2, "table": 1.0}, watched=watched)
    assert settled(Looseness(), known).threshold == 0.5
    for other in (
        Looseness(attention_layers=(2,)),
        Looseness(relevance="cosine", state_layer=4),
        Looseness(relevance="cosine", nearest=3),
        Looseness(relevance="cosine", judged="draft"),
    ):
        assert (settled(other, known).threshold, settled(other, known).filler_share) == (None, 0.7)
    assert settled(Looseness(relevance="cosine"), known).threshold == 0.2
    assert settled(Looseness(relevance="table", attention_layers=(2,)), known).threshold == 1.0
    ranks = dict.fromkeys(("table", "attention"), torch.tensor([0.0]))
    with pytest.raises(ValueError, match="attention_layers must be 2,3 with relevance combined"):
        check_calibrated(Looseness(relevance="combined", attention_layers=(4,)), replace(known, ranks=ranks))


@pytest.mark.parametrize(("layers", "watched"), [(1, (0,)), (2, (1,)), (16, (8, 10, 13)), (64, (32, 42, 53))])
def test_an_uncalibrated_target_is_watched_at_a_few_upper_layers(layers: int, watched: tuple[int, ...]) -> None:
    assert watched_layers(Looseness(), None, layers) == WatchedLayers(watched)


def test_cosine_judges_the_state_of_the_draft_token_itself() -> None:
    looseness = Looseness(relevance="cosine", threshold=0.5, min_probability=0, judged="draft")
    options = DecodingOptions("lvspec", looseness=looseness)
    proposal = Proposal(torch.tensor([1, 2]), None)
    target = read_pass(proposal, Extension(logits_of([9, 9, 0], [1, 2]), video_cosine=torch.tensor([0.9, 0.1, 0.8])))
    policy = METHODS["lvspec"].build(options, PairKnowledge(), CPU)
    decision = read_verdict(proposal, target, policy.verify(proposal, target, Sampler(options, CPU)), greedy=True)
    assert decision.relevance == pytest.approx((0.1, 0.8))
    assert decision.accepted == 1


def test_a_signal_without_its_calibration_is_refused() -> None:
    for signal in ("table", "combined"):
        with pytest.raises(ValueError, match="needs a calibrated preset"):
            METHODS["lvspec"].build(loosely(relevance=signal), PairKnowledge(), CPU)


@given(st.lists(st.integers(0, 4), max_size=8), st.lists(st.integers(0, 4), min_size=9, max_size=9), st.integers(1, 4))
def test_nearby_is_what_a_search_finds(tokens: list[int], choices: list[int], window: int) -> None:
    choices = choices[: len(tokens) + 1]
    found = [
        any(choices[j] == token for j in range(len(choices)) if j != i and abs(i - j) <= window)
        for i, token in enumerate(tokens)
    ]
    assert chosen_nearby(torch.tensor(tokens), torch.tensor(choices), window).tolist() == found


@given(st.lists(st.booleans(), min_size=2, max_size=12), st.data())
def test_in_step_is_what_a_search_finds(passed: list[bool], data: st.DataObject) -> None:
    window = data.draw(st.integers(1, len(passed) - 1))
    found = [i + window < len(passed) and all(passed[i + 1 : i + 1 + window]) for i in range(len(passed))]
    assert in_step_after(torch.tensor(passed), window).tolist() == found


def fly(**settings: object) -> DecodingOptions:
    return DecodingOptions("fly", looseness=Looseness(**settings))  # type: ignore[arg-type]


def test_fly_rescues_a_mismatch_that_the_draft_outgrows_where_the_target_hesitates() -> None:
    options = fly(fly_window=2)
    decision = decide([1, 2, 3], [5, 2, 3, 0], options)
    assert (decision.accepted, decision.origins[0]) == (3, Origin.LOOSE)
    assert decide([1, 2, 3], [5, 2, 4, 0], options).accepted == 0  # falls out of step again
    assert decide([1, 2, 3], [5, 2, 3, 0], options, share=0.01).accepted == 0  # the target is sure
    assert decide([1, 2], [5, 2, 0], options).accepted == 0  # the window does not fit
    assert decide([1, 2, 3], [5, 2, 3, 0], options, share=0.01).refusal is Refusal.MISMATCH


def test_flys_entropy_is_of_the_likeliest_tokens_in_nats() -> None:
    entropy = -(0.3 * log(0.3) + 0.7 * log(0.7))
    for bound, accepted in ((entropy - 1e-3, 2), (entropy + 1e-3, 0)):
        assert decide([1, 2], [5, 2, 0], fly(fly_window=1, fly_entropy=bound)).accepted == accepted
    assert decide([1, 2], [5, 2, 0], fly(fly_window=1, fly_top_k=1, fly_entropy=0.3)).accepted == 0


@pytest.mark.parametrize(("share", "accepted"), [(0.0, 0), (1.0, 3)])
def test_random_keeps_its_share_of_mismatches(share: float, accepted: int) -> None:
    options = DecodingOptions("random", looseness=Looseness(random_share=share))
    assert decide([7, 1, 8], [1, 2, 9, 0], options).accepted == accepted


def run(method: str, looseness: Looseness, draft_seed: int = 3, **options: object) -> list[Round]:
    target, draft = ToyModel(VOCABULARY, spread=1.0), ToyModel(VOCABULARY, draft_seed, 0.5, spread=1.0)
    for model in (target, draft):
        model.prefill([1, 2, 3])
    chosen = DecodingOptions(method, max_tokens=40, looseness=looseness, detect_repetition=False, **options)  # type: ignore[arg-type]
    return list(decode(target, draft, chosen, 3, knowledge()))


NOTHING_LOOSE = {
    "lvspec": Looseness(relevance="table", threshold=-1.0, shift_window=0),
    "fly": Looseness(fly_entropy=1e9),
    "random": Looseness(random_share=0.0),
}
# The dice of `random` are thrown from the same generator as the target's draws, which are then others.
COMPARABLE = [
    (method, sampling)
    for method in NOTHING_LOOSE
    for sampling in ({}, {"temperature": 0.9}, {"temperature": 0.7, "top_p": 0.9, "top_k": 5})
    if not (method == "random" and sampling)
]


@pytest.mark.parametrize(("method", "sampling"), COMPARABLE)
@settings(max_examples=SEEDS)
@given(seed=st.integers(1, 500))
def test_a_lossy_method_that_loosens_nothing_is_strict(method: str, sampling: dict[str, float], seed: int) -> None:
    def tokens(method: str, looseness: Looseness) -> list[list[int]]:
        return [[token.id for token in event.tokens] for event in run(method, looseness, seed, seed=seed, **sampling)]

    assert tokens(method, NOTHING_LOOSE[method]) == tokens("strict", Looseness())


@pytest.mark.parametrize("method", ["lvspec", "fly", "random"])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
@settings(max_examples=SEEDS)
@given(seed=st.integers(1, 500))
def test_every_token_tells_what_the_target_thinks_of_it(method: str, temperature: float, seed: int) -> None:
    looseness = Looseness(relevance="table", min_probability=0.05, fly_window=2)
    history = [1, 2, 3]
    for event in run(method, looseness, seed, seed=seed, temperature=temperature, draft_tokens=6):
        for token in event.tokens:
            model = ToyModel(VOCABULARY, spread=1.0)
            model.prefill(history)
            row = model.extend(torch.tensor(history[-1:])).logits[0].log_softmax(-1)
            assert token.choice == int(row.argmax())
            assert token.log_probability == pytest.approx(float(row[token.id]), abs=1e-5)
            assert token.choice_log_probability == pytest.approx(float(row.max()), abs=1e-5)
            assert token.gap == pytest.approx(
                float(row.max() - row[token.id]) if token.origin in (Origin.LOOSE, Origin.SHIFTED) else 0.0, abs=1e-5
            )
            if token.origin in (Origin.LOOSE, Origin.SHIFTED) and method != "fly":
                assert token.log_probability >= log(0.05)
            history.append(token.id)


@pytest.mark.parametrize("method", ["lvspec", "fly", "random"])
@settings(max_examples=SEEDS)
@given(seed=st.integers(1, 500))
def test_what_truncation_leaves_out_is_never_said(method: str, seed: int) -> None:
    loosest = Looseness(
        "table", threshold=9.0, min_probability=0.0, fly_window=1, fly_entropy=0.0, random_share=1.0, critical_words=()
    )
    history = [1, 2, 3]
    for event in run(method, loosest, seed, seed=seed, temperature=1.0, top_k=2, draft_tokens=6):
        for token in event.tokens:
            model = ToyModel(VOCABULARY, spread=1.0)
            model.prefill(history)
            row = model.extend(torch.tensor(history[-1:])).logits[0]
            assert token.id in row.topk(2).indices.tolist()
            history.append(token.id)


def test_the_dice_are_named_where_they_refuse() -> None:
    options = DecodingOptions("random", looseness=Looseness(random_share=0.0))
    assert decide([7], [1, 2], options).refusal is Refusal.CHANCE


def test_flys_window_is_one_for_all_proposals_of_a_decode() -> None:
    options = replace(fly(), draft_tokens=5)  # so that the window is 4
    assert decide([1, 2, 3, 4, 1], [5, 2, 3, 4, 1, 0], options).accepted == 5
    assert decide([1, 2, 3], [5, 2, 3, 0], options).accepted == 0


def test_looser_is_longer() -> None:
    lengths = []
    for threshold in (-1.0, 1.0, 3.0):
        looseness = Looseness(relevance="table", threshold=threshold, min_probability=0.0)
        rounds = [event for seed in range(1, 9) for event in run("lvspec", looseness, seed, draft_tokens=8)]
        lengths.append(sum(len(event.tokens) for event in rounds) / len(rounds))
    assert lengths[0] < lengths[1] < lengths[2]
