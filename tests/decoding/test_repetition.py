"""The loop detector: late rather than wrong, and the same for every method."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.repetition import RepetitionDetector
from tests.decoding.toy_models import ToyModel


def first_alarm(tokens: list[int]) -> int | None:
    """How many tokens were seen when the detector first spoke."""
    detector = RepetitionDetector()
    return next((seen for seen, token in enumerate(tokens, 1) if detector.observe(token)), None)


@pytest.mark.parametrize(("period", "seen"), [(1, 48), (2, 48), (11, 48), (12, 48), (13, 52), (60, 240), (128, 512)])
def test_a_block_is_a_loop_at_its_fourth_copy_and_48_tokens(period: int, seen: int) -> None:
    lead = list(range(1000, 1037))
    assert first_alarm(lead + list(range(period)) * 60) == len(lead) + seen


def test_a_block_longer_than_the_longest_period_is_not_looked_for() -> None:
    assert first_alarm(list(range(129)) * 8) is None


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 2), max_size=40), st.lists(st.integers(0, 2), min_size=1, max_size=20))
def test_every_endless_loop_is_found_within_its_first_copies(lead: list[int], block: list[int]) -> None:
    seen = first_alarm(lead + block * 60)
    assert seen is not None
    assert seen <= len(lead) + max(48, 4 * len(block))


def test_a_numbered_list_of_like_items_is_no_loop() -> None:
    items = [[7, 100 + number, 8, 9, 10, 11, 12, 13, 14, 15] for number in range(30)]
    assert first_alarm(list(chain.from_iterable(items))) is None


def test_a_list_that_alternates_its_words_is_no_loop() -> None:
    items = [[7, 20 + number % 3, 8, 40 + number % 5, 9, 10] for number in range(12)]
    assert first_alarm(list(chain.from_iterable(items))) is None


def test_a_refrain_sung_three_times_is_no_loop() -> None:
    assert first_alarm(list(range(100)) + list(range(200, 240)) * 3 + list(range(100))) is None


def test_a_ruled_line_is_no_loop() -> None:
    assert first_alarm([1, 2, *[5] * 40, 3, 4, *[5] * 40]) is None


def test_a_loop_that_was_broken_starts_over() -> None:
    assert first_alarm([*[5] * 47, 6, *[5] * 47]) is None


@pytest.mark.parametrize("draft_tokens", [1, 3, 4, 7])
@pytest.mark.parametrize("rows", [2, 3, 5, 11])
def test_all_methods_end_a_loop_at_the_same_token(rows: int, draft_tokens: int) -> None:
    ends = []
    for method in ("ar", "strict"):
        target, draft = ToyModel(5, rows=rows), ToyModel(5, 2, 0.7, rows)
        target.prefill([1, 2])
        options = DecodingOptions(method, draft_tokens, max_tokens=400)
        rounds = list(decode(target, draft, options, draft.prefill([1, 2])))
        ends.append(([token.id for event in rounds for token in event.tokens], rounds[-1].finish_reason))
    assert ends[0] == ends[1]
    assert ends[0][1] == "repetition"
