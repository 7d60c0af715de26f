"""Heads that teach a vision tower alone, before there is a language model; they are thrown away afterwards.

Each video token must tell which shape and colour its cell shows and how many dots, and a small transformer over all
tokens must tell every attribute of the clip. A tower taught this way learns in minutes what would take hours through
captions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lvspec_cli.demo.architecture import VIDEO_TOKENS
from lvspec_cli.demo.cells import CELL_CLASSES
from lvspec_cli.demo.scene import ATTRIBUTES


class Probe(nn.Module):
    """Reads video features [rows, video tokens, width]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.cells = nn.Linear(width, sum(CELL_CLASSES))
        self.places = nn.Parameter(0.1 * torch.randn(VIDEO_TOKENS + len(ATTRIBUTES), width))
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, 0.0, batch_first=True, norm_first=True)
        self.reader = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.heads = nn.ModuleList(nn.Linear(width, len(values)) for values in ATTRIBUTES.values())

    def forward(self, features: Tensor) -> tuple[tuple[Tensor, ...], list[Tensor]]:
        """Logits of each cell's labels and of each attribute."""
        cells = self.cells(features).split(CELL_CLASSES, -1)
        queries = features.new_zeros(len(features), len(ATTRIBUTES), features.shape[-1])
        read = self.reader(torch.cat([features, queries], 1) + self.places)[:, -len(ATTRIBUTES) :]
        return cells, [head(read[:, index]) for index, head in enumerate(self.heads)]


def probe_loss(
    cells: tuple[Tensor, ...], attributes: list[Tensor], labels: Tensor, values: Tensor
) -> tuple[Tensor, Tensor]:
    """The mean cross entropy of both kinds, and each attribute's accuracy in the batch."""
    dense = [functional.cross_entropy(logits.flatten(0, 1), labels[..., i].flatten()) for i, logits in enumerate(cells)]
    whole = [functional.cross_entropy(logits, values[:, i]) for i, logits in enumerate(attributes)]
    right = torch.stack([(logits.argmax(-1) == values[:, i]).float().mean() for i, logits in enumerate(attributes)])
    return torch.stack(dense).mean() + torch.stack(whole).mean(), right
