"""What the target's pass looks at in the video, on its way to the host and into as few bytes as show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lvspec_cli.decoding.events import Grounding
from lvspec_cli.decoding.model import VideoGrounding

TINY = 1e-30  # below any weight that is worth showing


def ground(look: Callable[[Tensor], VideoGrounding], places: Sequence[int], count: int) -> tuple[Grounding | None, ...]:
    """The groundings of ``count`` places, None but for those that are named; ``look``: see `Extension`."""
    groundings: list[Grounding | None] = [None] * count
    if places:
        for place, grounding in zip(places, read_groundings(look(torch.tensor(places))), strict=True):
            groundings[place] = grounding
    return tuple(groundings)


def read_groundings(grounding: VideoGrounding) -> tuple[Grounding, ...]:
    """Groundings of k positions on the host, copied in one go."""
    places, by_step = grounding.weights.shape[-1], () if grounding.steps is None else (grounding.steps,)
    largest = grounding.weights.amax(-1, keepdim=True)
    numbers = torch.cat((grounding.weights, largest, grounding.share, *by_step), dim=-1).cpu()
    levels = (numbers[:, :places] * (255 / (numbers[:, places : places + 1] + TINY))).round_().to(torch.uint8)
    return tuple(
        Grounding(share, most, bytes(row), tuple(steps) if by_step else None)
        for row, (most, share, *steps) in zip(levels.numpy(), numbers[:, places:].tolist(), strict=True)
    )
