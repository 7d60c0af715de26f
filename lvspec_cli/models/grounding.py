"""What the new positions of a pass look at in the video: a number for every place of it.

What layers have at hand anyway is kept: attention weights where they are watched, or else queries, which are compared
with the cached keys once more where somebody looks, those of several passes together. So nothing in the pass itself is
computed in another way, and the tokens stay what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from lvspec_cli.decoding.model import Look, VideoGrounding

GroundingKind = Literal["attention", "cosine"]
MOST_SCORES = 1 << 23  # of queries and keys, over all heads, that are held at once


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


@dataclass
class Glance:
    """Some of the new positions of a pass, of which somebody may want to know what they look at."""

    layers: Sequence[NotedLayer]  # of the pass, on any devices
    rows: Sequence[int]  # counted from the first of the n
    weights: Tensor | None = None  # float32 [k, video tokens], on the host; None: they wait


class GroundingProbe:
    """Keeps what a pass shows: `begin` it, let the layers tell, then ask for what its positions look at."""

    def __init__(self, source: GroundingSource) -> None:
        self.source = source
        # Positions of the video tokens in the prompt; a slice, which is quicker, if nothing lies between them.
        self._video: Tensor | slice = slice(0)
        self._places = 0  # how many of them, from the first, are places of the video
        self._steps = 0  # how many steps, of as many places each, these make; 0 if they make no grid
        self._noted: list[NotedLayer] = []
        self._waiting: list[Glance] = []

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
        self._waiting = []  # of another video

    def begin(self) -> None:
        """A pass begins."""
        self._noted = []

    def note(self, layer: NotedLayer) -> None:
        """Take down one of `layers`."""
        self._noted.append(layer)

    def attention(self, rows: Sequence[int]) -> Look:
        """Attention on the video, mean over layers and heads, of positions of the last pass.

        To be asked before the next pass, and looked at before anything that the positions see leaves the cache.
        """
        at_hand = weights_at_hand(self._noted)
        if at_hand is not None:
            chosen = self._of_video(at_hand).index_select(1, _tensor(rows, at_hand.device)).mean(0, dtype=torch.float32)
            return lambda: VideoGrounding(chosen.cpu(), self._places, self._steps)
        glance = Glance(self._noted, rows)
        self._waiting.append(glance)
        return partial(self._look, glance)

    def similarity(self, cosines: Tensor, rows: Sequence[int]) -> Look:
        """The cosines of those positions, from those of all [n, video tokens]."""
        chosen = cosines.index_select(0, _tensor(rows, cosines.device)).float()
        return lambda: VideoGrounding(chosen.cpu(), self._places, self._steps, adds_up=False)

    def _look(self, glance: Glance) -> VideoGrounding:
        if glance.weights is None:
            waiting, self._waiting = self._waiting, []
            weights = attention_rows(waiting, self._of_video).cpu()
            for each, own in zip(waiting, weights.split_with_sizes([len(each.rows) for each in waiting]), strict=True):
                each.weights = own
        assert glance.weights is not None
        return VideoGrounding(glance.weights, self._places, self._steps)

    def _of_video(self, weights: Tensor) -> Tensor:
        """The video's part of weights [..., m]."""
        if isinstance(self._video, slice):
            return weights[..., self._video]
        self._video = self._video.to(weights.device)
        return weights.index_select(-1, self._video)


def weights_at_hand(layers: Sequence[NotedLayer]) -> Tensor | None:
    """The attention weights of all heads of all layers, [h, n, m]; None unless all are at hand on one device."""
    at_hand = [layer.weights for layer in layers if layer.weights is not None]
    if len(at_hand) < len(layers) or len({weights.device for weights in at_hand}) > 1:
        return None
    new, total = layers[0].query.shape[2], layers[0].keys.shape[2]
    return torch.cat(at_hand, dim=1).view(-1, new, total)


def attention_rows(glances: Sequence[Glance], select: Callable[[Tensor], Tensor]) -> Tensor:
    """The attention of all rows of the glances, in order, mean over layers and heads: float32 [k, p].

    The glances are at passes over one cache, m positions of which the last one has seen; what the rows see of it must
    be there still. ``select``: takes p of the m columns.
    """
    last = glances[-1].layers
    device, heads, total = last[0].query.device, last[0].query.shape[1], last[0].keys.shape[2]
    by_layer = zip(*(glance.layers for glance in glances), strict=True)
    queries = [torch.cat([noted.query[0] for noted in layer], dim=1) for layer in by_layer]
    size = max(1, MOST_SCORES // (heads * total))
    parts = []
    for rows, later in _seen(glances, device, total, size):
        layers = zip(queries, last, strict=True)
        parts.append(torch.stack([select(_weights(*layer, rows, later)).to(device) for layer in layers]).mean((0, 1)))
    return torch.cat(parts)


def _seen(glances: Sequence[Glance], device: torch.device, total: int, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Some rows at a time: their places among the new positions of all passes, and what each does not see of the cache.

    int64 [k] and bool [k, total]; k is at most ``size``.
    """
    rows, positions, new_before = [], [], 0
    for glance in glances:
        new, length = glance.layers[0].query.shape[2], glance.layers[0].keys.shape[2]
        rows += [new_before + row for row in glance.rows]
        positions += [length - new + row for row in glance.rows]
        new_before += new
    columns = torch.arange(total, device=device)
    for begin in range(0, len(rows), size):
        some = slice(begin, begin + size)
        yield _tensor(rows[some], device), columns > _tensor(positions[some], device)[:, None]


def _weights(queries: Tensor, noted: NotedLayer, rows: Tensor, later: Tensor) -> Tensor:
    """The attention weights of one layer: float32 [heads, k, m].

    ``queries``: [heads, n, head_dim]; ``rows``: int64 [k], some of the n; ``later``: bool [k, m], what they do not see.
    """
    _, kv_heads, total, width = noted.keys.shape
    query = queries.index_select(1, rows.to(queries.device)) * noted.scale
    scores = (query.view(kv_heads, -1, width) @ noted.keys[0].mT).float().view(queries.shape[0], -1, total)
    return scores.masked_fill_(later.to(scores.device), float("-inf")).softmax(-1)


def _tensor(numbers: Sequence[int], device: torch.device) -> Tensor:
    return torch.tensor(numbers, device=device)
