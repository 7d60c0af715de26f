"""From the evidence of many videos to a calibration: the table, the layers to watch, the thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lvspec_cli.calibration.evidence import Evidence
from lvspec_cli.calibration.separation import area_under_curve, best_threshold, mistake_cost
from lvspec_cli.decoding.looseness import SIGNALS, WatchedLayers
from lvspec_cli.decoding.relevance import Calibration

VISUAL_NATS = 2.0  # dependence from which a token counts as an anchor: seven times as probable, or less
MOST_LAYERS = 3  # whose attention is watched: each costs a little in every pass
RANKS = 512  # points of a signal's distribution that are kept

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Findings:
    """A calibration and how good its signals are."""

    calibration: Calibration
    separation: dict[str, float]  # signal -> area under the curve, on videos that did not make the table
    cost: dict[str, float]  # signal -> what its mistakes cost there, with its threshold from the other videos
    filler_share: dict[str, float]  # signal -> share of the tokens below its threshold
    visual_share: float  # of the tokens
    tokens: int  # measured
    known_tokens: int  # of the vocabulary that are in the table

    @property
    def best(self) -> str:
        """The signal whose mistakes cost least."""
        return min(self.cost, key=lambda signal: self.cost[signal])


def aggregate(evidence: Sequence[Evidence], vocabulary_size: int, state_layer: int, nearest: int) -> Findings:
    """Everything that at least two videos tell."""
    layers = _best_layers(evidence)
    separation, cost = _test(evidence, vocabulary_size, layers)
    table = _table(evidence, vocabulary_size)
    ranks = _ranks(_signals(evidence, table, layers, None))
    signals, visual = _signals(evidence, table, layers, ranks), _visual(evidence)
    thresholds = {signal: best_threshold(values, visual) for signal, values in signals.items()}
    return Findings(
        calibration=Calibration(
            table=table,
            ranks={name: torch.tensor(ranks[name], dtype=torch.float32) for name in ("table", "attention")},
            thresholds=thresholds,
            watched=WatchedLayers(layers, state_layer, nearest),
        ),
        separation=separation,
        cost=cost,
        filler_share={signal: float((signals[signal] < thresholds[signal]).mean()) for signal in SIGNALS},
        visual_share=float(visual.mean()),
        tokens=len(visual),
        known_tokens=int((~table.isnan()).sum()),
    )


def _test(
    evidence: Sequence[Evidence], vocabulary_size: int, layers: tuple[int, ...]
) -> tuple[dict[str, float], dict[str, float]]:
    """Separation and cost of every signal on the second half of the videos, table and thresholds from the first."""
    half = len(evidence) // 2
    made, tested = evidence[:half], evidence[half:]
    table = _table(made, vocabulary_size)
    ranks = _ranks(_signals(made, table, layers, None))
    known, new = _signals(made, table, layers, ranks), _signals(tested, table, layers, ranks)
    thresholds = {signal: best_threshold(values, _visual(made)) for signal, values in known.items()}
    visual = _visual(tested)
    separation = {signal: area_under_curve(values, visual) for signal, values in new.items()}
    return separation, {signal: mistake_cost(new[signal], visual, thresholds[signal]) for signal in new}


def _signals(
    evidence: Sequence[Evidence], table: Tensor, layers: tuple[int, ...], ranks: dict[str, Array] | None
) -> dict[str, Array]:
    """Each signal at every token, those that combine ranks only if there are ranks; unknown tokens count as anchors."""
    tokens = torch.tensor([token for one in evidence for token in one.tokens])
    dependence = table[tokens].double().numpy()
    attention = np.concatenate([np.mean([one.attention[layer] for layer in layers], axis=0) for one in evidence])
    signals = {
        "attention": attention,
        "cosine": np.array([value for one in evidence for value in one.cosine]),
        "table": np.nan_to_num(dependence, nan=np.inf),
    }
    if ranks is not None:
        seen = np.searchsorted(ranks["attention"], attention) / len(ranks["attention"])
        moved = np.searchsorted(ranks["table"], dependence) / len(ranks["table"])
        signals["combined"] = np.where(np.isnan(dependence), seen, (seen + moved) / 2)
    return signals


def _ranks(signals: dict[str, Array]) -> dict[str, Array]:
    """Evenly spaced points of each signal's distribution."""
    points = (np.arange(RANKS) + 0.5) / RANKS
    return {name: np.quantile(values[np.isfinite(values)], points) for name, values in signals.items()}


def _table(evidence: Sequence[Evidence], vocabulary_size: int) -> Tensor:
    """Mean dependence [vocabulary] where each token was said; NaN where it never was."""
    tokens = torch.tensor([token for one in evidence for token in one.tokens])
    sums, counts = torch.zeros(vocabulary_size, dtype=torch.float64), torch.zeros(vocabulary_size)
    sums.index_add_(0, tokens, torch.from_numpy(_dependences(evidence)))
    counts.index_add_(0, tokens, torch.ones(len(tokens)))
    return (sums / counts).float()  # 0 / 0 is NaN


def _best_layers(evidence: Sequence[Evidence]) -> tuple[int, ...]:
    """The few layers whose mean attention separates best: the best one, then whichever adds most, while any adds."""
    visual = _visual(evidence)
    by_layer = np.concatenate([np.array(one.attention) for one in evidence], axis=1)
    chosen: list[int] = []
    reached = -np.inf
    while len(chosen) < MOST_LAYERS:
        gains = {
            layer: area_under_curve(by_layer[[*chosen, layer]].mean(axis=0), visual)
            for layer in range(len(by_layer))
            if layer not in chosen
        }
        layer = max(gains, key=lambda each: gains[each], default=None)
        if layer is None or not gains[layer] > reached:
            break
        chosen, reached = [*chosen, layer], gains[layer]
    return tuple(sorted(chosen)) or (len(by_layer) // 2,)


def _visual(evidence: Sequence[Evidence]) -> NDArray[np.bool_]:
    """Whether another video would move the target at each token."""
    return np.array([value for one in evidence for value in one.largest]) >= VISUAL_NATS


def _dependences(evidence: Sequence[Evidence]) -> Array:
    return np.array([value for one in evidence for value in one.dependence])
