"""What the new positions of a pass look at in the video: a number for every place of it.

The queries that layers have at hand anyway are kept for the length of a pass, and compared with the cached keys once
more when it is over. So nothing in the pass itself is computed in another way, and the tokens stay what they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lvspec_cli.decoding.model import VideoGrounding
from lvspec_cli.models.attention import causal_mask

GroundingKind = Literal["attention", "cosine"]


@dataclass(frozen=True)
class GroundingSource:
    """Where the numbers are read."""

    kind: GroundingKind
    layers: tuple[int, ...] = ()  # ascending, whose attention is averaged; cosines are of the layer that is watched


class GroundingProbe:
    """Keeps what a pass shows: `begin` it, let the layers tell, then read it, once."""

    def __init__(self, source: GroundingSource) -> None:
        self.source = source
        self._video = torch.empty(0, dtype=torch.int64)  # positions of the video tokens in the prompt
        self._places = 0  # how many of them, from the first, are places of the video
        self._noted: list[tuple[Tensor, Tensor, float]] = []  # queries, keys and scale of a layer

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers that tell their queries and keys, in order."""
        return self.source.layers

    def show_video(self, mask: Tensor, places: int) -> None:
        """Which positions of the prompt (bool [n]) are video tokens, and how many of these belong to its grid."""
        self._video, self._places = mask.nonzero()[:, 0], places

    def begin(self) -> None:
        """A pass begins."""
        self._noted = []

    def note(self, query: Tensor, keys: Tensor, scale: float) -> None:
        """Take down one layer: queries [1, heads, n, head_dim] and keys [1, kv_heads, m, head_dim], both rotated."""
        self._noted.append((query, keys, scale))

    def read(self, cosines: Tensor | None) -> VideoGrounding:
        """Of the pass that is over; ``cosines``: [n, video tokens] of the layer that is watched, where that is asked.

        The weights are means over layers and heads.
        """
        if self.source.kind == "cosine":
            assert cosines is not None  # the layer is watched
            return VideoGrounding(cosines[:, : self._places], cosines.amax(-1))
        noted, self._noted = self._noted, []
        device = noted[0][0].device  # layers may lie on different ones
        self._video = self._video.to(device)
        rows = sum((attention_rows(*layer).to(device) for layer in noted[1:]), start=attention_rows(*noted[0]))
        weights = rows.index_select(-1, self._video) / len(noted)
        return VideoGrounding(weights[:, : self._places], weights.sum(-1))


def attention_rows(query: Tensor, keys: Tensor, scale: float) -> Tensor:
    """The attention of the last n of m positions on all of them, mean over the heads: float32 [n, m].

    ``query``: [1, heads, n, head_dim]; ``keys``: [1, kv_heads, m, head_dim].
    """
    _, heads, new, width = query.shape
    kv_heads, total = keys.shape[1:3]
    groups = heads // kv_heads
    packed = query.reshape(kv_heads, groups * new, width) * scale
    scores = (packed @ keys[0].transpose(1, 2)).float()
    if (mask := causal_mask(new, total, groups, scores.dtype, scores.device)) is not None:
        scores += mask
    return scores.softmax(-1).view(heads, new, total).mean(0)
