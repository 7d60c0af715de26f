"""Two more tasks for the middle layer: video tokens name what they show, and words look at what they name.

A question such as "What colour is the circle?" asks for the video tokens that show a circle. From answers alone a small
model takes very long to find out that it should look there. So every video token learns to say the shape and the colour
that its cell shows, and one attention head learns to look from every word for a shape or colour at the cells that show
it. The rest of the model then has little left to learn for such questions.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from lvspec_cli.demo.scene import COLOURS, SHAPES

_NOTHING = -100  # the name of an empty cell; no token, and what cross_entropy leaves out


def cell_names(tokenizer: PreTrainedTokenizerBase) -> tuple[Tensor, Tensor]:
    """The token of each shape's and of each colour's word, in the order of the labels of `cells.cell_labels`."""
    first = [[tokenizer(f" {word}")["input_ids"][0] for word in words] for words in (SHAPES, COLOURS)]
    return torch.tensor([_NOTHING, *first[0]]), torch.tensor([_NOTHING, *first[1]])


def naming_loss(logits: Tensor, cells: Tensor, names: tuple[Tensor, Tensor]) -> Tensor:
    """Mean cross entropy of the video tokens [rows, video tokens, vocabulary] with the names of what their cells show.

    ``cells``: labels [rows, video tokens, 5]; those of a token's second frame are named.
    """
    flat = logits.flatten(0, 1)
    parts = [functional.cross_entropy(flat, names[i][cells[..., 2 + i]].flatten()) for i in range(2)]
    return (parts[0] + parts[1]) / 2


def gaze_loss(gaze: Tensor, tokens: Tensor, cells: Tensor, names: tuple[Tensor, Tensor]) -> Tensor:
    """Mean negative logarithm of the attention that words for shapes and colours pay to the cells that show them.

    ``gaze``: attention [rows, text length, video tokens] of the tokens [rows, text length]; words for what is nowhere
    to be seen are left out.
    """
    shown = torch.stack([names[i % 2][cells[..., i]] for i in range(4)])
    match = (tokens[None, :, :, None] == shown[:, :, None, :]).any(0)
    mass = (gaze.float() * match).sum(-1)
    return -(mass[match.any(-1)] + 1e-4).log().mean()
