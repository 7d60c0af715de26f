"""Signals at equal looseness: all let as many mismatches pass by the same kind of rule, and a throw of dice does so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from lvspec_cli.bench.arena import Arena, Measured
from lvspec_cli.bench.bootstrap import Estimate, Resamples
from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.figures import Figures, figures, lead_in_same_attributes
from lvspec_cli.bench.rows import REFERENCE, ROWS, Row
from lvspec_cli.bench.setting import Setting, usual_setting
from lvspec_cli.bench.signals import Places
from lvspec_cli.bench.tuning import bisected_share, kept_share
from lvspec_cli.decoding.looseness import Looseness
from lvspec_cli.decoding.relevance import settled

_CONTROL = Row("random", "random", "random")  # with the list and the guard that the others have

Counter = Callable[[str, int], Callable[[int], None]]  # a stage and its steps -> whom to tell how many are done


@dataclass(frozen=True)
class MatchedRows:
    """How `lvspec` decodes by each signal, and the control, all as loose as `lvspec` by the preset's own signal."""

    rows: tuple[Figures, ...]  # the reference, `lvspec` by each signal, and the control
    best: str | None = None  # title of the row by a signal that names most attributes as the reference does
    lead: Estimate | None = None  # of that row over the control, share of the attributes, on the same clips


class Matching:
    """Matches the looseness on the tuning clips, and measures on others."""

    def __init__(
        self,
        arena: Arena,
        tuning: Sequence[BenchClip],
        values: Mapping[str, Sequence[float]],
        draft_tokens: int,
        counter: Counter,
    ) -> None:
        """``values``: signal -> what it says on the tuning clips (see `asked_values`); ``draft_tokens``: a round."""
        self._arena, self._tuning, self._values = arena, tuning, values
        self._draft_tokens, self._counter = draft_tokens, counter

    def measure(self, looseness: Looseness, clips: Sequence[BenchClip]) -> MatchedRows:
        """Let `lvspec` by every signal decode the clips, each as loose as with ``looseness``, and the control."""
        settings = [usual_setting(ROWS[REFERENCE], self._draft_tokens, looseness), *self.settings(looseness)]
        tell = self._counter("decoding by each signal", len(clips))
        return matched_rows(self._arena.measure(settings, clips, tell), Resamples(len(clips)))

    def settings(self, looseness: Looseness) -> list[Setting]:
        """`lvspec` by every signal, the own first, and the control. All signals are cut at an absolute threshold."""
        own = self._by(looseness)
        wanted = kept_share(self._arena, own, self._tuning)
        absolute = settled(looseness, self._arena.pair.calibration).threshold is not None
        signals = sorted(self._values, key=lambda signal: signal != looseness.relevance)
        knobs = [self._knob(signal, looseness) for signal in signals[1 if absolute else 0 :]]
        control = usual_setting(_CONTROL, self._draft_tokens, looseness)
        tell, matched = self._counter("matching the looseness", len(knobs) + 1), [own] if absolute else []
        for done, knob in enumerate([*knobs, control.with_random_share], start=1):
            matched.append(self._matched(knob, wanted))
            tell(done)
        return matched

    def _matched(self, knob: Callable[[float], Setting], wanted: float) -> Setting:
        return knob(bisected_share(lambda share: kept_share(self._arena, knob(share), self._tuning), wanted))

    def _knob(self, signal: str, looseness: Looseness) -> Callable[[float], Setting]:
        """From a share to `lvspec` by a signal with the threshold that so much of what it says lies below."""

        def with_share(share: float) -> Setting:
            threshold = threshold_at(self._values[signal], share)
            return self._by(replace(looseness, relevance=signal, threshold=threshold, filler_share=None))

        return with_share

    def _by(self, looseness: Looseness) -> Setting:
        """Without shift, which keeps mismatches without asking any signal."""
        signal = looseness.relevance
        row = Row(f"lvspec-{signal}", f"lvspec by {signal}", "lvspec", shift_window=0)
        return usual_setting(row, self._draft_tokens, looseness)


def asked_values(places: Sequence[Places], signals: Sequence[str]) -> dict[str, list[float]]:
    """Signal -> its values at all places where it is asked: where the draft would say another token."""
    return {
        signal: [
            value
            for each in places
            for value, mismatch in zip(each.scores[signal], each.mismatch, strict=True)
            if mismatch
        ]
        for signal in signals
    }


def threshold_at(values: Sequence[float], share: float) -> float:
    """The value below which a share of the known ones lies; infinity, which stands for an unknown token, is none."""
    known = [value for value in values if isfinite(value)]
    return float(np.quantile(known, share)) if known else 0.0


def matched_rows(measured: Sequence[Measured], resamples: Resamples) -> MatchedRows:
    """The figures of the reference, which comes first, of `lvspec` by each signal and of the control, and the lead."""
    rows = tuple(figures(each, measured[0], resamples) for each in measured)
    by_method: dict[str | None, list[int]] = {}
    for index, row in enumerate(rows):
        if row.faithfulness.same_attributes is not None:
            by_method.setdefault(row.setting.row.method, []).append(index)
    signals, controls = by_method.get("lvspec"), by_method.get("random")
    if not signals or not controls:
        return MatchedRows(rows)
    best = max(signals, key=lambda index: _same(rows[index]))
    lead = lead_in_same_attributes(measured[best], measured[controls[0]], resamples)
    return MatchedRows(rows, rows[best].setting.row.title, lead)


def _same(row: Figures) -> float:
    same = row.faithfulness.same_attributes
    return -1.0 if same is None else same.value
