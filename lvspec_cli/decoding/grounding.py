"""What the target's pass looks at in the video, on its way to the host and into as few bytes as show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import overload

import numpy as np
import torch
from torch import Tensor

from lvspec_cli.decoding.events import Grounding
from lvspec_cli.decoding.model import VideoGrounding

TINY = 1e-30  # below any weight that is worth showing


class Groundings(Sequence["Grounding | None"]):
    """The groundings of all places of a round, None but for those that are explained.

    Only the weights are taken at once; what is made of them waits for somebody who asks, as between two passes of a
    model a few small operations take several times as long as for many rounds in a row.
    """

    def __init__(self, seen: VideoGrounding, places: Sequence[int], count: int) -> None:
        """``seen``: on the host, of the ``places`` that are explained, among ``count``."""
        self.seen, self.places, self._count = seen, places, count
        self._all: tuple[Grounding | None, ...] | None = None  # None: they wait

    @property
    def wait(self) -> bool:
        """Whether nobody has asked for them yet."""
        return self._all is None

    def take(self, explained: Iterable[Grounding]) -> None:
        """Keep what was made of the weights, one for each of the ``places``."""
        groundings: list[Grounding | None] = [None] * self._count
        for place, grounding in zip(self.places, explained, strict=True):
            groundings[place] = grounding
        self._all = tuple(groundings)

    @overload
    def __getitem__(self, place: int) -> Grounding | None: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Grounding | None]: ...

    def __getitem__(self, place: int | slice) -> Grounding | Sequence[Grounding | None] | None:
        if self._all is None:
            self.take(read_groundings(self.seen))
        assert self._all is not None
        return self._all[place]

    def __len__(self) -> int:
        return self._count


def read_together(rounds: Iterable[Sequence[Grounding | None] | None]) -> None:
    """Work out those that still wait, of rounds that show one video: at once, which is quicker than one by one."""
    waiting = [each for each in rounds if isinstance(each, Groundings) and each.wait]
    if not waiting:
        return
    weights = torch.cat([each.seen.weights for each in waiting])
    explained = iter(read_groundings(replace(waiting[0].seen, weights=weights)))
    for each in waiting:
        each.take(islice(explained, len(each.places)))


def ground(look: Callable[[Tensor], VideoGrounding], places: Sequence[int], count: int) -> Sequence[Grounding | None]:
    """The groundings of ``count`` places, None but for those that are named; ``look``: see `Extension`."""
    return Groundings(look(torch.tensor(places)).on_host(), places, count) if places else (None,) * count


def read_groundings(seen: VideoGrounding) -> tuple[Grounding, ...]:
    """Groundings of k positions, from what they look at, on the host."""
    weights = seen.weights.numpy()
    placed = weights[:, : seen.places]
    if not seen.adds_up:  # cosines
        placed = np.maximum(placed, 0.0)
    largest = placed.max(1)
    levels = (placed * (255 / (largest + TINY))[:, None] + 0.5).astype(np.uint8)
    shares = weights.sum(1) if seen.adds_up else weights.max(1)
    by_step: Sequence[Sequence[float] | None] = [None] * len(weights)
    if seen.adds_up and seen.steps:
        by_step = (placed.reshape(len(weights), seen.steps, -1).sum(2) / (shares + TINY)[:, None]).tolist()
    numbers = zip(shares.tolist(), largest.tolist(), levels, by_step, strict=True)
    return tuple(
        Grounding(share, most, row.tobytes(), None if steps is None else tuple(steps))
        for share, most, row, steps in numbers
    )
