"""What the new positions of a pass look at in the video: a number for every place of it.

The queries that layers have at hand anyway are kept until the next pass, and compared with the cached keys once more
where somebody asks. So nothing in the pass itself is computed in another way, and the tokens stay what they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from lvspec_cli.decoding.model import VideoGrounding

GroundingKind = Literal["attention", "cosine"]


@dataclass(frozen=True)
class GroundingSource:
    """Where the numbers are read."""

    kind: GroundingKind
    layers: tuple[int, ...] = ()  # ascending, whose attention is averaged; cosines are of the layer that is watched


@dataclass(frozen=True)
class NotedLayer:
    """What attention began with in a layer."""

    query: Tensor  # [1, heads, n, head_dim], rotated
    keys: Tensor  # [1, kv_heads, m, head_dim], rotated
    scale: float


class GroundingProbe:
    """Keeps what a pass shows: `begin` it, let the layers tell, then ask for what its positions look at."""

    def __init__(self, source: GroundingSource) -> None:
        self.source = source
        self._video = torch.empty(0, dtype=torch.int64)  # positions of the video tokens in the prompt
        self._places = 0  # how many of them, from the first, are places of the video
        self._noted: list[NotedLayer] = []

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers that tell their queries and keys."""
        return self.source.layers

    def show_video(self, mask: Tensor, places: int) -> None:
        """Which positions of the prompt (bool [n]) are video tokens, and how many of these belong to its grid."""
        self._video, self._places = mask.nonzero()[:, 0], places

    def begin(self) -> None:
        """A pass begins."""
        self._noted = []

    def note(self, query: Tensor, keys: Tensor, scale: float) -> None:
        """Take down a layer; see `NotedLayer`."""
        self._noted.append(NotedLayer(query, keys, scale))

    def attention(self, rows: Tensor) -> VideoGrounding:
        """Attention on the video, mean over layers and heads, of the positions ``rows`` (int64 [k]) of the last pass.

        To be asked before anything else is written into the cache.
        """
        weights = attention_rows(self._noted, rows)
        self._video = self._video.to(weights.device)
        weights = weights.index_select(-1, self._video)
        return VideoGrounding(weights[:, : self._places], weights.sum(-1))

    def similarity(self, cosines: Tensor, rows: Tensor) -> VideoGrounding:
        """The cosines of those positions, from those of all [n, video tokens]."""
        chosen = cosines.index_select(0, rows.to(cosines.device))
        return VideoGrounding(chosen[:, : self._places], chosen.amax(-1))


def attention_rows(layers: list[NotedLayer], rows: Tensor) -> Tensor:
    """The attention of some of the last n of m positions on all of them, mean over layers and heads: float32 [k, m].

    ``layers``: on any devices; ``rows``: int64 [k], counted from the first of the n.
    """
    new = layers[0].query.shape[2]
    device = layers[0].query.device
    rows = rows.to(device)
    scores = torch.stack([_scores(layer, rows).to(device) for layer in layers])  # [layers, heads, k, m]
    if new > 1:
        scores[..., -new:] += _future(new, device).index_select(0, rows)
    return scores.softmax(-1).mean((0, 1))


def _scores(layer: NotedLayer, rows: Tensor) -> Tensor:
    """Of k rows, before the softmax and without a mask: float32 [heads, k, m]."""
    _, heads, _, width = layer.query.shape
    kv_heads, total = layer.keys.shape[1:3]
    query = layer.query[0].index_select(1, rows.to(layer.query.device)) * layer.scale
    packed = query.view(kv_heads, -1, width) @ layer.keys[0].transpose(1, 2)
    return packed.float().view(heads, -1, total)


@lru_cache(maxsize=64)
def _future(new: int, device: torch.device) -> Tensor:
    """float32 [n, n]: minus infinity where a position would see one that is behind it, else 0."""
    return torch.full((new, new), float("-inf"), device=device).triu(1)
