"""How much of a decode is the engine's own work, outside the models' forward passes."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.model import DecodableModel, Extension
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.relevance import NOTHING_KNOWN, PairKnowledge


@dataclass(frozen=True)
class Overhead:
    """Where the time of one decode went."""

    num_tokens: int  # committed
    num_rounds: int
    decode_seconds: float  # s, wall clock of the whole loop, its consumer included
    model_seconds: float  # s, thereof inside the models' `extend`

    @property
    def share(self) -> float:
        """Part of the decode that was not a forward pass, 0 to 1."""
        return 1 - self.model_seconds / self.decode_seconds

    @property
    def seconds_per_round(self) -> float:
        """Time outside forward passes in a round, in s."""
        return (self.decode_seconds - self.model_seconds) / self.num_rounds


class TimedModel:
    """A model that adds up the time of its forward passes."""

    def __init__(self, model: DecodableModel) -> None:
        self._model = model
        self.seconds = 0.0  # s, inside `extend`
        self.vocabulary_size = model.vocabulary_size
        self.device = model.device

    @property
    def length(self) -> int:
        """Positions in the cache."""
        return self._model.length

    def prefill(self, inputs: Any) -> int:
        """Prefill the model, outside the count."""
        return self._model.prefill(inputs)

    def extend(self, tokens: Tensor) -> Extension:
        """Extend the model, and wait until it is done."""
        start = perf_counter()
        extension = self._model.extend(tokens)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.seconds += perf_counter() - start
        return extension

    def rollback(self, length: int) -> None:
        """Roll the model back; this counts as the engine's work."""
        self._model.rollback(length)


def measure_overhead(
    target: DecodableModel,
    draft: DecodableModel | None,
    options: DecodingOptions,
    first_token: int,
    knowledge: PairKnowledge = NOTHING_KNOWN,
) -> Overhead:
    """Decode once, as `decode` does, and tell the engine's time from the models'.

    The figure is meant for the CPU. On CUDA every pass is waited for, so the work that the engine hides behind a
    running pass counts in full there: the share is an upper bound.
    """
    timed = [TimedModel(model) for model in (target, draft) if model is not None]
    start = perf_counter()
    rounds = list(decode(timed[0], timed[1] if draft is not None else None, options, first_token, knowledge))
    seconds = perf_counter() - start
    return Overhead(
        num_tokens=sum(len(event.tokens) for event in rounds),
        num_rounds=len(rounds),
        decode_seconds=seconds,
        model_seconds=sum(model.seconds for model in timed),
    )
