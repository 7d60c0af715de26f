"""What a trace tells of rounds beyond what decides them: what the draft thought of its tokens, where the target looked.

None of it is needed for the next round, so it waits: between two passes of a small model every operation takes several
times as long as among its like, and an accelerator's host would have to stop for each. Rounds are worked out together,
as soon as somebody asks for one of them, or when enough of them wait.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from math import nan
from typing import NamedTuple, TypeVar, overload

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lvspec_cli.decoding.events import Grounding
from lvspec_cli.decoding.model import Look, VideoGrounding

MOST_ROUNDS = 16  # that wait
MOST_BYTES = 1 << 24  # of the draft's logits that wait
TINY = 1e-30  # below any weight that is worth showing

Value = TypeVar("Value", covariant=True)


class Later(Sequence[Value]):
    """Values of a round, of a known number, that are worked out when somebody looks at one of them."""

    def __init__(self, count: int, work_out: Callable[[], None]) -> None:
        """``work_out``: gives the values to `take`."""
        self._count, self._work_out = count, work_out
        self._values: tuple[Value, ...] | None = None

    def take(self, values: tuple[Value, ...]) -> None:
        """These are the values."""
        self._values = values

    @overload
    def __getitem__(self, place: int) -> Value: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Value]: ...

    def __getitem__(self, place: int | slice) -> Value | Sequence[Value]:
        if self._values is None:
            self._work_out()
        assert self._values is not None
        return self._values[place]

    def __len__(self) -> int:
        return self._count


class _Thought(NamedTuple):
    """What a draft's tokens were drawn from."""

    own: Later[float]
    logits: Sequence[Tensor]  # [1, vocabulary] each
    tokens: Tensor  # int64 [g]


class _Asked(NamedTuple):
    """What a pass was asked of the video."""

    seen: Later[Grounding | None]
    places: Sequence[int]  # that are told
    look: Look


class Evidence:
    """The evidence of one decode. `settle` it at the end, before the caches are another's."""

    def __init__(self) -> None:
        self._thoughts: list[_Thought] = []
        self._looks: list[_Asked] = []
        self._bytes = 0

    def of_draft(self, logits: Sequence[Tensor], tokens: Tensor) -> Sequence[float]:
        """The draft's own log-probabilities [g], in nats, of ``tokens`` (int64 [g]), drawn from logits [1, vocabulary].

        On the device of the logits, which are kept until then.
        """
        later = Later[float](len(logits), self.settle)
        self._thoughts.append(_Thought(later, logits, tokens))
        self._bytes += len(logits) * logits[0].nbytes
        return later

    def of_video(
        self, ask: Callable[[Sequence[int]], Look], places: Sequence[int], count: int
    ) -> Sequence[Grounding | None]:
        """The groundings of ``count`` places, None but for those that are named; ``ask``: see `Extension`."""
        if not places:
            return (None,) * count
        later = Later[Grounding | None](count, self.settle)
        self._looks.append(_Asked(later, places, ask(places)))
        return later

    def round_ends(self) -> None:
        """Settle what waits if that is enough."""
        if max(len(self._thoughts), len(self._looks)) >= MOST_ROUNDS or self._bytes >= MOST_BYTES:
            self.settle()

    @torch.inference_mode()
    def settle(self) -> None:
        """Work out all that waits. Where memory does not suffice it is not known, NaN or None: it costs no caption."""
        thoughts, self._thoughts, self._bytes = self._thoughts, [], 0
        looks, self._looks = self._looks, []
        for thought in thoughts:
            thought.own.take((nan,) * len(thought.own))
        for asked in looks:
            asked.seen.take((None,) * len(asked.seen))
        with suppress(MemoryError, torch.OutOfMemoryError):
            _tell_thoughts(thoughts)
            _tell_looks(looks)


def _tell_thoughts(thoughts: Sequence[_Thought]) -> None:
    if not thoughts:
        return
    logits = torch.cat([each for thought in thoughts for each in thought.logits]).float()
    tokens = torch.cat([thought.tokens for thought in thoughts]).to(logits.device)
    numbers = iter((-cross_entropy(logits, tokens, reduction="none")).tolist())
    for thought in thoughts:
        thought.own.take(tuple(islice(numbers, len(thought.logits))))


def _tell_looks(looks: Sequence[_Asked]) -> None:
    if not looks:
        return
    explained = iter(read_groundings([asked.look() for asked in looks]))
    for asked in looks:
        groundings: list[Grounding | None] = [None] * len(asked.seen)
        for place in asked.places:
            groundings[place] = next(explained)
        asked.seen.take(tuple(groundings))


def read_groundings(seen: Sequence[VideoGrounding]) -> list[Grounding]:
    """Groundings of all positions, from what they look at, on the host, in one video."""
    weights = torch.cat([each.weights for each in seen]).numpy()
    adds_up, steps = seen[0].adds_up, seen[0].steps
    placed = weights[:, : seen[0].places]
    if not adds_up:  # cosines
        placed = np.maximum(placed, 0.0)
    largest = placed.max(1)
    levels = (placed * (255 / (largest + TINY))[:, None] + 0.5).astype(np.uint8)
    shares = weights.sum(1) if adds_up else weights.max(1)
    by_step: Sequence[Sequence[float] | None] = [None] * len(weights)
    if adds_up and steps:
        by_step = (placed.reshape(len(weights), steps, -1).sum(2) / (shares + TINY)[:, None]).tolist()
    numbers = zip(shares.tolist(), largest.tolist(), levels, by_step, strict=True)
    return [
        Grounding(share, most, row.tobytes(), None if parts is None else tuple(parts))
        for share, most, row, parts in numbers
    ]
