"""Our cache in the clothes that transformers' model classes expect."""

from __future__ import annotations

from inspect import signature
from typing import Any

from torch import Tensor, nn
from transformers import Cache

from lvspec_cli.decoding.cache import KVCache


class TransformersCache(Cache):
    """A `KVCache` as the cache of a transformers model.

    The model writes and reads through it; the length moves when the caller calls ``KVCache.advance`` after the pass.
    """

    def __init__(self, cache: KVCache) -> None:
        super().__init__(layers=[])
        self.cache = cache

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """See `KVCache.update`."""
        return self.cache.update(key_states, value_states, layer_idx)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Cached positions."""
        return self.cache.length

    def get_query_offset(self, layer_idx: int = 0) -> int:
        """The position of the first token of a pass."""
        return self.cache.length

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        """How many positions a pass over ``query_length`` tokens attends to, and the first of them."""
        return self.cache.length + query_length, 0


def cache_argument(module: nn.Module) -> str:
    """The name by which a module takes a cache and gives it back; transformers 5.24 renamed it."""
    return "cache" if "cache" in signature(module.forward).parameters else "past_key_values"
