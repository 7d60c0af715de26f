"""The ablation: does the relevance score earn its place?

First what every signal says where draft and target disagree, against two truths: whether the place names an attribute
of the clip, and whether blanking the video would change the target's mind. Then what every signal saves when all let
as many mismatches pass, with a throw of the dice beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lvspec_cli.bench.areas import SignalFigures, best_signal, lead_in_area, signal_figures, visual
from lvspec_cli.bench.arena import Arena, plan_for
from lvspec_cli.bench.bootstrap import Estimate, Resamples
from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.matching import Counter, MatchedRows, Matching, asked_values
from lvspec_cli.bench.setting import unguarded
from lvspec_cli.bench.signals import Places, SignalReader
from lvspec_cli.models.pair import Pair
from lvspec_cli.preset import Preset

CHANCE = 0.5  # the area of a signal that says nothing

Where = Literal["mismatches", "open"]
Truth = Literal["anchors", "blanked"]
ASKED: tuple[Where, ...] = ("mismatches", "open")  # fields of SignalFigures
TRUTHS: tuple[Truth, ...] = ("anchors", "blanked")  # fields of Areas


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
    lead: Estimate | None  # in area at the mismatches, of the best signal over the preset's own, on the same clips
    guarded: MatchedRows  # with the guard and the list of critical words
    unguarded: MatchedRows  # without them

    @property
    def best(self) -> SignalFigures | None:
        """The signal that separates the true anchors best at the mismatches; None if none can be told from others."""
        return best_signal(self.signals)

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
        self._reader = SignalReader(pair, self._looseness, preset.prompts, max_tokens, plan.pruning)

    def run(self, clips: Sequence[BenchClip], tuning: Sequence[BenchClip]) -> Ablation:
        """Measure the signals and the decoding; neither list may be empty."""
        places, own, resamples = self._read(clips), self._looseness.relevance, Resamples(len(clips))
        mismatches = _joined([each.mismatch for each in places])
        signals = signal_figures(places, resamples)
        best = best_signal(signals)
        matching = self._matching(tuning)
        return Ablation(
            own=own,
            places=len(mismatches),
            mismatches=int(mismatches.sum()),
            open=sum(sum(each.open) for each in places),
            anchors=int((mismatches & _joined([each.anchor for each in places])).sum()),
            visual=int((mismatches & _joined(visual(places))).sum()),
            signals=signals,
            lead=None if best is None else lead_in_area(places, best.name, own, resamples),
            guarded=matching.measure(self._looseness, clips),
            unguarded=matching.measure(unguarded(self._looseness), clips),
        )

    def _matching(self, tuning: Sequence[BenchClip]) -> Matching:
        values = asked_values(self._read(tuning), self._reader.signals)
        return Matching(self._arena, tuning, values, self._draft_tokens, self._counter)

    def _read(self, clips: Sequence[BenchClip]) -> list[Places]:
        tell, places = self._counter("asking the signals", len(clips)), []
        for done, clip in enumerate(clips, start=1):
            places.append(self._reader.read(clip))
            tell(done)
        return places


def _joined(marks: Sequence[Sequence[bool]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.concatenate([np.asarray(each, dtype=bool) for each in marks])
