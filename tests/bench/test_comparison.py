"""The bench compares like with like: turns are fair and ratios are those of pairs."""

from __future__ import annotations

from functools import partial

import pytest

from lvspec_cli.bench.comparison import (
    Run,
    acceptance_length,
    decode_speed,
    equal_outputs,
    interleave,
    median_ratio,
    total_speed,
)
from lvspec_cli.errors import LvspecError


def run(tokens: tuple[int, ...], decode_seconds: float, total_seconds: float = 1.0, rounds: int = 1) -> Run:
    return Run(tokens, rounds, len(tokens), decode_seconds, total_seconds)


def test_all_contenders_take_a_clip_before_any_takes_the_next() -> None:
    taken: list[tuple[str, int]] = []

    def take(name: str, clip: int) -> tuple[str, int]:
        taken.append((name, clip))
        return name, clip

    names = ("a", "b", "c")
    results = interleave({name: partial(take, name) for name in names}, [10, 11, 12, 13])
    assert [clip for _, clip in taken] == [clip for clip in (10, 11, 12, 13) for _ in names]
    assert results == {name: [(name, clip) for clip in (10, 11, 12, 13)] for name in names}


def test_everybody_is_at_every_turn_and_behind_everybody_else_equally_often() -> None:
    orders: list[str] = [""] * 12
    interleave(
        {name: partial(lambda name, item: orders.__setitem__(item, orders[item] + name), name) for name in "abc"},
        range(12),
    )
    assert orders == 2 * ["abc", "bca", "cab", "cba", "acb", "bac"]


def test_progress_counts_finished_clips() -> None:
    told: list[int] = []
    interleave({"a": str}, [1, 2, 3], told.append)
    assert told == [1, 2, 3]


def test_the_median_is_of_the_ratios_of_pairs() -> None:
    assert median_ratio([1.0, 100.0, 30.0], [1.0, 10.0, 10.0]) == 3.0
    assert median_ratio([4.0, None, 6.0], [2.0, 1.0, None]) == 2.0


def test_no_pair_with_both_times_is_an_error() -> None:
    with pytest.raises(LvspecError, match="--max-tokens"):
        median_ratio([None, 1.0], [1.0, None])


def test_speeds_are_per_token_so_that_answers_of_different_length_compare() -> None:
    runs = {
        "slow": [run((1, 2), 2.0, 8.0), run((1, 2, 3, 4), 4.0, 16.0)],
        "fast": [run((1, 2, 3, 4), 2.0, 8.0), run((1, 2), 1.0, 4.0)],
    }
    assert decode_speed(runs, "fast", "slow") == 2.0
    assert total_speed(runs, "fast", "slow") == 2.0


def test_an_answer_that_ends_with_the_prefill_has_no_decode_speed() -> None:
    assert Run((1,), 1, 0, 0.0, 1.0).seconds_per_token is None


def test_acceptance_length_weighs_every_round_alike() -> None:
    runs = {"a": [run((1, 2, 3, 4), 1.0, rounds=1), run((1, 2), 1.0, rounds=2)]}
    assert acceptance_length(runs, "a") == 2.0
    assert runs["a"][0].mean_acceptance_length == 4.0


def test_outputs_are_equal_token_for_token() -> None:
    runs = {"a": [run((1, 2), 1.0), run((1, 2), 1.0)], "b": [run((1, 2), 9.0), run((1, 2, 3), 1.0)]}
    assert equal_outputs(runs, "a", "b") == 1
