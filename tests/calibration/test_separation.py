"""Separation and thresholds against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lvspec_cli.calibration.separation import area_under_curve, best_threshold, mistake_cost

LABELLED = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=30)


@given(LABELLED)
def test_the_area_is_the_share_of_pairs_in_the_right_order(labelled: list[tuple[int, bool]]) -> None:
    high = [score for score, anchor in labelled if anchor]
    low = [score for score, anchor in labelled if not anchor]
    area = area_under_curve(*zip(*labelled, strict=True))
    if not high or not low:
        assert math.isnan(area)
        return
    wins = sum((one > other) + 0.5 * (one == other) for one in high for other in low)
    assert math.isclose(area, wins / len(high) / len(low))


@given(LABELLED, st.floats(0.5, 60))
def test_no_threshold_costs_less_than_the_best(labelled: list[tuple[int, bool]], missed_cost: float) -> None:
    scores, anchors = zip(*labelled, strict=True)
    assume(any(anchors))
    threshold = best_threshold(scores, anchors, missed_cost)
    assert math.isfinite(threshold)
    best = mistake_cost(np.array(scores) < threshold, anchors, missed_cost)
    for other in (*sorted(set(scores)), np.inf):
        assert best <= mistake_cost(np.array(scores) < other, anchors, missed_cost) + 1e-9


def test_a_threshold_between_two_groups_lies_in_their_middle() -> None:
    assert best_threshold([0.0, 0.2, 1.0, 3.0], [False, False, True, True]) == 0.6


def test_anchors_of_little_weight_do_not_draw_the_threshold_down_to_them() -> None:
    scores = [0.1] * 98 + [0.05, 0.05] + [5.0] * 20
    assert best_threshold(scores, [0] * 98 + [9.0, 9.0] + [9.0] * 20) == 0.05  # everything counts as an anchor
    assert best_threshold(scores, [0] * 98 + [0.1, 0.1] + [9.0] * 20) == 2.55
    assert mistake_cost(np.array(scores) < 2.55, [0] * 98 + [0.1, 0.1] + [9.0] * 20) == pytest.approx(50 * 0.2 / 180.2)


def test_without_anchors_there_is_no_threshold() -> None:
    with pytest.raises(ValueError, match="without anchors"):
        best_threshold([1.0, 2.0], [False, False])
