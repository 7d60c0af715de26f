"""What the decoding loop needs from a model, and all it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class VideoGrounding:
    """What k positions look at in the video."""

    weights: Tensor  # float32 [k, video tokens], on the host: attention on each, or cosine to it
    places: int  # how many of them, from the first, are places of the video's grid
    steps: int  # how many steps, of as many places each, these make; 0 if they make no grid
    adds_up: bool = True  # attention does, cosines do not


Look = Callable[[], VideoGrounding]  # to be called before what the positions see is forgotten


@dataclass(frozen=True, slots=True)
class Extension:
    """What one forward pass over n new tokens gives."""

    logits: Tensor  # [n, vocabulary_size]; row i predicts the token after input token i
    video_attention: Tensor | None = None  # [n] share of attention on the video at watched layers, or None
    video_cosine: Tensor | None = None  # [n] nearness of a watched layer's states to the video's, -1 to 1, or None
    grounding: Callable[[Sequence[int]], Look] | None = None  # of some of the n; to be asked before the next pass


class DecodableModel(Protocol):
    """A causal model with a key-value cache that can be rolled back.

    After `prefill` the cache holds the prompt but for its last token. The first round feeds that token, so that
    the first generated token is nothing special: every round begins with one known token that the cache lacks.
    """

    @property
    def vocabulary_size(self) -> int:
        """Width of the logits, cut to the tokenizer that draft and target share."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the logits of `extend` arrive."""
        ...

    @property
    def length(self) -> int:
        """Positions now in the key-value cache."""
        ...

    def prefill(self, inputs: Any) -> int:
        """Run all of the prompt but its last token, and return the id of that last token."""
        ...

    def extend(self, tokens: Tensor) -> Extension:
        """Append n tokens (int64 [n], on any device) to the cache in one pass."""
        ...

    def rollback(self, length: int) -> None:
        """Forget every position from `length` on, in O(1)."""
        ...
