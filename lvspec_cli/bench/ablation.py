"""The ablation: does the relevance score earn its place?

First what every signal says where draft and target disagree, against two truths: whether the place names an attribute
of the clip, and whether blanking the video would change the target's mind. Then what every signal saves when all let
as many mismatches pass, with a throw of the dice beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from lvspec_cli.bench.arena import Arena, plan_for
from lvspec_cli.bench.bootstrap import Estimate, Numbers, Resamples
from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.figures import Figures, figures
from lvspec_cli.bench.rows import REFERENCE, ROWS, Row
from lvspec_cli.bench.setting import Setting, unguarded, usual_setting
from lvspec_cli.bench.signals import CONTROLS, Places, SignalReader
from lvspec_cli.bench.tuning import bisected_share, kept_share
from lvspec_cli.decoding.looseness import Looseness
from lvspec_cli.models.pair import Pair
from lvspec_cli.preset import Preset

Item = TypeVar("Item")

VISUAL_NATS = 0.5  # that the target's token must lose with the video to count as visual
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")  # their mean counts a tie half
_CONTROL = Row("random", "random", "random")  # with the list and the guard that the others have
CHANCE = 0.5  # the area of a signal that says nothing

Where = Literal["mismatches", "open"]
Truth = Literal["anchors", "blanked"]
ASKED: tuple[Where, ...] = ("mismatches", "open")  # fields of SignalFigures
TRUTHS: tuple[Truth, ...] = ("anchors", "blanked")  # fields of Areas

Counter = Callable[[str, int], Callable[[int], None]]  # a stage and its steps -> whom to tell how many are done


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


@dataclass(frozen=True)
class Ablation:
    """All that was measured."""

    own: str  # the preset's signal
    places: int  # of all captions
    mismatches: int  # among them
    open: int  # mismatches that neither the critical list nor the guard refuses
    anchors: int  # mismatches that name an attribute
    visual: int  # mismatches whose token loses more than VISUAL_NATS with the video
    signals: tuple[SignalFigures, ...]  # signals, then controls
    rows: tuple[Figures, ...]  # the reference, `lvspec` by each signal, and the control
    unguarded_rows: tuple[Figures, ...]  # the same without the guard and the list of critical words

    @property
    def best(self) -> SignalFigures | None:
        """The signal that separates the true anchors best at the mismatches; None if none can be told from others."""
        known = [each for each in self.signals if not each.control and each.mismatches.anchors is not None]
        return max(known, key=lambda each: _value(each.mismatches.anchors), default=None)

    @property
    def no_better_than_chance(self) -> dict[Where, dict[Truth, tuple[str, ...]]]:
        """Where, and by which truth -> the signals whose interval there reaches down to chance."""
        return {where: {truth: tuple(self._chancy(where, truth)) for truth in TRUTHS} for where in ASKED}

    def _chancy(self, where: Where, truth: Truth) -> Iterator[str]:
        for signal in self.signals:
            estimate: Estimate | None = getattr(getattr(signal, where), truth)
            if not signal.control and estimate is not None and estimate.low <= CHANCE:
                yield signal.name


class Ablating:
    """Measures a pair; the clips to tune on are others than those to measure on."""

    def __init__(self, pair: Pair, preset: Preset, draft_tokens: int, max_tokens: int, counter: Counter) -> None:
        """``draft_tokens``: a round; ``max_tokens``: of a caption, at most."""
        plan = plan_for(preset, "lvspec")
        self._looseness, self._draft_tokens, self._counter = plan.decode.looseness, draft_tokens, counter
        self._arena = Arena(pair, preset, max_tokens)
        self._reader = SignalReader(pair, self._looseness, preset.prompts.caption, max_tokens, plan.pruning)

    def run(self, clips: Sequence[BenchClip], tuning: Sequence[BenchClip]) -> Ablation:
        """Measure the signals and the decoding; neither list may be empty."""
        places = self._read(clips)
        mismatches = [each.mismatch for each in places]
        return Ablation(
            own=self._looseness.relevance,
            places=sum(map(len, mismatches)),
            mismatches=sum(map(sum, mismatches)),
            open=sum(sum(each.open) for each in places),
            anchors=int((_joined(mismatches) & _joined([each.anchor for each in places])).sum()),
            visual=int((_joined(mismatches) & _joined(_visual(places))).sum()),
            signals=signal_figures(places, Resamples(len(clips))),
            rows=self._decode(clips, tuning, self._looseness),
            unguarded_rows=self._decode(clips, tuning, unguarded(self._looseness)),
        )

    def _read(self, clips: Sequence[BenchClip]) -> list[Places]:
        tell, places = self._counter("asking the signals", len(clips)), []
        for done, clip in enumerate(clips, start=1):
            places.append(self._reader.read(clip))
            tell(done)
        return places

    def _equally_loose(self, tuning: Sequence[BenchClip], looseness: Looseness) -> list[Setting]:
        """`lvspec` by every signal and the control, all as loose as `lvspec` by the preset's own signal."""
        others = [signal for signal in self._reader.signals if signal != looseness.relevance]
        tell = self._counter("matching the looseness", len(others) + 1)
        own = self._by(looseness.relevance, looseness)
        wanted = kept_share(self._arena, own, tuning)
        control = usual_setting(_CONTROL, self._draft_tokens, looseness)
        knobs = [self._knob(signal, looseness) for signal in others]
        matched = []
        for done, knob in enumerate([*knobs, control.with_random_share], start=1):
            matched.append(self._matched(knob, wanted, tuning))
            tell(done)
        return [own, *matched]

    def _matched(self, knob: Callable[[float], Setting], wanted: float, tuning: Sequence[BenchClip]) -> Setting:
        return knob(bisected_share(lambda share: kept_share(self._arena, knob(share), tuning), wanted))

    def _knob(self, signal: str, looseness: Looseness) -> Callable[[float], Setting]:
        def with_share(share: float) -> Setting:
            return self._by(signal, replace(looseness, relevance=signal, threshold=None, filler_share=share))

        return with_share

    def _by(self, signal: str, looseness: Looseness) -> Setting:
        """Without shift, which keeps mismatches without asking any signal."""
        row = Row(f"lvspec-{signal}", f"lvspec by {signal}", "lvspec", shift_window=0)
        return usual_setting(row, self._draft_tokens, looseness)

    def _decode(
        self, clips: Sequence[BenchClip], tuning: Sequence[BenchClip], looseness: Looseness
    ) -> tuple[Figures, ...]:
        settings = self._equally_loose(tuning, looseness)
        reference = usual_setting(ROWS[REFERENCE], self._draft_tokens, self._looseness)
        tell = self._counter("decoding by each signal", len(clips))
        measured = self._arena.measure([reference, *settings], clips, tell)
        resamples = Resamples(len(clips))
        return tuple(figures(each, measured[0], resamples) for each in measured)


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


def area(scores: Sequence[Sequence[float]], anchors: Sequence[Sequence[bool]], resamples: Resamples) -> Estimate | None:
    """Area under the curve over the places of all clips, [clips][n] each, with its bootstrap interval over clips.

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

    return resamples.over_clips(share)


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
        blanked=area(scores, _there(_visual(places), where), resamples),
    )


def _visual(places: Sequence[Places]) -> list[tuple[bool, ...]]:
    return [tuple(drop > VISUAL_NATS for drop in each.drop) for each in places]


def _there(values: Sequence[Sequence[Item]], where: Sequence[Sequence[bool]]) -> list[list[Item]]:
    return [
        [value for value, here in zip(of_clip, there, strict=True) if here]
        for of_clip, there in zip(values, where, strict=True)
    ]


def _joined(marks: Sequence[Sequence[bool]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.concatenate([np.asarray(each, dtype=bool) for each in marks])


def _value(estimate: Estimate | None) -> float:
    return -1.0 if estimate is None else estimate.value
