"""How well a signal separates anchors from fillers, and where to cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

MISSED_ANCHOR_COST = 50.0  # of all anchors taken for fillers, over all fillers taken for anchors: that costs speed only


def area_under_curve(scores: ArrayLike, anchors: ArrayLike) -> float:
    """Probability that an anchor scores above a filler, ties counting half; NaN if one of the two is missing.

    ``scores``: [n]; ``anchors``: bool [n].
    """
    values, labels = np.asarray(scores, dtype=np.float64), np.asarray(anchors, dtype=bool)
    positive, negative = int(labels.sum()), int((~labels).sum())
    if not positive or not negative:
        return float("nan")
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[inverse]  # of ties, their mean
    return float((ranks[labels].sum() - positive * (positive + 1) / 2) / (positive * negative))


def best_threshold(scores: ArrayLike, anchors: ArrayLike, missed_cost: float = MISSED_ANCHOR_COST) -> float:
    """The score from which a token counts as an anchor, at the least cost of both mistakes; finite.

    ``scores``: [n], finite; ``anchors``: [n], the weight of each, 0 for fillers. Where a whole range costs the same,
    its middle. Raises ValueError if there are no anchors: a cut above all scores, which loosens all, would do too.
    """
    values, weights = np.asarray(scores, dtype=np.float64), np.asarray(anchors, dtype=np.float64)
    is_filler = weights == 0
    if is_filler.all():
        raise ValueError("without anchors nothing tells where fillers end")
    cuts, inverse = np.unique(values, return_inverse=True)
    anchors_at = np.bincount(inverse, weights=weights, minlength=len(cuts))
    fillers_at = np.bincount(inverse, weights=is_filler, minlength=len(cuts))
    # Entry i: everything from cut i on counts as an anchor; the last: nothing does.
    missed = np.concatenate(([0.0], np.cumsum(anchors_at))) / weights.sum()
    strict = np.concatenate((fillers_at[::-1].cumsum()[::-1], [0.0])) / max(1, is_filler.sum())
    best = int(np.argmin(missed_cost * missed + strict))
    if best == len(cuts):
        return float(np.nextafter(cuts[-1], np.inf))
    return float(cuts[0]) if best == 0 else float((cuts[best - 1] + cuts[best]) / 2)


def mistake_cost(fillers: ArrayLike, anchors: ArrayLike, missed_cost: float = MISSED_ANCHOR_COST) -> float:
    """Share of the fillers that count as anchors, plus `missed_cost` times the share of the anchors that do not.

    ``fillers``: bool [n], what counts as fillers; ``anchors``: [n], the weight of each anchor, 0 for fillers.
    """
    loosened, weights = np.asarray(fillers, dtype=bool), np.asarray(anchors, dtype=np.float64)
    is_filler = weights == 0
    missed = weights[loosened].sum() / weights.sum() if weights.any() else 0.0
    strict = (~loosened[is_filler]).sum() / max(1, is_filler.sum())
    return float(missed_cost * missed + strict)
