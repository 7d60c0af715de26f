"""How well a signal tells anchors from fillers: the area under its curve, at several places and by two truths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from lvspec_cli.bench.bootstrap import Estimate, Numbers, Resamples
from lvspec_cli.bench.signals import CONTROLS, Places

Item = TypeVar("Item")

VISUAL_NATS = 0.5  # that the target's token must lose with the video to count as visual
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")  # their mean counts a tie half


@dataclass(frozen=True)
class Areas:
    """How often a score is higher at an anchor than at a filler; None where there are no two of them."""

    anchors: Estimate | None  # 0 to 1; anchors: places that name an attribute
    blanked: Estimate | None  # 0 to 1; anchors: places whose token loses more than VISUAL_NATS with the video


@dataclass(frozen=True)
class SignalFigures:
    """What a signal or a control is worth."""

    name: str
    control: bool  # whether no method reads it
    mismatches: Areas  # where the draft would say another token: where a signal is asked
    open: Areas  # at those that neither the critical list nor the guard refuses: where its answer counts
    everywhere: Areas  # at all places


def signal_figures(places: Sequence[Places], resamples: Resamples) -> tuple[SignalFigures, ...]:
    """Of all signals and controls; ``resamples``: made for as many clips as there are captions in ``places``."""
    everywhere = [(True,) * len(each.mismatch) for each in places]
    mismatches, open_places = [each.mismatch for each in places], [each.open for each in places]
    return tuple(
        SignalFigures(
            name=name,
            control=name in CONTROLS,
            mismatches=_areas(places, name, mismatches, resamples),
            open=_areas(places, name, open_places, resamples),
            everywhere=_areas(places, name, everywhere, resamples),
        )
        for name in places[0].scores
    )


def best_signal(signals: Sequence[SignalFigures]) -> SignalFigures | None:
    """The signal that separates the true anchors best at the mismatches; None if none can be told from others."""
    known = [each for each in signals if not each.control and each.mismatches.anchors is not None]
    return max(known, key=lambda each: _value(each.mismatches.anchors), default=None)


def lead_in_area(places: Sequence[Places], one: str, other: str, resamples: Resamples) -> Estimate | None:
    """By how much the area of one signal is above another's, on the same clips: true anchors, at the mismatches."""
    mismatches = [each.mismatch for each in places]
    anchors = _there([each.anchor for each in places], mismatches)
    of_one, of_other = (
        _share(_there([each.scores[name] for each in places], mismatches), anchors) for name in (one, other)
    )
    return resamples.over_clips(lambda drawn: of_one(drawn) - of_other(drawn))


def area(scores: Sequence[Sequence[float]], anchors: Sequence[Sequence[bool]], resamples: Resamples) -> Estimate | None:
    """Area under the curve over the places of all clips, [clips][n] each, with its bootstrap interval over clips."""
    return resamples.over_clips(_share(scores, anchors))


def visual(places: Sequence[Places]) -> list[tuple[bool, ...]]:
    """Which places' tokens need the video: [captions][n]."""
    return [tuple(drop > VISUAL_NATS for drop in each.drop) for each in places]


def _share(scores: Sequence[Sequence[float]], anchors: Sequence[Sequence[bool]]) -> Callable[[Numbers], Numbers]:
    """How often each clip is drawn [..., clips] -> the area over all places [...].

    What `lvspec_cli.calibration.separation.area_under_curve` gives for all places together, in a form that needs no
    sorting for every resample: wins of the anchors of one clip over the fillers of another, added up.
    """
    values = [np.asarray(each, dtype=np.float64) for each in scores]
    labels = [np.asarray(each, dtype=bool) for each in anchors]
    highs = [each[label] for each, label in zip(values, labels, strict=True)]
    lows = [each[~label] for each, label in zip(values, labels, strict=True)]
    wins = np.stack([_wins(highs, low) for low in lows], axis=1)  # [clips of anchors, clips of fillers]
    of_highs, of_lows = (np.array([len(each) for each in part], dtype=np.float64) for part in (highs, lows))

    def share(drawn: Numbers) -> Numbers:
        won: Numbers = ((drawn @ wins) * drawn).sum(-1)
        return won / ((drawn @ of_highs) * (drawn @ of_lows))

    return share


def _wins(highs: Sequence[Numbers], low: Numbers) -> Numbers:
    """Pairs of one of ``highs`` and one of ``low`` in which the first is higher, ties counting half: [clips]."""
    ordered = np.sort(low)
    wins = [[np.searchsorted(ordered, high, side).sum() for high in highs] for side in _SIDES]
    mean: Numbers = np.array(wins, dtype=np.float64).mean(axis=0)
    return mean


def _areas(places: Sequence[Places], name: str, where: Sequence[Sequence[bool]], resamples: Resamples) -> Areas:
    scores = _there([each.scores[name] for each in places], where)
    return Areas(
        anchors=area(scores, _there([each.anchor for each in places], where), resamples),
        blanked=area(scores, _there(visual(places), where), resamples),
    )


def _there(values: Sequence[Sequence[Item]], where: Sequence[Sequence[bool]]) -> list[list[Item]]:
    return [
        [value for value, here in zip(of_clip, there, strict=True) if here]
        for of_clip, there in zip(values, where, strict=True)
    ]


def _value(estimate: Estimate | None) -> float:
    return -1.0 if estimate is None else estimate.value
