"""The engine's choice of a draft length, by times and acceptance that the tests dictate: no clock is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvspec_cli.decoding import engine
from lvspec_cli.decoding.clock import RoundTimes
from lvspec_cli.decoding.draft_length import LONGEST, DraftLength
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.stats import DecodingStats
from tests.decoding.test_engine import Case, Run, cases, plain_greedy_decoding
from tests.decoding.toy_models import ToyModel

ROOM = 10_000


@dataclass(frozen=True)
class World:
    """A pair as the theory has it."""

    acceptance: float  # of every draft token, 0 to 1
    step: float  # s, a draft step
    base: float = 1.0  # s, a pass of the target over one token
    slope: float = 0.0  # s, that pass for every draft token more
    noise: float = 0.0  # a time is longer by up to this share, and ten times as long in one of 30 rounds

    def speed(self, length: int) -> float:
        """Tokens a second at a fixed draft length, by the formula."""
        tokens = sum(self.acceptance**place for place in range(length + 1))
        return tokens / (self.base + (self.slope + self.step) * length)

    @property
    def best(self) -> float:
        """Tokens a second at the best draft length, none at all included."""
        return max(map(self.speed, range(LONGEST + 1)))


class Decode:
    """Rounds of a world under a `DraftLength`."""

    def __init__(self, length: DraftLength, seed: int = 0) -> None:
        self._length, self._random = length, Random(seed)
        length.begin()

    def run(self, world: World, rounds: int) -> list[int]:
        """The lengths that were chosen."""
        return [self._round(world) for _ in range(rounds)]

    def _round(self, world: World) -> int:
        count = self._length.choose(ROOM)
        accepted = 0
        while accepted < count and self._random.random() < world.acceptance:
            accepted += 1
        verify = (world.base + world.slope * count) * self._delay(world)
        self._length.observe(count, accepted, world.step * count * self._delay(world), verify)
        return count

    def _delay(self, world: World) -> float:
        if not world.noise:
            return 1.0
        return (1 + world.noise * self._random.random()) * (10 if self._random.random() < 1 / 30 else 1)


def mean_speed(world: World, chosen: list[int]) -> float:
    """Tokens a second over rounds of these lengths, as expected."""
    seconds = [world.base + (world.slope + world.step) * length for length in chosen]
    tokens = [world.speed(length) * each for length, each in zip(chosen, seconds, strict=True)]
    return sum(tokens) / sum(seconds)


worlds = st.builds(
    World,
    acceptance=st.floats(0.0, 0.97),
    step=st.floats(0.01, 2.0),
    base=st.just(1.0),
    slope=st.floats(0.0, 0.2),
    noise=st.sampled_from((0.0, 0.2)),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(worlds, st.integers(0, 1000))
def test_it_comes_near_the_best_length(world: World, seed: int) -> None:
    """Typically within 1 or 2 %; the worst of thousands of worlds, whose dice may fall badly, within 7 %."""
    decode = Decode(DraftLength(), seed)
    decode.run(world, 100)
    assert mean_speed(world, decode.run(world, 1000)) >= 0.93 * world.best


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_over_many_pairs_it_loses_little_to_their_best_lengths(noise: float) -> None:
    shares = []
    for seed, (acceptance, step) in enumerate((a, c) for a in (0.3, 0.6, 0.8, 0.95) for c in (0.05, 0.2, 0.5)):
        world, length = World(acceptance, step, slope=0.05, noise=noise), DraftLength()
        Decode(length, seed).run(world, 100)
        shares.append(mean_speed(world, Decode(length, seed).run(world, 500)) / world.best)
    assert sum(shares) / len(shares) > 0.98
    assert min(shares) > 0.95


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(10, 2000), st.integers(0, 200), st.floats(1e-4, 10.0))
def test_without_noise_it_ends_at_the_maximum_of_the_formula(step: int, slope: int, unit: float) -> None:
    world = World(0.0, step * unit / 1000, unit, slope * unit / 1000)
    sure = replace(world, acceptance=1.0)  # a draft that is always right, and one that never is
    for each, expected in ((world, 0), (sure, max(range(LONGEST + 1), key=sure.speed))):
        decode = Decode(DraftLength())
        decode.run(each, 400)
        chosen = decode.run(each, 300)
        most = max(set(chosen), key=chosen.count)
        assert most == expected or each.speed(most) > 0.95 * each.best  # it never quite believes in 0 or 1


@pytest.mark.parametrize("acceptance", [0.0, 0.5, 0.99])
def test_a_draft_dearer_than_the_target_is_tried_rarely(acceptance: float) -> None:
    chosen = Decode(DraftLength()).run(World(acceptance, step=1.2), 1000)
    assert chosen[-1] == 0
    assert sum(length > 0 for length in chosen) < 45
    assert any(chosen[-200:])


def test_a_spoiled_first_measurement_is_corrected() -> None:
    world, length = World(0.04, 0.24, slope=0.16), DraftLength()
    decode = Decode(length)
    decode.run(replace(world, base=20.0), 4)  # something else was running
    decode.run(world, 100)
    assert mean_speed(world, decode.run(world, 300)) > 0.94 * world.best


def test_it_follows_the_text() -> None:
    easy, hard = World(0.9, 0.1), World(0.05, 0.4)
    decode = Decode(DraftLength())
    for world in (easy, hard, easy):
        decode.run(world, 250)
        assert mean_speed(world, decode.run(world, 100)) > 0.93 * world.best


def test_no_more_is_chosen_than_there_is_room_for() -> None:
    length = DraftLength()
    for room in (3, 0, 1, 2, 40, 7, 1, 0, *[2] * 50):
        count = length.choose(room)
        assert 0 <= count <= min(room, LONGEST)
        length.observe(count, count, 0.1 * count, 1.0)


def test_a_new_decode_goes_on_with_what_is_known_of_the_pair() -> None:
    world, length = World(0.9, 0.1), DraftLength()
    Decode(length).run(world, 100)
    assert mean_speed(world, Decode(length, seed=1).run(world, 8)) > 0.95 * world.best
    assert length.draft_ratio == pytest.approx(0.1)
    assert length.acceptance == pytest.approx(0.9, abs=0.05)


class _Any(DraftLength):
    """Chooses by dice, so that every sequence of lengths comes up."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = Random(seed)

    def choose(self, room: int) -> int:
        return self._random.randint(0, min(room, 6)) * self._random.randint(0, 1)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(cases(), st.integers(0, 1000))
def test_the_output_is_the_targets_own_whatever_lengths_are_chosen(case: Case, seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "DraftLength", lambda: _Any(seed))
        run = Run(case.with_options(draft_tokens="auto", temperature=0.0))
    assert (run.tokens, run.finish_reason) == plain_greedy_decoding(case.with_options(temperature=0.0))
    for index in range(len(run.rounds)):
        committed = run.committed_after(case.prompt, index + 1)
        assert run.target_histories[index] == committed[:-1]
        seen = run.draft_histories[index]
        assert seen == committed[: len(seen)]


class _Clock:
    """Says that a pass of the draft takes `step` times as long as one of the target."""

    def __init__(self, draft: ToyModel, step: float) -> None:
        self._draft, self._step, self._passes = draft, step, 0

    def start(self) -> None:
        self._passes = len(self._draft.passes)

    def drafted(self) -> None:
        """A round needs no more than its beginning and its end."""

    verified = drafted

    def stop(self) -> RoundTimes:
        seconds = self._step * (len(self._draft.passes) - self._passes)
        return RoundTimes(seconds, 1.0, seconds + 1.0)


@pytest.mark.parametrize(("step", "pays"), [(1.5, False), (0.05, True)])
def test_the_engine_drafts_where_it_pays_and_elsewhere_says_that_it_does_not(
    monkeypatch: pytest.MonkeyPatch, step: float, pays: bool
) -> None:
    options = DecodingOptions(draft_tokens="auto", max_tokens=200, detect_repetition=False)
    case = Case(50, 3, 0.9, 509, (1, 2), options)
    target, draft = case.target(), case.draft()
    monkeypatch.setattr(engine, "RoundClock", lambda device: _Clock(draft, step))
    first = target.prefill(case.prompt)
    draft.prefill(case.prompt)
    stats = DecodingStats()
    rounds = list(engine.decode(target, draft, case.options, first))
    for event in rounds:
        stats.observe(event)
    assert stats.mostly_plain is not pays
    assert stats.num_plain_rounds == sum(not event.draft_tokens for event in rounds)
    assert any(event.draft_tokens for event in rounds[20:])  # it is tried again
    assert [token.id for event in rounds for token in event.tokens] == plain_greedy_decoding(case)[0]
