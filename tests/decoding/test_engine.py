"""The laws of the decoding loop, for any toy pair, draft length, end and prompt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lvspec_cli.decoding import engine, methods, options
from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.events import Origin, Round
from lvspec_cli.decoding.methods import Method
from lvspec_cli.decoding.model import Extension
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.sampling import Sampler
from lvspec_cli.decoding.verification import Proposal, Reasons, TargetPass, Verdict
from tests.decoding.toy_models import ToyModel


@dataclass(frozen=True)
class Case:
    """A toy pair with a prompt and options."""

    vocabulary_size: int
    draft_seed: int  # 0: the draft equals the target
    share: float  # of histories at which draft and target agree by construction
    rows: int
    prompt: tuple[int, ...]
    options: DecodingOptions

    @property
    def capacity(self) -> int:
        """All positions that a correct decode can need; a toy fails beyond it."""
        return len(self.prompt) - 1 + self.options.max_tokens

    def target(self) -> ToyModel:
        return ToyModel(self.vocabulary_size, rows=self.rows, capacity=self.capacity)

    def draft(self) -> ToyModel:
        return ToyModel(self.vocabulary_size, self.draft_seed, self.share, self.rows, self.capacity)

    def with_options(self, **changes: object) -> Case:
        return Case(**{**vars(self), "options": DecodingOptions(**{**vars(self.options), **changes})})


@st.composite
def cases(draw: st.DrawFn) -> Case:
    vocabulary_size = draw(st.integers(2, 9))
    token = st.integers(0, vocabulary_size - 1)
    return Case(
        vocabulary_size=vocabulary_size,
        draft_seed=draw(st.integers(0, 50)),
        share=draw(st.sampled_from((0.0, 0.5, 0.9, 0.98))),
        rows=draw(st.sampled_from((2, 5, 509))),
        prompt=tuple(draw(st.lists(token, min_size=1, max_size=5))),
        options=DecodingOptions(
            method="strict",
            draft_tokens=draw(st.integers(1, 12)),
            max_tokens=draw(st.integers(1, 90)),
            temperature=draw(st.sampled_from((0.0, 0.0, 0.7, 1.0))),
            top_p=draw(st.sampled_from((1.0, 0.8))),
            top_k=draw(st.sampled_from((0, 3))),
            seed=draw(st.integers(0, 2**63 - 1)),
            stop_tokens=draw(st.frozensets(token, max_size=1)),
            detect_repetition=draw(st.booleans()),
        ),
    )


def for_any_case(law: Callable[[Case], None]) -> Callable[[], None]:
    return settings(max_examples=100, deadline=None, derandomize=True)(given(cases())(law))


class Run:
    """A whole decode, round by round, with both models as they stood after each round."""

    def __init__(self, case: Case, target: ToyModel | None = None) -> None:
        self.target, self.draft = target or case.target(), case.draft()
        first = self.target.prefill(case.prompt)
        assert self.draft.prefill(case.prompt) == first
        self.rounds: list[Round] = []
        self.target_histories: list[list[int]] = []
        self.draft_histories: list[list[int]] = []
        for event in decode(self.target, self.draft, case.options, first):
            self.rounds.append(event)
            self.target_histories.append(self.target.history)
            self.draft_histories.append(self.draft.history)

    @property
    def tokens(self) -> list[int]:
        return [token.id for event in self.rounds for token in event.tokens]

    @property
    def finish_reason(self) -> str | None:
        return self.rounds[-1].finish_reason

    def committed_after(self, prompt: tuple[int, ...], rounds: int) -> list[int]:
        return [*prompt, *(token.id for event in self.rounds[:rounds] for token in event.tokens)]


def loops(tokens: list[int]) -> bool:
    """The definition of a loop, written down plainly: at least 4 copies of a block at the end, 48 tokens long."""
    for period in range(1, 129):
        span = max(48, 4 * period)
        if len(tokens) >= span and tokens[-span + period :] == tokens[-span:-period]:
            return True
    return False


def plain_greedy_decoding(case: Case) -> tuple[list[int], str]:
    """The target alone, in a loop that shares nothing with the engine."""
    model, tokens = case.target(), []
    feed = model.prefill(case.prompt)
    while True:
        feed = int(model.extend(torch.tensor([feed])).logits[0].argmax())
        tokens.append(feed)
        if feed in case.options.stop_tokens:
            return tokens, "stop"
        if case.options.detect_repetition and loops(tokens):
            return tokens, "repetition"
        if len(tokens) == case.options.max_tokens:
            return tokens, "length"


@for_any_case
def test_greedy_decoding_equals_a_plain_loop_over_the_target(case: Case) -> None:
    expected = plain_greedy_decoding(case)
    for method in ("ar", "strict"):
        run = Run(case.with_options(method=method, temperature=0.0))
        assert (run.tokens, run.finish_reason) == expected


@for_any_case
def test_a_draft_equal_to_the_target_is_always_fully_accepted(case: Case) -> None:
    target = ToyModel(case.vocabulary_size, case.draft_seed, case.share, case.rows, case.capacity)
    for event in Run(case, target).rounds:
        assert event.rejected == ()
        assert not any(token.origin is Origin.RECOVERED for token in event.tokens)


@for_any_case
def test_caches_hold_committed_tokens_and_nothing_else_after_every_round(case: Case) -> None:
    run = Run(case)
    for index in range(len(run.rounds)):
        committed = run.committed_after(case.prompt, index + 1)
        assert run.target_histories[index] == committed[:-1]
        seen = run.draft_histories[index]
        assert seen == committed[: len(seen)]
        assert len(committed) - len(seen) <= 2 or run.rounds[index].finish_reason is not None


@for_any_case
def test_the_draft_sees_committed_tokens_and_its_own_proposals_only(case: Case) -> None:
    run = Run(case)
    passes = iter(run.draft.passes)
    for index, event in enumerate(run.rounds):
        context = run.committed_after(case.prompt, index)
        for step in range(len(event.draft_tokens)):
            before, fed = next(passes)
            assert before + len(fed) == len(context) + step
            assert [*context, *event.draft_tokens][before : before + len(fed)] == list(fed)
    assert next(passes, None) is None


@for_any_case
def test_every_round_is_one_target_pass_over_the_last_token_and_the_draft(case: Case) -> None:
    run = Run(case)
    assert len(run.target.passes) == len(run.rounds)
    for index, (event, (_, fed)) in enumerate(zip(run.rounds, run.target.passes, strict=True)):
        assert event.index == index
        assert fed == (run.committed_after(case.prompt, index)[-1], *event.draft_tokens)


@for_any_case
def test_no_more_is_drafted_than_max_tokens_leaves_room_for(case: Case) -> None:
    committed = 0
    for event in Run(case).rounds:
        assert len(event.draft_tokens) == min(case.options.draft_tokens, case.options.max_tokens - committed - 1)
        committed += len(event.tokens)


@for_any_case
def test_max_tokens_is_reached_exactly_unless_something_else_ends_the_output(case: Case) -> None:
    run = Run(case)
    assert 1 <= len(run.tokens) <= case.options.max_tokens
    assert (run.finish_reason == "length") <= (len(run.tokens) == case.options.max_tokens)
    free = Run(case.with_options(stop_tokens=frozenset(), detect_repetition=False))
    assert len(free.tokens) == case.options.max_tokens
    assert free.finish_reason == "length"


@for_any_case
def test_the_output_ends_at_its_first_stop_token(case: Case) -> None:
    run = Run(case)
    stops = [token in case.options.stop_tokens for token in run.tokens]
    assert not any(stops[:-1])
    assert stops[-1] == (run.finish_reason == "stop")
    assert [event.finish_reason for event in run.rounds[:-1]] == [None] * (len(run.rounds) - 1)


@for_any_case
def test_a_round_tells_accepted_rejected_and_own_tokens_apart(case: Case) -> None:
    for event in Run(case).rounds:
        accepted = len(event.draft_tokens) - len(event.rejected)
        assert event.draft_tokens[accepted:] == event.rejected
        drafted = [token.id for token in event.tokens if token.from_draft]
        assert drafted == list(event.draft_tokens[: len(drafted)])
        assert event.num_accepted == len(drafted)
        whole = event.num_accepted == accepted
        assert whole or event.finish_reason is not None
        if len(event.tokens) > accepted:
            own = Origin.TARGET if not event.draft_tokens else Origin.RECOVERED if event.rejected else Origin.BONUS
            assert event.tokens[-1].origin is own


@for_any_case
def test_the_same_seed_gives_the_same_tokens(case: Case) -> None:
    assert Run(case).tokens == Run(case).tokens


@for_any_case
def test_dropping_the_iterator_leaves_the_models_ready_to_go_on(case: Case) -> None:
    whole = plain_greedy_decoding(case.with_options(detect_repetition=False, stop_tokens=frozenset()))[0]
    greedy = case.with_options(temperature=0.0, detect_repetition=False, stop_tokens=frozenset())
    target, draft = greedy.target(), greedy.draft()
    first = target.prefill(greedy.prompt)
    draft.prefill(greedy.prompt)
    rounds = decode(target, draft, greedy.options, first)
    committed = [token.id for token in next(rounds).tokens]
    rounds.close()  # type: ignore[attr-defined]
    assert target.history == [*greedy.prompt, *committed][:-1]
    if len(committed) < len(whole):
        rest = greedy.with_options(method="ar", max_tokens=len(whole) - len(committed)).options
        committed += [token.id for event in decode(target, None, rest, committed[-1]) for token in event.tokens]
    assert committed == whole


def test_the_consumer_is_not_left_in_inference_mode() -> None:
    case = Case(7, 1, 0.5, 509, (1, 2), DecodingOptions(max_tokens=5))
    target, draft = case.target(), case.draft()
    target.prefill(case.prompt)
    for _ in decode(target, draft, case.options, draft.prefill(case.prompt)):
        assert not torch.is_inference_mode_enabled()


def test_models_run_in_inference_mode() -> None:
    class Model(ToyModel):
        def extend(self, tokens: Tensor) -> Extension:
            assert torch.is_inference_mode_enabled()
            return super().extend(tokens)

    assert len(list(decode(Model(), Model(), DecodingOptions(max_tokens=12), 1))) == 2


def test_a_stop_token_inside_an_accepted_chain_ends_it_there() -> None:
    case = Case(50, 0, 0.0, 509, (1, 2), DecodingOptions(draft_tokens=8, max_tokens=9))
    whole = Run(case).rounds[0]
    stop = whole.draft_tokens[3]
    assert stop not in whole.draft_tokens[:3], "choose another prompt"
    (event,) = Run(case.with_options(stop_tokens=frozenset({stop}))).rounds
    assert [token.id for token in event.tokens] == list(whole.draft_tokens[:4])
    assert event.draft_tokens == whole.draft_tokens
    assert event.rejected == ()
    assert event.finish_reason == "stop"


def test_ar_leaves_the_draft_alone() -> None:
    case = Case(7, 1, 0.5, 509, (1, 2, 3), DecodingOptions(method="ar", max_tokens=12))
    run = Run(case)
    assert run.draft.passes == []
    assert all(event.draft_tokens == () and len(event.tokens) == 1 for event in run.rounds)
    assert {token.origin for event in run.rounds for token in event.tokens} == {Origin.TARGET}


def test_a_method_that_drafts_refuses_to_run_without_a_draft() -> None:
    with pytest.raises(ValueError, match="strict needs a draft model"):
        decode(ToyModel(), None, DecodingOptions(), 1)


def test_models_of_different_vocabularies_are_refused() -> None:
    with pytest.raises(ValueError, match="vocabulary has 5 tokens and the target's 7"):
        decode(ToyModel(7), ToyModel(5), DecodingOptions(), 1)


class _KeepEverything:
    """A policy as loose as can be: it shows that the loop copes with tokens the target would not say."""

    def verify(self, proposal: Proposal, target: TargetPass, sampler: Sampler) -> Verdict:
        count = proposal.tokens.shape[0]
        exact = target.choices[:-1] == proposal.tokens
        return Verdict(torch.tensor([count]), target.choices[-1:], Reasons(exact, torch.ones_like(exact)))


def test_a_lossy_policy_commits_what_it_keeps_and_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    loosest = Method("loosest", "keeps all", lossy=True, drafts=True, build=lambda *given: _KeepEverything())
    for module in (engine, options):
        monkeypatch.setattr(module, "METHODS", {**methods.METHODS, "loosest": loosest})
    case = Case(7, 3, 0.5, 509, (1, 2), DecodingOptions(method="loosest", draft_tokens=4, max_tokens=30))
    run = Run(case)
    origins = [token.origin for event in run.rounds for token in event.tokens]
    assert len(run.rounds) == 6
    assert origins.count(Origin.BONUS) == 6
    assert origins.count(Origin.LOOSE) > 5 < origins.count(Origin.EXACT)
    for index, event in enumerate(run.rounds):
        assert event.rejected == ()
        assert run.target_histories[index] == run.committed_after(case.prompt, index + 1)[:-1]
        assert run.draft_histories[index] == run.committed_after(case.prompt, index + 1)[:-2]
