"""What rounds tell of every draft place, and the evidence that they carry when it is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from math import isnan, log

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.events import Fate, Grounding, Origin, Round
from lvspec_cli.decoding.evidence import MOST_ROUNDS, Evidence, read_groundings
from lvspec_cli.decoding.looseness import Looseness
from lvspec_cli.decoding.model import Extension, VideoGrounding
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.relevance import Calibration, PairKnowledge
from tests.decoding.toy_models import ToyModel

VOCABULARY = 9
PLACES = 6
TABLE = torch.tensor([0.0, 1.0, float("nan"), 3.0, 0.1, 2.0, 0.2, 0.3, 5.0])
KNOWN = PairKnowledge(Calibration(table=TABLE, thresholds={"table": 1.0}), torch.arange(VOCABULARY) == 4)
METHODS = ("strict", "lvspec", "fly", "random", "ar")


class _Seeing(ToyModel):
    """A toy that also says where it looks: at a place that the fed token decides."""

    looks_away = False  # whether it is asked too late

    def extend(self, tokens: Tensor) -> Extension:
        weights = torch.nn.functional.one_hot(tokens % PLACES, PLACES) * 0.5 + 0.1

        def look(rows: Sequence[int]) -> VideoGrounding:
            assert not self.looks_away
            return VideoGrounding(weights[rows], PLACES, 0)

        return replace(super().extend(tokens), grounding=lambda rows: partial(look, rows))


def rounds_of(options: DecodingOptions, seed: int = 3, share: float = 0.7, seeing: bool = True) -> list[Round]:
    target = (_Seeing if seeing else ToyModel)(VOCABULARY)
    draft = ToyModel(VOCABULARY, seed, share)
    first = target.prefill((1, 2))
    draft.prefill((1, 2))
    return list(decode(target, draft, options, first, KNOWN))


options_of_any_kind = st.builds(
    DecodingOptions,
    method=st.sampled_from(METHODS),
    draft_tokens=st.integers(1, 10),
    max_tokens=st.integers(1, 60),
    temperature=st.sampled_from((0.0, 0.0, 0.8)),
    top_k=st.sampled_from((0, 3)),
    seed=st.integers(0, 99),
    stop_tokens=st.frozensets(st.integers(0, VOCABULARY - 1), max_size=2),
    looseness=st.just(Looseness(relevance="table", min_probability=0.02, fly_window=1)),
    trace=st.booleans(),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(options_of_any_kind, st.integers(0, 30))
def test_every_draft_token_has_one_place_and_one_fate(options: DecodingOptions, seed: int) -> None:
    for event in rounds_of(options, seed):
        count = len(event.draft_tokens)
        per_place = (event.draft_log_probabilities, event.relevance, event.fillers, event.fates)
        assert {len(values) for values in per_place} == {count}
        assert len(event.choices) == len(event.choice_log_probabilities) == count + 1
        fates = Counter(event.fates)
        assert fates[Fate.REJECTED] == bool(event.rejected)
        assert fates[Fate.REJECTED] + fates[Fate.DISCARDED] == len(event.rejected)
        assert (event.refusal is not None) == bool(event.rejected)
        assert fates[Fate.BEYOND] == 0 or event.finish_reason is not None


@settings(max_examples=150, deadline=None, derandomize=True)
@given(options_of_any_kind, st.integers(0, 30))
def test_places_and_committed_tokens_tell_the_same(options: DecodingOptions, seed: int) -> None:
    for event in rounds_of(options, seed):
        drafted = [token for token in event.tokens if token.from_draft]
        for place, token in enumerate(drafted):
            assert (token.id, token.origin.value) == (event.draft_tokens[place], event.fates[place].value)
            assert token.log_probability == event.draft_log_probabilities[place]
            assert token.relevance == event.relevance[place]
        for place, token in enumerate(event.tokens):
            assert token.choice == event.choices[place]
            assert token.choice_log_probability == event.choice_log_probabilities[place]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_evidence_changes_no_token(method: str, temperature: float) -> None:
    loose = Looseness(relevance="table", fly_window=2)
    options = DecodingOptions(method, 5, 80, temperature=temperature, seed=4, looseness=loose)
    tokens = [
        [[token.id for token in event.tokens] for event in rounds_of(replace(options, trace=trace), seeing=trace)]
        for trace in (False, True)
    ]
    assert tokens[0] == tokens[1]


def test_without_a_trace_there_is_no_evidence() -> None:
    for event in rounds_of(DecodingOptions(max_tokens=20), seeing=False):
        assert event.own_log_probabilities is None
        assert event.groundings is None


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_the_draft_tells_its_own_log_probabilities(temperature: float) -> None:
    options = DecodingOptions(draft_tokens=4, max_tokens=40, temperature=temperature, top_k=3, trace=True)
    draft, committed = ToyModel(VOCABULARY, 3, 0.7), [1, 2]
    for event in rounds_of(options):
        draft.rollback(0)
        logits = draft.extend(torch.tensor([*committed, *event.draft_tokens])).logits[len(committed) - 1 :]
        expected = [logits.log_softmax(-1)[place, token].item() for place, token in enumerate(event.draft_tokens)]
        assert (event.own_log_probabilities or ()) == pytest.approx(expected)
        committed += [token.id for token in event.tokens]


def test_a_grounding_is_that_of_the_token_before() -> None:
    before = 2
    for event in rounds_of(DecodingOptions(draft_tokens=4, max_tokens=40, trace=True)):
        assert event.groundings is not None
        assert len(event.groundings) == len(event.draft_tokens) + 1
        for seen, token in zip(event.groundings, (before, *event.draft_tokens), strict=True):
            if seen is not None:
                assert seen.levels.index(255) == token % PLACES
                assert (seen.share, seen.largest) == pytest.approx((0.5 + 0.1 * PLACES, 0.6))
        before = event.tokens[-1].id


@settings(max_examples=100, deadline=None, derandomize=True)
@given(options_of_any_kind, st.integers(0, 30))
def test_whatever_is_committed_or_rejected_is_grounded_but_for_fillers(options: DecodingOptions, seed: int) -> None:
    for event in rounds_of(replace(options, trace=True), seed):
        assert event.groundings is not None
        told = [grounding is not None for grounding in event.groundings]
        accepted = [fate.value in ("exact", "loose", "shifted") for fate in event.fates]
        expected = [kept and not filler for kept, filler in zip(accepted, event.fillers, strict=True)]
        expected.append(False)
        if event.rejected or not event.tokens[-1].from_draft:
            expected[len(event.draft_tokens) - len(event.rejected)] = True
        assert told == expected


def test_what_counts_as_a_filler_is_told_where_the_method_asks() -> None:
    options = DecodingOptions("lvspec", 6, 60, looseness=Looseness(relevance="table", min_probability=0.0))
    judged = [event for seed in range(1, 6) for event in rounds_of(options, seed, share=0.3)]
    for event in judged:
        for token, choice, filler in zip(event.draft_tokens, event.choices, event.fillers, strict=False):
            known = TABLE[[token, choice]]
            assert filler is bool((known < 1.0).all())
    assert Origin.LOOSE in {token.origin for event in judged for token in event.tokens}
    for method in ("strict", "fly", "random"):
        rounds = rounds_of(replace(options, method=method))
        assert {filler for event in rounds for filler in event.fillers} == {None}


def test_a_stop_token_in_the_draft_leaves_accepted_tokens_beyond_the_end() -> None:
    options = DecodingOptions(draft_tokens=8, max_tokens=9)
    (whole,) = rounds_of(options, seed=0)
    place = next(place for place, pair in enumerate(pairwise(whole.draft_tokens)) if pair[1] not in pair[:1]) + 1
    stop = whole.draft_tokens[place]
    first = whole.draft_tokens.index(stop)
    (event,) = rounds_of(replace(options, stop_tokens=frozenset({stop})), seed=0)
    assert event.fates == (*[Fate.EXACT] * (first + 1), *[Fate.BEYOND] * (7 - first))
    assert event.finish_reason == "stop"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.floats(0, 1, width=32), min_size=5, max_size=5), min_size=1, max_size=4))
def test_levels_are_shares_of_the_largest(rows: Sequence[Sequence[float]]) -> None:
    weights = torch.tensor(rows)
    for row, seen in zip(rows, read_groundings([VideoGrounding(weights, 5, 0)]), strict=True):
        assert seen.share == pytest.approx(torch.tensor(row).sum().item())
        assert seen.largest == max(row)
        for number, level in zip(row, seen.levels, strict=True):
            assert level / 255 * seen.largest == pytest.approx(number, abs=seen.largest / 400 + 1e-29)


def test_what_a_step_carries_is_told_before_levels_round_it_away() -> None:
    weights = torch.full((1, 8193), 0.25 / 8192)
    weights[0, 0] = 0.2
    (seen,) = read_groundings([VideoGrounding(weights, 8192, 32)])
    assert not any(seen.levels[1:])
    others = 0.25 / 32
    assert seen.steps == pytest.approx(((0.2 + others * 255 / 256) / 0.45, *[others / 0.45] * 31), rel=1e-4)
    (seen,) = read_groundings([VideoGrounding(weights, 8192, 0)])
    assert seen.steps is None


class _Rounds:
    """Made-up evidence of some rounds, which counts how often somebody looks."""

    def __init__(self, explained: Sequence[Sequence[bool]], seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.count = 0
        self._places = [[place for place, told in enumerate(row) if told] for row in explained]
        self._sizes = [len(row) for row in explained]
        self._logits = [torch.randn(len(row), 1, VOCABULARY, generator=generator).unbind() for row in explained]
        self._tokens = [torch.randint(VOCABULARY, (len(row),), generator=generator) for row in explained]
        self._weights = [torch.rand(len(row), 7, generator=generator) for row in self._places]

    def add(self, evidence: Evidence, number: int) -> tuple[Sequence[float], Sequence[Grounding | None]]:
        """Hand over one round."""

        def look() -> VideoGrounding:
            self.count += 1
            return VideoGrounding(self._weights[number], 6, 2)

        own = evidence.of_draft(self._logits[number], self._tokens[number])
        seen = evidence.of_video(lambda _: look, self._places[number], self._sizes[number])
        evidence.round_ends()
        return own, seen


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=4), min_size=1, max_size=4), st.integers(0, 99))
def test_evidence_of_several_rounds_is_the_same_worked_out_together_or_one_by_one(
    explained: list[list[bool]], seed: int
) -> None:
    rounds, shared = _Rounds(explained, seed), Evidence()
    together = [rounds.add(shared, number) for number in range(len(explained))]
    assert rounds.count == 0
    for number, row in enumerate(explained):
        own, seen = rounds.add(Evidence(), number)
        assert list(together[number][0]) == pytest.approx(list(own))
        assert list(together[number][1]) == list(seen)
        assert [each is not None for each in seen] == row


def test_evidence_waits_for_somebody_who_asks_or_for_enough_rounds() -> None:
    rounds, evidence = _Rounds([[True]] * (MOST_ROUNDS + 2), 0), Evidence()
    first = [rounds.add(evidence, number)[1] for number in range(2)]
    assert rounds.count == 0
    assert first[0][0] is not None
    assert rounds.count == 2
    for number in range(2, MOST_ROUNDS + 2):
        assert rounds.count == 2
        rounds.add(evidence, number)
    assert rounds.count == MOST_ROUNDS + 2


def test_evidence_waits_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds, evidence = _Rounds([[True]] * 3, 0), Evidence()
    monkeypatch.setattr("lvspec_cli.decoding.evidence.MOST_BYTES", 3 * 4 * VOCABULARY)
    counts = []
    for number in range(3):
        rounds.add(evidence, number)
        counts.append(rounds.count)
    assert counts == [0, 0, 3]


@pytest.mark.parametrize("error", [MemoryError, torch.OutOfMemoryError])
def test_evidence_for_which_memory_does_not_suffice_is_not_known(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> VideoGrounding:
        raise error

    evidence, logits = Evidence(), torch.zeros(2, 1, VOCABULARY).unbind()
    own = evidence.of_draft(logits, torch.tensor([1, 2]))
    seen = evidence.of_video(lambda _: fail, [0], 3)
    assert list(own) == pytest.approx(2 * [-log(VOCABULARY)])
    assert list(seen) == [None] * 3
    monkeypatch.setattr("lvspec_cli.decoding.evidence.cross_entropy", fail)
    own = evidence.of_draft(logits, torch.tensor([1, 2]))
    assert [isnan(each) for each in own] == [True, True]


def test_what_is_wrong_with_evidence_for_another_reason_is_told() -> None:
    def fail() -> VideoGrounding:
        raise ValueError("defect")

    evidence = Evidence()
    evidence.of_video(lambda _: fail, [0], 3)
    with pytest.raises(ValueError, match="defect"):
        evidence.settle()


@pytest.mark.parametrize("dropped", [False, True])
def test_what_nobody_asked_for_is_worked_out_when_the_decode_is_over(dropped: bool) -> None:
    options = DecodingOptions(draft_tokens=4, max_tokens=40, trace=True)
    asked = rounds_of(options)[:3]
    target, draft = _Seeing(VOCABULARY), ToyModel(VOCABULARY, 3, 0.7)
    decoding = decode(target, draft, options, target.prefill((1, 2)), KNOWN)
    draft.prefill((1, 2))
    late = [next(decoding) for _ in range(3)]
    if dropped:
        decoding.close()  # type: ignore[attr-defined]
    else:
        list(decoding)
    target.looks_away = True
    for event, expected in zip(late, asked, strict=True):
        assert list(event.groundings or ()) == list(expected.groundings or ())
        assert list(event.own_log_probabilities or ()) == pytest.approx(list(expected.own_log_probabilities or ()))
