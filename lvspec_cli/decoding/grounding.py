"""What the target's pass looks at in the video, on its way to the host in as few bytes as show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct

import torch
from torch import Tensor

from lvspec_cli.decoding.events import Grounding
from lvspec_cli.decoding.model import VideoGrounding

_NUMBERS = Struct("=2f")  # share and largest, behind the levels of a row
_TINY = 1e-30  # below any weight that is worth showing


def ground(look: Callable[[Tensor], VideoGrounding], places: Sequence[int], count: int) -> tuple[Grounding | None, ...]:
    """The groundings of ``count`` places, None but for those that are named; ``look``: see `Extension`."""
    groundings: list[Grounding | None] = [None] * count
    if places:
        for place, grounding in zip(places, read_groundings(look(torch.tensor(places))), strict=True):
            groundings[place] = grounding
    return tuple(groundings)


def read_groundings(grounding: VideoGrounding) -> tuple[Grounding, ...]:
    """Groundings of k positions on the host, copied in one go."""
    packed = _packed(grounding)
    count, size = packed.shape
    data, places = packed.cpu().numpy().tobytes(), size - _NUMBERS.size
    groundings = []
    for start in range(0, count * size, size):
        share, largest = _NUMBERS.unpack_from(data, start + places)
        groundings.append(Grounding(share, largest, data[start : start + places]))
    return tuple(groundings)


def _packed(grounding: VideoGrounding) -> Tensor:
    """On the device: uint8 [k, places and the bytes of two numbers]."""
    weights = grounding.weights.float().clamp_min(0.0)
    largest = weights.amax(-1, keepdim=True)
    levels = (weights * (255 / largest.clamp_min(_TINY))).round().to(torch.uint8)
    numbers = torch.cat((grounding.share.float().unsqueeze(-1), largest), dim=-1)
    return torch.cat((levels, numbers.view(torch.uint8)), dim=-1)
