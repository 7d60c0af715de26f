"""Causal models of a few lines, with a cache that shows every wrong or missing rollback."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from lvspec_cli.decoding.model import Extension


class ToyModel:
    """Predicts from a hash of its whole history, kept per position like a key-value cache.

    Seed 0 is the target's; a model of another seed predicts the same at a `share` of the histories. With few `rows`
    (distinct predictions) greedy decoding soon falls into a loop. A pass beyond `capacity` positions fails. The
    logits have the standard deviation `spread`.
    """

    device = torch.device("cpu")

    def __init__(
        self,
        vocabulary_size: int = 7,
        seed: int = 0,
        share: float = 0.0,
        rows: int = 509,
        capacity: int = 4096,
        spread: float = 2.0,
    ) -> None:
        self.vocabulary_size = vocabulary_size
        self.table = spread * _table(vocabulary_size, seed, share, rows)  # [rows, vocabulary_size] logits
        self._rows = rows
        self._states = [0] * (capacity + 1)  # entry i is the state after i positions; stale ones stay in place
        self._tokens = [-1] * capacity
        self._length = 0
        self.passes: list[tuple[int, tuple[int, ...]]] = []  # (length before, tokens) of every call of extend

    @property
    def length(self) -> int:
        return self._length

    @property
    def history(self) -> list[int]:
        return self._tokens[: self._length]

    def prefill(self, inputs: Sequence[int]) -> int:
        self._append(inputs[:-1])
        return inputs[-1]

    def extend(self, tokens: Tensor) -> Extension:
        new = tokens.tolist()
        assert new, "an empty forward pass"
        self.passes.append((self._length, tuple(new)))
        return Extension(self.table[self._append(new)])

    def rollback(self, length: int) -> None:
        assert 0 <= length <= self._length, "a rollback forward"
        self._length = length

    def _append(self, tokens: Sequence[int]) -> list[int]:
        states = []
        for token in tokens:
            state = (self._states[self._length] * 31 + token + 1) % self._rows
            self._tokens[self._length] = token
            self._length += 1
            self._states[self._length] = state
            states.append(state)
        return states


@lru_cache(256)
def _table(vocabulary_size: int, seed: int, share: float, rows: int) -> Tensor:
    own, base = _logits(vocabulary_size, seed, rows), _logits(vocabulary_size, 0, rows)
    alike = torch.rand(rows, 1, generator=torch.Generator().manual_seed(seed)) < share
    return torch.where(alike, base, own)


def _logits(vocabulary_size: int, seed: int, rows: int) -> Tensor:
    return torch.randn(rows, vocabulary_size, generator=torch.Generator().manual_seed(seed))
