"""What evidence of videos comes to, on evidence that is made up: nothing is fitted to what it is judged by."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.calibration.aggregate import Findings, aggregate
from lvspec_cli.calibration.evidence import Evidence
from lvspec_cli.calibration.signals import best_layers, fillers, fit_thresholds, is_visual, learn, table_of_others
from lvspec_cli.decoding.looseness import SIGNALS, Looseness
from lvspec_cli.errors import UsageError
from lvspec_cli.models.calibration_file import calibration_text

VOCABULARY = 200
VISUAL, PLAIN = 5.0, 0.1  # nats
ANCHOR, FILLER = 1, 2  # tokens

Said = tuple[int, float, float]  # token, dependence (nats), attention


def video(said: Sequence[Said], *further_layers: Sequence[float]) -> Evidence:
    """The evidence of one video; ``further_layers``: attention beside that of layer 0, [n] each."""
    tokens, dependence, attention = zip(*said, strict=True)
    layers = (attention, *map(tuple, further_layers))
    return Evidence(tokens, dependence, dependence, layers, cosine=(0.0,) * len(tokens))


def found(evidence: Sequence[Evidence]) -> Findings:
    return aggregate(evidence, VOCABULARY, state_layer=0, looseness=Looseness())


USUAL = video([(ANCHOR, VISUAL, 0.9), (FILLER, PLAIN, 0.1), (FILLER, PLAIN, 0.2)])
WITHOUT_ANCHORS = video([(FILLER, PLAIN, 0.1), (FILLER, PLAIN, 0.2)])


@pytest.mark.parametrize(
    ("evidence", "complaint"),
    [(WITHOUT_ANCHORS, "no word depends"), (video([(ANCHOR, VISUAL, 0.9)]), "every word depends")],
)
def test_videos_that_cannot_tell_anchors_from_fillers_are_refused(evidence: Evidence, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        found([evidence] * 6)


@pytest.mark.parametrize("evidence", [[USUAL] * 4, [USUAL] * 2, [WITHOUT_ANCHORS] * 3 + [USUAL] * 2])
def test_every_number_of_a_calibration_is_finite(evidence: list[Evidence]) -> None:
    findings = found(evidence)
    text = calibration_text(findings.calibration, VOCABULARY, 1, {})
    assert set(json.loads(text)["thresholds"]) == set(SIGNALS)
    for quality in findings.qualities.values():
        assert math.isfinite(quality.cost)
        assert 0 <= quality.separation <= 1


@pytest.mark.parametrize("evidence", [[WITHOUT_ANCHORS] * 3 + [USUAL] * 3, [USUAL] * 3 + [WITHOUT_ANCHORS] * 3])
def test_where_a_half_has_no_anchors_the_signal_that_separates_best_is_taken(evidence: list[Evidence]) -> None:
    assert found([USUAL] * 6).tried
    # Attention is the first of the signals, and knows nothing here.
    blind = [
        Evidence(one.tokens, one.dependence, one.largest, ((0.5,) * len(one.tokens),), one.cosine) for one in evidence
    ]
    findings = found(blind)
    assert not findings.tried
    assert findings.best == "table"
    assert findings.qualities["table"].separation == 1


def test_two_or_three_videos_are_too_few_to_try_signals_on_others() -> None:
    assert not found([USUAL] * 3).tried
    assert found([USUAL] * 4).tried


EVIDENCE = st.lists(
    st.lists(st.tuples(st.integers(0, 5), st.floats(0, 10), st.floats(0, 1)), min_size=1, max_size=6).map(video),
    min_size=1,
    max_size=5,
)


@given(EVIDENCE)
def test_a_token_is_judged_by_what_the_other_videos_say_of_it(evidence: list[Evidence]) -> None:
    values = iter(table_of_others(evidence, VOCABULARY))
    for one in evidence:
        for token in one.tokens:
            told = [
                dependence
                for other in evidence
                if other is not one
                for said, dependence in zip(other.tokens, other.dependence, strict=True)
                if said == token
            ]
            value = next(values)
            assert math.isclose(value, np.mean(told), abs_tol=1e-9) if told else math.isnan(value)
    assert list(values) == []


def test_a_token_of_one_video_lends_the_table_no_credit() -> None:
    fresh = count(10)
    # By their own values, tokens that are said once are told apart without fail; others know nothing of them.
    evidence = [video([(next(fresh), VISUAL, 0.5), (next(fresh), PLAIN, 0.5), (FILLER, PLAIN, 0.5)]) for _ in range(6)]
    findings = found(evidence)
    assert findings.calibration.thresholds["table"] == 0  # no anchor is known: nothing is loosened
    scores = learn(evidence, VOCABULARY).scores(evidence, table_of_others(evidence, VOCABULARY))
    assert np.isnan(scores["table"]).sum() == 12
    known = ~np.isnan(scores["table"])
    assert not fillers(scores, findings.calibration.thresholds)["table"][known].any()


def test_attention_judges_what_the_table_does_not_know() -> None:
    evidence = [USUAL, USUAL, video([(9, PLAIN, 0.1), (8, VISUAL, 0.9)])]
    scores = learn(evidence, VOCABULARY).scores(evidence, table_of_others(evidence, VOCABULARY))
    loosened = fillers(scores, fit_thresholds(scores, is_visual(evidence)))
    assert np.isnan(scores["table"][-2:]).all()
    assert loosened["table"][-2:].tolist() == loosened["attention"][-2:].tolist() == [True, False]


def layered(*layers: Sequence[float]) -> Evidence:
    """Four anchors, then four fillers, by the attention of some layers: [8] each."""
    said = [(ANCHOR if place < 4 else FILLER, VISUAL if place < 4 else PLAIN, layers[0][place]) for place in range(8)]
    return video(said, *layers[1:])


PERFECT, BLIND = (0.9,) * 4 + (0.1,) * 4, (0.5,) * 8
LEFT, RIGHT = (0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1), (0.1, 0.1, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1)


def test_a_layer_is_watched_beside_another_only_if_it_adds_enough() -> None:
    assert best_layers([layered(BLIND, PERFECT, BLIND)]) == (1,)
    assert best_layers([layered(LEFT, BLIND, RIGHT)]) == (0, 2)
    # Layer 1 breaks the tie of one anchor in eighty with the fillers: 0.006 of the area.
    many = [layered(LEFT, BLIND)] * 19 + [layered(LEFT, (0.5, 0.5, 0.5, 0.51, 0.5, 0.5, 0.5, 0.5))]
    assert best_layers(many) == (0,)


def test_layers_are_tried_on_videos_that_did_not_choose_them() -> None:
    first, second = [layered(PERFECT, BLIND)] * 3, [layered(BLIND, PERFECT)] * 4
    findings = found(first + second)
    assert 1 in findings.calibration.watched.attention
    assert findings.qualities["attention"].separation == 0.5
