"""What a pass of the target shows of how much its new positions look at the video.

Two signals come out of the pass that is made anyway: the share of attention that goes to the video tokens, at chosen
layers, and how near the states of a chosen layer are to those of the video tokens (the relevance of LVSpec, arXiv
2604.05650: the mean of the N largest cosines).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.nn.functional import normalize

from lvspec_cli.decoding.looseness import WatchedLayers
from lvspec_cli.models.attention import attend_watching


class Watch:
    """Notes the signals of one sequence: `begin` a pass, let the layers tell, then read `attention` and `cosine`."""

    def __init__(self, layers: WatchedLayers) -> None:
        self._layers = layers
        self._video: Tensor | None = None  # [prompt], 1 for a video token and 0 for text
        self._video_states: Tensor | None = None  # [video tokens, d], of length 1
        self.shares: list[Tensor] = []  # [n] each: a watched layer's shares of attention on the video, in order
        self.cosines: Tensor | None = None  # [n, video tokens] of a layer's states to those of the video tokens

    def begin(self) -> None:
        """A pass begins."""
        self.shares, self.cosines = [], None

    def show_video(self, mask: Tensor, like: Tensor) -> None:
        """Which positions of the prompt (bool [n]) are video tokens; ``like``: a tensor with the device and dtype."""
        self._video = mask.to(like)

    @contextmanager
    def video_states(self, layers: Any, mask: Tensor) -> Iterator[None]:
        """Keep the states of the video tokens (bool [n]) from a prefill that runs in the block through ``layers``."""
        index = self._layers.states
        if index is None:
            yield
            return

        def keep(module: Any, given: Any, output: Any) -> None:
            states = output if isinstance(output, Tensor) else output[0]
            self._video_states = normalize(states[0][mask[: states.shape[1]]], dim=-1)

        hook = layers[index].register_forward_hook(keep)
        try:
            yield
        finally:
            hook.remove()

    def wants_attention(self, layer: int) -> bool:
        """Whether a layer's attention is watched."""
        return layer in self._layers.attention

    def attend(
        self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scale: float
    ) -> tuple[Tensor, Tensor | None]:
        """`lvspec_cli.models.attention.attend`, noting the share that the video gets; and the weights, if at hand."""
        assert self._video is not None  # a prefill came before
        self._video = self._video.to(keys.device)  # layers may lie on different devices
        mixed, shares, weights = attend_watching(query, keys, values, mask, scale, self._video)
        self.shares.append(shares)
        return mixed, weights

    def note_states(self, layer: int, states: Tensor) -> None:
        """States [n, d] behind a layer."""
        if layer == self._layers.states and self._video_states is not None:
            self.cosines = normalize(states, dim=-1) @ self._video_states.T

    @property
    def attention(self) -> Tensor | None:
        """[n]: share of attention on the video, mean over heads and watched layers; None if none is watched."""
        if not self.shares:
            return None
        first = self.shares[0]
        return sum((share.to(first.device) for share in self.shares[1:]), start=first) / len(self.shares)

    @property
    def cosine(self) -> Tensor | None:
        """[n]: mean of the largest cosines between a position's state and those of the video tokens, or None."""
        if self.cosines is None:
            return None
        return self.cosines.topk(min(self._layers.nearest, self.cosines.shape[1]), dim=-1).values.mean(-1)
