"""Agreement of tokens and chrF, against values worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.bench.agreement import chrf, edit_distance, token_agreement
from lvspec_cli.bench.quality import Answer, judge
from lvspec_cli.demo.scene import ATTRIBUTES, scene_of_seed


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("abcd", "bcde", 2), ("flaw", "lawn", 2)],
)
def test_the_edit_distance_is_levenshteins(one: str, other: str, distance: int) -> None:
    assert edit_distance(one, other) == edit_distance(other, one) == distance


def test_token_agreement_is_one_minus_the_distance_over_the_longer_length() -> None:
    assert token_agreement((1, 2, 3, 4), (1, 2, 3, 4)) == 1.0
    assert token_agreement((1, 2), (3, 4)) == 0.0
    assert token_agreement((1, 2, 3, 4), (9, 1, 2, 3, 4)) == 0.8  # a token too many does not spoil the rest
    assert token_agreement((), ()) == 1.0


def test_chrf_of_the_same_text_is_1_and_of_texts_with_nothing_in_common_0() -> None:
    assert chrf("a red circle", "a red circle") == 1.0
    assert chrf("a red circle", "are dcircle") == 1.0  # spaces do not count
    assert chrf("aaa", "bbb") == 0.0
    assert chrf("", "abc") == 0.0


def test_chrf_of_a_case_worked_out_by_hand() -> None:
    # "abcd" against "abce": 3 of 4 letters, 2 of 3 pairs, 1 of 2 triples, 0 of 1 fours are common; none are longer.
    # Precision and recall are both (3/4 + 2/3 + 1/2 + 0) / 4, and so is their F-score.
    assert chrf("abcd", "abce") == pytest.approx((3 / 4 + 2 / 3 + 1 / 2) / 4)
    # "ab" against "abab": precision 1, 1; recall 2/4, 1/3, mean 5/12. F2 = 5 * 1 * (5/12) / (4 + 5/12).
    assert chrf("ab", "abab") == pytest.approx(5 * (5 / 12) / (4 + 5 / 12))


@given(st.text(max_size=30), st.text(max_size=30))
def test_both_measures_are_shares(one: str, other: str) -> None:
    assert 0 <= token_agreement(one, other) <= 1
    assert 0 <= chrf(one, other) <= 1 + 1e-12


def test_an_answer_is_judged_by_the_truth_and_by_the_reference() -> None:
    truth = scene_of_seed(1000).truth
    right = f"A {truth.size} {truth.colour} {truth.shape} moves {truth.motion}."
    reference = Answer((1, 2, 3), right)
    other = Answer((1, 2, 4), right.replace(truth.colour, "colourless"))
    quality = judge(other, reference, truth)
    assert quality.right is not None
    assert quality.same is not None
    assert quality.right["shape"]
    assert not quality.right["colour"]
    assert [name for name, same in quality.same.items() if not same] == ["colour"]
    assert set(quality.right) == set(ATTRIBUTES)
    assert quality.token_agreement == pytest.approx(2 / 3)
    assert not quality.equal
    assert judge(reference, reference, None).right is None
