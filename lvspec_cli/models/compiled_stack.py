"""The fused layers as one compiled graph of fixed shapes, for machines where starting kernels is what a step costs.

A graph is compiled once for every number of new tokens it is meant for and every capacity of the cache, so both must
be few: capacities are multiples of `CAPACITY_STEP`, and other numbers of tokens run over the layers as they are.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor

from lvspec_cli.decoding.cache import KVCache
from lvspec_cli.errors import ModelError
from lvspec_cli.models.grounding import GroundingProbe, NotedLayer
from lvspec_cli.models.text_stack import FusedTextStack, Rotary, TextStack
from lvspec_cli.models.watch import Watch

CAPACITY_STEP = 512  # positions
_MOST_GRAPHS = 256  # of one function; every length of a pass, capacity and choice of what is noted has its own


def compiled_stack(stack: TextStack, lengths: Collection[int]) -> CompiledTextStack:
    """The same layers, compiled for passes over so many tokens. Raises ModelError if they cannot be."""
    if not isinstance(stack, FusedTextStack):
        raise ModelError("layers of this kind cannot be compiled: set compile to false in the preset")
    return CompiledTextStack(stack, lengths)


class CompiledTextStack:
    """A `FusedTextStack` whose usual passes are compiled; see `lvspec_cli.models.text_stack.TextStack`."""

    def __init__(self, fused: FusedTextStack, lengths: Collection[int]) -> None:
        """``lengths``: the numbers of new tokens whose passes are compiled."""
        self._fused = fused
        config = torch._dynamo.config
        limit = "recompile_limit" if hasattr(config, "recompile_limit") else "cache_size_limit"  # its name before 2.7
        setattr(config, limit, max(getattr(config, limit), _MOST_GRAPHS))  # past it, PyTorch raises
        self.lengths = frozenset(lengths)
        on_gpu = fused.device.type == "cuda"
        self._static: Any = torch.compile(
            fused.run_static, dynamic=False, fullgraph=True, mode="reduce-overhead" if on_gpu else None
        )

    def prepare_rotary(self, cosines: Tensor, sines: Tensor) -> Rotary:
        """See `TextStack.prepare_rotary`."""
        return self._fused.prepare_rotary(cosines, sines)

    def run(
        self, hidden: Tensor, rotary: Rotary, cache: KVCache, watch: Watch | None, probe: GroundingProbe | None
    ) -> Tensor:
        """See `TextStack.run`. A pass that is watched is not compiled."""
        new = hidden.shape[0]
        if watch is not None or new not in self.lengths:
            return self._fused.run(hidden, rotary, cache, watch, probe)
        if cache.length + new > cache.capacity:
            cache.reserve(cache.length + new)
        keys, values = cache.buffers()
        start = torch.full((), cache.length, device=hidden.device)
        probed = () if probe is None else probe.layers
        states: Tensor
        states, queries = self._static(hidden, rotary, start, keys, values, probed)
        if hidden.is_cuda:  # the next replay of a CUDA graph writes over what this one gave
            states, queries = states.clone(), [query.clone() for query in queries]
        if probe is not None:
            for layer, query in zip(probed, queries, strict=True):
                probe.note(NotedLayer(query, keys[layer][:, :, : cache.length + new], self._fused.scale))
        return states
