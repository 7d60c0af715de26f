"""The key/value cache: preallocated buffers and a length pointer.

Speculative decoding appends a handful of positions a round and takes some of them back. Concatenating, as the usual
dynamic caches do, copies every cached position at every step; here a step writes its own positions only, attention
reads views of the buffers, and going back moves one number.
"""

from __future__ import annotations

import torch
from torch import Tensor

GROWTH_FACTOR = 1.5


class KVCache:
    """Keys and values of every layer of one sequence, with O(1) rollback.

    Each layer holds two buffers of shape [1, kv_heads, capacity, head_dim], made at its first ``update`` with that
    layer's own shape, dtype and device (so layers may live on different devices). Positions below ``length`` are
    cached; what lies above is scratch and may be overwritten at any time.

    Capacity is meant to be chosen once, from prompt + new tokens + draft (``reserve``). Beyond it the buffers grow to
    at least ``GROWTH_FACTOR`` times their size, so that appending stays amortised O(1) a position.
    """

    def __init__(self, layer_count: int, capacity: int = 0, step: int = 1) -> None:
        """``layer_count``: decoder layers; ``capacity``: positions to make room for at the first write.

        ``step``: capacities are multiples of it, so that prompts of about one length have buffers of one shape.
        """
        if layer_count < 1 or capacity < 0:
            raise ValueError(
                f"a cache needs at least 1 layer and a capacity of at least 0, not {layer_count}, {capacity}"
            )
        self.length = 0
        self._capacity = capacity
        self._step = step
        self._keys: list[Tensor | None] = [None] * layer_count
        self._values: list[Tensor | None] = [None] * layer_count

    @property
    def capacity(self) -> int:
        """Positions that fit before the buffers grow."""
        return self._capacity

    @property
    def nbytes(self) -> int:
        """Bytes held by all buffers."""
        return sum(buffer.nbytes for buffer in (*self._keys, *self._values) if buffer is not None)

    def update(self, keys: Tensor, values: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """Write one layer's new positions after ``length``; return views of all of that layer's positions.

        ``keys``, ``values``: [1, kv_heads, n, head_dim]; returned: [1, kv_heads, length + n, head_dim], sharing memory
        with the buffers. ``length`` moves only in ``advance``, once all layers are written: a forward pass that fails
        half way leaves the cache as it was.
        """
        start = self.length
        end = start + keys.shape[2]
        if end > self._capacity:
            self.reserve(max(end, int(self._capacity * GROWTH_FACTOR)))
        key_buffer, value_buffer = self._keys[layer], self._values[layer]
        if key_buffer is None or value_buffer is None:
            key_buffer = self._keys[layer] = _buffer_like(keys, self._capacity)
            value_buffer = self._values[layer] = _buffer_like(values, self._capacity)
        key_buffer[:, :, start:end] = keys
        value_buffer[:, :, start:end] = values
        return key_buffer[:, :, :end], value_buffer[:, :, :end]

    def buffers(self) -> tuple[list[Tensor], list[Tensor]]:
        """Keys and values of all layers, [1, kv_heads, capacity, head_dim] each, for a pass that writes into them.

        What was never written is zero. Raises ValueError before the first write.
        """
        keys, values = ([buffer for buffer in buffers if buffer is not None] for buffers in (self._keys, self._values))
        if len(keys) < len(self._keys):
            raise ValueError("nothing is cached yet, so there are no buffers")
        return keys, values

    def advance(self, count: int) -> None:
        """Keep the ``count`` positions that every layer has just written."""
        if count < 0 or self.length + count > self._capacity:
            raise ValueError(f"cannot advance by {count} from {self.length} in a cache of {self._capacity} positions")
        self.length += count

    def rollback(self, length: int) -> None:
        """Forget every position from ``length`` on; O(1)."""
        if not 0 <= length <= self.length:
            raise ValueError(f"cannot roll back to {length}: the cache holds {self.length} positions")
        self.length = length

    def clear(self) -> None:
        """Forget everything, keeping the buffers for the next sequence."""
        self.length = 0

    def release(self) -> None:
        """Forget everything and give the memory back; after a failed write, whatever state it left goes with it."""
        self.length = self._capacity = 0
        self._keys = [None] * len(self._keys)
        self._values = [None] * len(self._values)

    def reserve(self, capacity: int) -> None:
        """Make room for ``capacity`` positions in all; what is cached stays. A smaller request changes nothing."""
        if capacity <= self._capacity:
            return
        self._capacity = capacity = -(-capacity // self._step) * self._step
        for buffers in (self._keys, self._values):
            for layer, buffer in enumerate(buffers):
                if buffer is not None:
                    buffers[layer] = None if self.length == 0 else _grown(buffer, self.length, capacity)


def _buffer_like(states: Tensor, capacity: int) -> Tensor:
    batch, heads, _, width = states.shape
    return torch.zeros((batch, heads, capacity, width), dtype=states.dtype, device=states.device)


def _grown(buffer: Tensor, length: int, capacity: int) -> Tensor:
    larger = _buffer_like(buffer, capacity)
    larger[:, :, :length] = buffer[:, :, :length]
    return larger
