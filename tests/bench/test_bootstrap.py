"""Intervals cover the truth as often as they say, are the same every time, and compare methods on the same clips."""

from __future__ import annotations

import numpy as np
import pytest

from lvspec_cli.bench.bootstrap import Estimate, Resamples


def covered(estimate: Estimate | None, truth: float) -> bool:
    assert estimate is not None
    return estimate.low <= truth <= estimate.high


def test_an_interval_covers_the_true_mean_nearly_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    resamples = Resamples(60, resamples=400)
    samples = [generator.exponential(2.0, 60).tolist() for _ in range(200)]
    assert 0.88 <= np.mean([covered(resamples.mean(sample), 2.0) for sample in samples]) <= 0.99


def test_an_interval_covers_the_true_median_nearly_as_often_as_it_says() -> None:
    generator = np.random.default_rng(2)
    resamples = Resamples(60, resamples=400)
    samples = [generator.normal(1.5, 0.2, 60).tolist() for _ in range(200)]
    assert 0.88 <= np.mean([covered(resamples.median(sample), 1.5) for sample in samples]) <= 0.99


def test_the_same_clips_give_the_same_interval() -> None:
    values = np.random.default_rng(3).normal(size=30).tolist()
    assert Resamples(30).median(values) == Resamples(30).median(values)
    assert Resamples(30, seed=1).mean(values) != Resamples(30).mean(values)


def test_a_ratio_is_of_sums_and_of_pairs() -> None:
    reference = np.random.default_rng(4).uniform(1, 12, 40)
    estimate = Resamples(40).ratio((0.9 * reference).tolist(), reference.tolist())
    assert estimate is not None
    # Clips differ by a factor of twelve, but every one keeps nine tenths: the pairs leave no doubt.
    assert (estimate.low, estimate.value, estimate.high) == pytest.approx((0.9, 0.9, 0.9))
    weighed = Resamples(2).ratio([1, 30], [10, 30])
    assert weighed is not None
    assert weighed.value == 31 / 40


def test_an_interval_holds_its_figure_and_narrows_with_more_clips() -> None:
    generator = np.random.default_rng(5)
    widths = []
    for clips in (20, 500):
        estimate = Resamples(clips).mean(generator.normal(size=clips).tolist())
        assert estimate is not None
        assert estimate.low < estimate.value < estimate.high
        widths.append(estimate.high - estimate.low)
    assert widths[1] < widths[0] / 3


def test_clips_without_a_figure_are_left_out_of_a_median() -> None:
    estimate = Resamples(3).median([1.0, None, 3.0])
    assert estimate is not None
    assert estimate.value == 2.0
    assert Resamples(2).median([None, None]) is None


def test_a_ratio_over_nothing_is_no_figure() -> None:
    assert Resamples(2).ratio([1, 2], [0, 0]) is None
