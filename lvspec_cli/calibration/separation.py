"""How well a signal separates anchors from fillers, and where to cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

MISSED_ANCHOR_COST = 50.0  # of an anchor taken for a filler, over a filler taken for an anchor: that costs speed only


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

    ``scores``: [n], finite; ``anchors``: bool [n]. Where a whole range costs the same, its middle. Raises ValueError
    if there are no anchors: every cut would do, and one above all scores would loosen everything.
    """
    values, labels = np.asarray(scores, dtype=np.float64), np.asarray(anchors, dtype=bool)
    if not labels.any():
        raise ValueError("without anchors nothing tells where fillers end")
    cuts, inverse = np.unique(values, return_inverse=True)
    anchors_at = np.bincount(inverse, weights=labels, minlength=len(cuts))
    fillers_at = np.bincount(inverse, weights=~labels, minlength=len(cuts))
    # Entry i: everything from cut i on counts as an anchor; the last: nothing does.
    missed = np.concatenate(([0.0], np.cumsum(anchors_at))) / labels.sum()
    strict = np.concatenate((fillers_at[::-1].cumsum()[::-1], [0.0])) / max(1, (~labels).sum())
    best = int(np.argmin(missed_cost * missed + strict))
    if best == len(cuts):
        return float(np.nextafter(cuts[-1], np.inf))
    return float(cuts[0]) if best == 0 else float((cuts[best - 1] + cuts[best]) / 2)


def mistake_cost(fillers: ArrayLike, anchors: ArrayLike, missed_cost: float = MISSED_ANCHOR_COST) -> float:
    """Share of the fillers that count as anchors, plus `missed_cost` times the share of anchors that do not.

    ``fillers``: bool [n], what counts as fillers; ``anchors``: bool [n], what anchors are.
    """
    loosened, labels = np.asarray(fillers, dtype=bool), np.asarray(anchors, dtype=bool)
    missed = loosened[labels].sum() / max(1, labels.sum())
    strict = (~loosened[~labels]).sum() / max(1, (~labels).sum())
    return float(missed_cost * missed + strict)
