"""What the new positions of a pass look at in the video: a number for every place of it.

What layers have at hand anyway is kept until the next pass: attention weights where they are watched, or else queries,
which are compared with the cached keys once more where somebody asks. So nothing in the pass itself is computed in
another way, and the tokens stay what they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from lvspec_cli.decoding.model import VideoGrounding

GroundingKind = Literal["attention", "cosine"]


@dataclass(frozen=True)
class GroundingSource:
    """Where the numbers are read."""

    kind: GroundingKind
    layers: tuple[int, ...] = ()  # ascending, whose attention is averaged; cosines are of the layer that is watched


class NotedLayer(NamedTuple):
    """What attention began with in a layer, and came to."""

    query: Tensor  # [1, heads, n, head_dim], rotated
    keys: Tensor  # [1, kv_heads, m, head_dim], rotated
    scale: float
    weights: Tensor | None = None  # [1, kv_heads, heads / kv_heads * n, m], where they are at hand


class GroundingProbe:
    """Keeps what a pass shows: `begin` it, let the layers tell, then ask for what its positions look at."""

    def __init__(self, source: GroundingSource) -> None:
        self.source = source
        # Positions of the video tokens in the prompt; a slice, which is quicker, if nothing lies between them.
        self._video: Tensor | slice = slice(0)
        self._places = 0  # how many of them, from the first, are places of the video
        self._steps = 0  # how many steps, of as many places each, these make; 0 if they make no grid
        self._noted: list[NotedLayer] = []

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers that tell their queries and keys."""
        return self.source.layers

    def show_video(self, mask: Tensor, places: int, steps: int) -> None:
        """Which positions of the prompt (bool [n]) are video tokens, how many belong to its grid, and of what steps."""
        positions = mask.nonzero()[:, 0]
        first, last = int(positions[0]), int(positions[-1])
        self._video = slice(first, last + 1) if last + 1 - first == len(positions) else positions
        self._places, self._steps = places, steps

    def begin(self) -> None:
        """A pass begins."""
        self._noted = []

    def note(self, layer: NotedLayer) -> None:
        """Take down one of `layers`."""
        self._noted.append(layer)

    def attention(self, rows: Tensor) -> VideoGrounding:
        """Attention on the video, mean over layers and heads, of the positions ``rows`` (int64 [k]) of the last pass.

        To be asked before anything else is written into the cache.
        """
        if isinstance(self._video, slice):
            weights = attention_rows(self._noted, rows, self._video)
        else:
            weights = attention_rows(self._noted, rows)
            self._video = self._video.to(weights.device)
            weights = weights.index_select(-1, self._video)
        return VideoGrounding(weights, self._places, self._steps)

    def similarity(self, cosines: Tensor, rows: Tensor) -> VideoGrounding:
        """The cosines of those positions, from those of all [n, video tokens]."""
        chosen = cosines.index_select(0, rows.to(cosines.device)).float()
        return VideoGrounding(chosen, self._places, self._steps, adds_up=False)


def attention_rows(layers: Sequence[NotedLayer], rows: Tensor, columns: slice = slice(None)) -> Tensor:
    """The attention of some of the last n of m positions on some of the m, mean over layers and heads: [k, p].

    ``layers``: on any devices; ``rows``: int64 [k], counted from the first of the n; ``columns``: p of the m.
    """
    device = layers[0].query.device
    at_hand = [layer.weights for layer in layers if layer.weights is not None and layer.weights.device == device]
    if len(at_hand) == len(layers):
        # As few operations as it takes: small models spend more on starting them than on these numbers.
        new, total = layers[0].query.shape[2], layers[0].keys.shape[2]
        every = torch.cat(at_hand, dim=1).view(-1, new, total)[..., columns]
        return every.index_select(1, rows.to(device)).mean(0, dtype=torch.float32)
    return torch.stack([_recomputed(layer, rows)[..., columns].to(device) for layer in layers]).mean((0, 1))


def _recomputed(layer: NotedLayer, rows: Tensor) -> Tensor:
    """The attention weights of one layer: float32 [heads, k, m]."""
    _, heads, new, width = layer.query.shape
    kv_heads, total = layer.keys.shape[1:3]
    rows = rows.to(layer.query.device)
    query = layer.query[0].index_select(1, rows) * layer.scale
    scores = (query.view(kv_heads, -1, width) @ layer.keys[0].mT).float().view(heads, -1, total)
    if new > 1:
        scores[..., -new:] += _future(new, rows.device).index_select(0, rows)
    return scores.softmax(-1)


@lru_cache(maxsize=64)
def _future(new: int, device: torch.device) -> Tensor:
    """float32 [n, n]: minus infinity where a position would see one that is behind it, else 0."""
    return torch.full((new, new), float("-inf"), device=device).triu(1)
