"""Causal models of a few lines, with a cache that shows every wrong or missing rollback."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lvspec_cli.decoding.model import Extension

_ROWS = 509  # distinct predictions; prime, so that histories spread over all of them


class ToyModel:
    """Predicts from a hash of its whole history, kept per position like a key-value cache.

    `share` is the part of histories at which a model of another seed predicts what this family's seed 0 predicts.
    """

    device = torch.device("cpu")

    def __init__(self, vocabulary_size: int = 7, seed: int = 0, share: float = 0.0, capacity: int = 4096) -> None:
        self.vocabulary_size = vocabulary_size
        self._table = _table(vocabulary_size, 0, seed, share)
        self._states = [0] * (capacity + 1)  # entry i is the state after i positions; stale ones stay in place
        self._tokens = [-1] * capacity
        self._length = 0
        self.passes: list[tuple[int, ...]] = []  # the tokens of every call of extend

    @property
    def length(self) -> int:
        return self._length

    @property
    def history(self) -> tuple[int, ...]:
        return tuple(self._tokens[: self._length])

    def prefill(self, inputs: Sequence[int]) -> int:
        self._append(inputs[:-1])
        return inputs[-1]

    def extend(self, tokens: Tensor) -> Extension:
        new = tokens.tolist()
        assert new, "an empty forward pass"
        self.passes.append(tuple(new))
        return Extension(self._table[self._append(new)])

    def rollback(self, length: int) -> None:
        assert 0 <= length <= self._length, "rollback cannot go forward"
        self._length = length

    def _append(self, tokens: Sequence[int]) -> list[int]:
        states = []
        for token in tokens:
            state = (self._states[self._length] * 31 + token + 1) % _ROWS
            self._tokens[self._length] = token
            self._length += 1
            self._states[self._length] = state
            states.append(state)
        return states


def _table(vocabulary_size: int, family: int, seed: int, share: float) -> Tensor:
    base = _logits(vocabulary_size, family)
    if seed == family:
        return base
    generator = torch.Generator().manual_seed(seed)
    alike = torch.rand(_ROWS, 1, generator=generator) < share
    return torch.where(alike, base, _logits(vocabulary_size, seed))


def _logits(vocabulary_size: int, seed: int) -> Tensor:
    return 2 * torch.randn(_ROWS, vocabulary_size, generator=torch.Generator().manual_seed(seed))
