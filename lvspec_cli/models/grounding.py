"""What the new positions of a pass look at in the video: a number for every place of it.

What layers have at hand anyway is kept: attention weights where they are watched, or else queries, which are compared
with the cached keys once more where somebody looks, those of several passes together. So nothing in the pass itself is
computed in another way, and the tokens stay what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from lvspec_cli.decoding.model import Look, VideoGrounding

GroundingKind = Literal["attention", "cosine"]
MOST_BYTES = 1 << 24  # of attention weights that wait, as they were at hand
MOST_SCORES = 1 << 23  # of queries and keys of one layer, over all heads, that are worked out at once


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

    layers: Sequence[NotedLayer]  # of the pass, on any devices; their weights are below
    rows: Sequence[int]  # counted from the first of the n
    weights: Sequence[Tensor] = ()  # of all layers, if all were at hand, on one device; else none
    seen: Tensor | None = None  # float32 [k, video tokens]; None: nobody has worked it out

    @property
    def new(self) -> int:
        """How many new positions the pass had."""
        return self.layers[0].query.shape[2]

    @property
    def total(self) -> int:
        """How many positions were in the cache behind it."""
        return self.layers[0].keys.shape[2]


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
        self._bytes = 0  # of weights that wait

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers that tell their queries and keys."""
        return self.source.layers

    def show_video(self, mask: Tensor, places: int, steps: int) -> None:
        """Which positions of the prompt (bool [n]) are video tokens, how many belong to its grid, and of what steps."""
        self.work_out()
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

    def attention(self, rows: Sequence[int]) -> Look:
        """Attention on the video, mean over layers and heads, of positions of the last pass.

        To be asked before the next pass, and looked at before anything that the positions see leaves the cache.
        """
        weights = [layer.weights for layer in self._noted if layer.weights is not None]
        if len(weights) < len(self._noted) or len({each.device for each in weights}) > 1:
            weights = []  # those of some layers are of no use
        glance = Glance([layer._replace(weights=None) for layer in self._noted], rows, weights)
        self._waiting.append(glance)
        self._bytes += sum(each.nbytes for each in weights)
        if self._bytes >= MOST_BYTES:
            self.work_out()
        return partial(self._look, glance)

    def similarity(self, cosines: Tensor, rows: Sequence[int]) -> Look:
        """The cosines of those positions, from those of all [n, video tokens]."""
        chosen = cosines.index_select(0, _tensor(rows, cosines.device)).float()
        return lambda: VideoGrounding(chosen.cpu(), self._places, self._steps, adds_up=False)

    def _look(self, glance: Glance) -> VideoGrounding:
        if glance.seen is None:
            self.work_out()
        assert glance.seen is not None
        return VideoGrounding(glance.seen.cpu(), self._places, self._steps)

    def work_out(self) -> None:
        """Work out what was asked of passes so far, while all that they saw is in the cache."""
        at_hand = [glance for glance in self._waiting if glance.weights]
        others = [glance for glance in self._waiting if not glance.weights]
        for glances, rows_of in ((at_hand, rows_at_hand), (others, attention_rows)):
            if glances:
                seen = rows_of(glances, self._of_video).split_with_sizes([len(glance.rows) for glance in glances])
                for glance, own in zip(glances, seen, strict=True):
                    glance.seen = own
        self._waiting, self._bytes = [], 0

    def _of_video(self, weights: Tensor) -> Tensor:
        """The video's part of weights [..., m]."""
        if isinstance(self._video, slice):
            return weights[..., self._video]
        self._video = self._video.to(weights.device)
        return weights.index_select(-1, self._video)


def rows_at_hand(glances: Sequence[Glance], select: Callable[[Tensor], Tensor]) -> Tensor:
    """`attention_rows` of glances whose weights are at hand."""
    chosen = [select(torch.cat(list(glance.weights), dim=1).view(-1, glance.new, glance.total)) for glance in glances]
    rows, _ = _places(glances)
    return torch.cat(chosen, dim=1).index_select(1, _tensor(rows, chosen[0].device)).mean(0, dtype=torch.float32)


def attention_rows(glances: Sequence[Glance], select: Callable[[Tensor], Tensor]) -> Tensor:
    """The attention of all rows of the glances, in order, mean over layers and heads: float32 [k, p].

    The glances are at passes over one cache, m positions of which the last one has seen; what the rows see of it must
    be there still. ``select``: takes p of the m columns.
    """
    last, total = glances[-1].layers, glances[-1].total
    device, heads = last[0].query.device, last[0].query.shape[1]
    by_layer = zip(*(glance.layers for glance in glances), strict=True)
    queries = [torch.cat([noted.query[0] for noted in layer], dim=1) for layer in by_layer]
    rows, positions = (_tensor(each, device) for each in _places(glances))
    later = torch.arange(total, device=device) > positions[:, None]
    size, parts = max(1, MOST_SCORES // (heads * total)), []
    for begin in range(0, len(rows), size):
        some = slice(begin, begin + size)
        weights = (_weights(*layer, rows[some], later[some]) for layer in zip(queries, last, strict=True))
        parts.append(torch.stack([select(each).mean(0).to(device) for each in weights]).mean(0))
    return torch.cat(parts)


def _places(glances: Sequence[Glance]) -> tuple[list[int], list[int]]:
    """Where the rows are among the new positions of all passes, and where in the sequence."""
    rows, positions, before = [], [], 0
    for glance in glances:
        rows += [before + row for row in glance.rows]
        positions += [glance.total - glance.new + row for row in glance.rows]
        before += glance.new
    return rows, positions


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
