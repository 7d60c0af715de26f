"""From the evidence of many videos to a calibration, and how far its signals can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lvspec_cli.calibration.evidence import Evidence
from lvspec_cli.calibration.separation import area_under_curve, mistake_cost
from lvspec_cli.calibration.signals import (
    Array,
    Flags,
    Signals,
    anchor_weights,
    fillers,
    fit_thresholds,
    is_visual,
    learn,
    table_of_others,
    table_values,
)
from lvspec_cli.decoding.looseness import SIGNALS, Looseness, WatchedLayers
from lvspec_cli.decoding.relevance import Calibration
from lvspec_cli.errors import UsageError

LEAST_HALF = 2  # videos from which signals can be learnt, to be tried on others: each needs the table of another one


@dataclass(frozen=True)
class Quality:
    """How good one signal is."""

    separation: float  # area under the curve; what the table does not know counts as an anchor
    cost: float  # what its mistakes cost


@dataclass(frozen=True)
class Findings:
    """A calibration and how good its signals are."""

    calibration: Calibration
    qualities: Mapping[str, Quality]  # signal -> on videos that it was not fitted to, or on all if not `tried`
    tried: bool  # whether there were enough videos to fit the signals to some of them and try them on others
    filler_share: Mapping[str, float]  # signal -> share of the tokens that it takes for fillers
    visual_share: float  # of the tokens
    tokens: int  # measured
    known_tokens: int  # of the vocabulary that are in the table

    @property
    def best(self) -> str:
        """The signal whose mistakes cost least; untried, the one that separates best, since costs would flatter."""

        def badness(signal: str) -> tuple[float, float]:
            quality = self.qualities[signal]
            return (quality.cost if self.tried else 0.0, -quality.separation)

        return min(SIGNALS, key=badness)


def aggregate(evidence: Sequence[Evidence], vocabulary_size: int, state_layer: int, looseness: Looseness) -> Findings:
    """Everything that at least two videos tell; ``looseness`` is what they were measured by.

    Raises UsageError if no token of theirs depends on what they show, or if all do.
    """
    visual = is_visual(evidence)
    _check(visual)
    signals = learn(evidence, vocabulary_size)
    scores = signals.scores(evidence, table_of_others(evidence, vocabulary_size))
    thresholds = fit_thresholds(scores, anchor_weights(evidence))
    tried = _try(evidence, vocabulary_size)
    return Findings(
        calibration=_calibration(signals, thresholds, state_layer, looseness),
        qualities=tried or _qualities(scores, thresholds, anchor_weights(evidence)),
        tried=tried is not None,
        filler_share={signal: float(found.mean()) for signal, found in fillers(scores, thresholds).items()},
        visual_share=float(visual.mean()),
        tokens=len(visual),
        known_tokens=int((~np.isnan(signals.table)).sum()),
    )


def _check(visual: Flags) -> None:
    """Raise UsageError where nothing tells anchors from fillers: a threshold would loosen everything, or nothing."""
    if not visual.any():
        raise UsageError("no word depends on what these videos show: name more, and more varied, videos")
    if visual.all():
        raise UsageError("every word depends on what these videos show, so none can be loosened: name more videos")


def _calibration(
    signals: Signals, thresholds: Mapping[str, float], state_layer: int, looseness: Looseness
) -> Calibration:
    return Calibration(
        table=torch.from_numpy(signals.table).float(),
        ranks={name: torch.from_numpy(points).float() for name, points in signals.ranks.items()},
        thresholds=thresholds,
        watched=WatchedLayers(signals.layers, state_layer, looseness.nearest),
        judged=looseness.judged,
    )


def _try(evidence: Sequence[Evidence], vocabulary_size: int) -> dict[str, Quality] | None:
    """How good the signals are on the second half of the videos if the first teaches them all; None if that is too few.

    Both halves need anchors and fillers.
    """
    half = len(evidence) // 2
    first, second = evidence[:half], evidence[half:]
    if half < LEAST_HALF or not (_has_both(is_visual(first)) and _has_both(is_visual(second))):
        return None
    signals = learn(first, vocabulary_size)
    scores = signals.scores(first, table_of_others(first, vocabulary_size))
    thresholds = fit_thresholds(scores, anchor_weights(first))
    return _qualities(signals.scores(second, table_values(signals, second)), thresholds, anchor_weights(second))


def _has_both(visual: Flags) -> bool:
    return bool(visual.any() and not visual.all())


def _qualities(scores: Mapping[str, Array], thresholds: Mapping[str, float], weights: Array) -> dict[str, Quality]:
    loosened = fillers(scores, thresholds)
    return {
        signal: Quality(
            area_under_curve(np.nan_to_num(scores[signal], nan=np.inf), weights > 0),
            mistake_cost(loosened[signal], weights),
        )
        for signal in SIGNALS
    }
