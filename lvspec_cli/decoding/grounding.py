"""What the target's pass looks at in the video, on its way to the host in as few bytes as show it."""

from __future__ import annotations

from struct import Struct

import torch
from torch import Tensor

from lvspec_cli.decoding.events import Grounding
from lvspec_cli.decoding.model import VideoGrounding

_NUMBERS = Struct("=2f")  # share and largest, behind the levels of a row
_TINY = 1e-30  # below any weight that is worth showing


def packed_grounding(grounding: VideoGrounding) -> Tensor:
    """All that the host is to know of n positions, on the device: uint8 [n, places and the bytes of two numbers]."""
    weights = grounding.weights.float().clamp_min(0.0)
    largest = weights.amax(-1, keepdim=True)
    levels = (weights * (255 / largest.clamp_min(_TINY))).round().to(torch.uint8)
    numbers = torch.cat((grounding.share.float().unsqueeze(-1), largest), dim=-1)
    return torch.cat((levels, numbers.view(torch.uint8)), dim=-1)


def read_groundings(packed: Tensor) -> tuple[Grounding, ...]:
    """The same on the host, copied in one go."""
    count, size = packed.shape
    data, places = packed.cpu().numpy().tobytes(), size - _NUMBERS.size
    groundings = []
    for start in range(0, count * size, size):
        share, largest = _NUMBERS.unpack_from(data, start + places)
        groundings.append(Grounding(share, largest, data[start : start + places]))
    return tuple(groundings)
