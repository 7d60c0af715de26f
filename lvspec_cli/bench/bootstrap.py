"""Confidence intervals by the bootstrap over clips: resample the clips, compute again, take percentiles.

One `Resamples` serves all methods, so that all see the same resampled clips: the ratio of two methods' figures is that
of pairs, and what makes a clip hard for both does not widen its interval (Efron and Tibshirani, 1993, chapters 8, 13).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure over clips and its percentile interval."""

    value: float  # in the figure's own unit
    low: float  # in the same
    high: float  # in the same

    @property
    def sign(self) -> int:
        """Of a difference: 1 or -1 if its whole interval lies on one side of 0, and 0 if it does not."""
        return int(self.low > 0) - int(self.high < 0)


class Resamples:
    """Draws of clips with replacement, the same for all figures."""

    def __init__(self, clips: int, *, resamples: int = RESAMPLES, seed: int = 0, level: float = LEVEL) -> None:
        """``level``: share of the resampled figures that an interval holds."""
        # [resamples, clips]
        self._picks = np.random.default_rng(seed).integers(0, clips, (resamples, clips))
        self._percentiles = [50 * (1 - level), 50 * (1 + level)]

    def median(self, values: Sequence[float | None]) -> Estimate | None:
        """Of one value a clip; clips with None are left out, and None comes back if nothing is left."""
        numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        return self._estimate(lambda picks: np.nanmedian(numbers[picks], axis=-1))

    def mean(self, values: Sequence[float]) -> Estimate | None:
        """Of one value a clip."""
        return self.ratio(values, [1.0] * len(values))

    def ratio(self, above: Sequence[float], below: Sequence[float]) -> Estimate | None:
        """The sum of one value a clip over that of another; None if the latter is 0."""
        numerators, denominators = (np.array(values, dtype=np.float64) for values in (above, below))
        return self._estimate(lambda picks: numerators[picks].sum(-1) / denominators[picks].sum(-1))

    def over_clips(self, figure: Callable[[Numbers], Numbers]) -> Estimate | None:
        """Of any figure: ``figure``: how often each clip is drawn [..., n] -> what it comes to [...], or NaN."""
        clips = self._picks.shape[1]
        drawn = partial(np.apply_along_axis, partial(np.bincount, minlength=clips), -1)
        return self._estimate(lambda picks: figure(drawn(picks).astype(np.float64)))

    def _estimate(self, figure: Callable[[NDArray[np.int64]], Numbers]) -> Estimate | None:
        """``figure``: clips [..., n] -> the figure of each row [...]."""
        with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a resample without any number is left out
            value = float(figure(np.arange(self._picks.shape[1])))
            resampled = figure(self._picks)
        if not isfinite(value):
            return None
        low, high = np.percentile(resampled[np.isfinite(resampled)], self._percentiles)
        return Estimate(value, float(low), float(high))
