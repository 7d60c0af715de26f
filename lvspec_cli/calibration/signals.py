"""What the evidence of videos teaches of every signal: the table, the layers to watch, and where fillers end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvspec_cli.calibration.evidence import Evidence
from lvspec_cli.calibration.separation import area_under_curve, best_threshold
from lvspec_cli.decoding.looseness import SIGNALS

VISUAL_NATS = 2.0  # dependence from which a token counts as an anchor: seven times as probable, or less
MOST_LAYERS = 3  # whose attention is watched
LEAST_GAIN = 0.01  # of the area under the curve, for which a further layer is watched: each costs a little every pass
RANKS = 512  # points of a signal's distribution that are kept

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Signals:
    """What some videos teach of the signals."""

    table: Array  # [vocabulary], nats: mean dependence where each token was said; NaN where it never was
    layers: tuple[int, ...]  # whose attention is watched, ascending
    ranks: Mapping[str, Array]  # "attention" and "table" -> evenly spaced points of its distribution, [RANKS]

    def scores(self, evidence: Sequence[Evidence], dependence: Array) -> dict[str, Array]:
        """Each signal at all n tokens of some videos: [n], NaN where the signal does not know the token.

        ``dependence``: [n], what a table says of the tokens.
        """
        attention = _attention(evidence, self.layers)
        seen, moved = self._rank("attention", attention), self._rank("table", dependence)
        return {
            "attention": attention,
            "cosine": np.concatenate([np.array(one.cosine) for one in evidence]),
            "table": dependence,
            "combined": np.where(np.isnan(dependence), seen, (seen + moved) / 2),
        }

    def _rank(self, signal: str, values: Array) -> Array:
        """Share of the known values that lie below, 0 to 1."""
        return np.searchsorted(self.ranks[signal], values) / len(self.ranks[signal])


def learn(evidence: Sequence[Evidence], vocabulary_size: int) -> Signals:
    """What videos teach; anchors and fillers must be among their tokens."""
    table, layers = _table(evidence, vocabulary_size), best_layers(evidence)
    known = {"attention": _attention(evidence, layers), "table": table[_tokens(evidence)]}
    points = (np.arange(RANKS) + 0.5) / RANKS
    return Signals(table, layers, {signal: np.quantile(values, points) for signal, values in known.items()})


def is_visual(evidence: Sequence[Evidence]) -> Flags:
    """Whether another video would move the target at each of n tokens: bool [n]."""
    return np.concatenate([np.array(one.largest) for one in evidence]) >= VISUAL_NATS


def anchor_weights(evidence: Sequence[Evidence]) -> Array:
    """What each of n tokens loses if it is loosened: its mean dependence in nats if it is visual, 0 if it is not.

    Weighing anchors keeps a few fillers that another video happened to move from costing as much as names of things.
    """
    return np.where(is_visual(evidence), np.concatenate([np.array(one.dependence) for one in evidence]), 0.0)


def table_of_others(evidence: Sequence[Evidence], vocabulary_size: int) -> Array:
    """At each of n tokens, what a table of all videos but the token's own says of it, [n]; NaN where it lacks it.

    A table says of a token that was said once what was measured right there, which no other token can hope for: what
    is fitted to that would trust the table too much.
    """
    sums, counts = _sums(evidence, vocabulary_size)
    found = []
    for one in evidence:
        own_sums, own_counts = _sums([one], vocabulary_size)
        rest = np.maximum(sums - own_sums, 0.0)  # rounding may leave less than nothing
        found.append(_mean(rest, counts - own_counts)[list(one.tokens)])
    return np.concatenate(found)


def table_values(signals: Signals, evidence: Sequence[Evidence]) -> Array:
    """At each of n tokens of other videos, what the table says of it: [n]; NaN where it lacks it."""
    return signals.table[_tokens(evidence)]


def fit_thresholds(scores: Mapping[str, Array], visual: Array) -> dict[str, float]:
    """Where fillers end by each signal; all finite. ``visual``: [n], weights of the anchors, not all 0."""
    known = ~np.isnan(scores["table"])
    thresholds = {signal: best_threshold(scores[signal], visual) for signal in SIGNALS if signal != "table"}
    # No dependence lies below 0: where no anchor is known by others, the table loosens nothing.
    of_table = best_threshold(scores["table"][known], visual[known]) if visual[known].any() else 0.0
    return {signal: thresholds.get(signal, of_table) for signal in SIGNALS}


def fillers(scores: Mapping[str, Array], thresholds: Mapping[str, float]) -> dict[str, Flags]:
    """What each signal takes for fillers, bool [n], as at run time: attention judges what the table does not know."""
    found = {signal: scores[signal] < thresholds[signal] for signal in SIGNALS}
    return {**found, "table": np.where(np.isnan(scores["table"]), found["attention"], found["table"])}


def best_layers(evidence: Sequence[Evidence]) -> tuple[int, ...]:
    """The few layers whose mean attention separates best: the best one, then whichever adds most, if it adds enough."""
    visual = is_visual(evidence)
    by_layer = np.concatenate([np.array(one.attention) for one in evidence], axis=1)
    chosen: list[int] = []
    reached = -np.inf
    while len(chosen) < min(MOST_LAYERS, len(by_layer)):
        areas = {
            layer: area_under_curve(by_layer[[*chosen, layer]].mean(axis=0), visual)
            for layer in range(len(by_layer))
            if layer not in chosen
        }
        layer = max(areas, key=lambda each: areas[each])
        if areas[layer] < reached + LEAST_GAIN:
            break
        chosen, reached = [*chosen, layer], areas[layer]
    return tuple(sorted(chosen))


def _attention(evidence: Sequence[Evidence], layers: tuple[int, ...]) -> Array:
    """Mean over the layers of the attention on the video, at all tokens: [n]."""
    return np.concatenate([np.array(one.attention)[list(layers)].mean(axis=0) for one in evidence])


def _tokens(evidence: Sequence[Evidence]) -> NDArray[np.int64]:
    return np.array([token for one in evidence for token in one.tokens], dtype=np.int64)


def _table(evidence: Sequence[Evidence], vocabulary_size: int) -> Array:
    return _mean(*_sums(evidence, vocabulary_size))


def _sums(evidence: Sequence[Evidence], vocabulary_size: int) -> tuple[Array, Array]:
    """Of every token of the vocabulary, the sum of its dependences (nats) and how often it was said."""
    tokens = _tokens(evidence)
    dependences = np.array([value for one in evidence for value in one.dependence])
    counts = np.bincount(tokens, minlength=vocabulary_size).astype(np.float64)
    sums = np.bincount(tokens, weights=dependences, minlength=vocabulary_size).astype(np.float64)
    return sums, counts


def _mean(sums: Array, counts: Array) -> Array:
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
