"""Choosing the video tokens that the draft sees: pure functions from counts and scores to indices.

After SpecVLM (EMNLP 2025): the draft gets a small share of the video, first the tokens that the target attends to most,
then evenly spaced ones, so that no part of the video goes unseen.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lvspec_cli.preset import PruningSpec


def select_video_tokens(spec: PruningSpec, count: int, scores: Tensor | None = None) -> Tensor | None:
    """The indices of the video tokens that stay, int64 and strictly increasing; None: all of them.

    ``count``: video tokens there are; ``scores``: [count], not negative, how much attention each of them gets.
    Raises ValueError if ``spec`` asks for attention and there are no scores.
    """
    if spec.pruning == "none":
        return None
    if spec.pruning == "uniform":
        return select_uniformly(count, spec.keep)
    if scores is None or scores.shape[0] != count:
        raise ValueError(f"pruning by attention needs a score for each of {count} video tokens")
    return select_by_attention(scores, spec.keep, spec.mass)


def kept_count(spec: PruningSpec, count: int) -> int:
    """How many of ``count`` video tokens stay."""
    return count if spec.pruning == "none" else _budget(count, spec.keep)


def select_uniformly(count: int, keep: float) -> Tensor:
    """The share ``keep`` of ``count`` tokens, evenly spaced from the first to the last: int64 [budget]."""
    return _evenly_spaced(count, _budget(count, keep))


def select_by_attention(scores: Tensor, keep: float, mass: float) -> Tensor:
    """The share ``keep`` of n tokens with ``scores`` [n], in SpecVLM's two stages: int64 [budget], increasing.

    First the fewest top scorers whose scores make up at least the share ``mass`` of all, as far as the budget goes;
    then evenly spaced ones of the rest. Of equal scores the earlier goes first. Where all scores are zero, or
    ``mass`` is, everything is evenly spaced.
    """
    budget = _budget(scores.shape[0], keep)
    ranked, order = scores.double().sort(descending=True, stable=True)
    chosen = torch.zeros(scores.shape[0], dtype=torch.bool, device=scores.device)
    chosen[order[: min(budget, _prefix_length(ranked, mass))]] = True
    rest = (~chosen).nonzero()[:, 0]
    chosen[rest[_evenly_spaced(len(rest), budget - int(chosen.sum()))]] = True
    return chosen.nonzero()[:, 0]


def _budget(count: int, keep: float) -> int:
    return max(1, int(count * keep))


def _prefix_length(ranked: Tensor, mass: float) -> int:
    """How many of the descending scores [n] it takes to reach the share ``mass`` of their sum."""
    cumulative = ranked.cumsum(0)
    wanted = mass * cumulative[-1]
    return 0 if wanted == 0 else int((cumulative < wanted).sum()) + 1


def _evenly_spaced(count: int, budget: int) -> Tensor:
    """``budget`` indices below ``count``, from the first to the last; in whole numbers, so that none comes twice."""
    return torch.arange(budget) * (count - 1) // max(1, budget - 1)
