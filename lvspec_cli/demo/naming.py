"""A second task for the language model: half way up, every video token names the shape and colour its cell shows.

A question such as "What colour is the circle?" asks for the video tokens that show a circle. Where the states of video
tokens already point at the words for what they show, the upper layers learn that search easily; without this task it
takes thousands of steps to get off the ground.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from lvspec_cli.demo.scene import COLOURS, SHAPES


def cell_names(tokenizer: PreTrainedTokenizerBase) -> tuple[Tensor, Tensor]:
    """The token of each shape's and each colour's word; item 0, for an empty cell, is -100: nothing to say."""
    shapes, colours = (
        [-100, *(tokenizer(f" {word}")["input_ids"][0] for word in words)] for words in (SHAPES, COLOURS)
    )
    return torch.tensor(shapes), torch.tensor(colours)


def naming_loss(logits: Tensor, cells: Tensor, names: tuple[Tensor, Tensor]) -> Tensor:
    """Mean cross entropy of the video tokens [rows, video tokens, vocabulary] with the names of what their cells show.

    ``cells``: the labels of `cells.cell_labels`; those of a token's second frame are named.
    """
    flat = logits.flatten(0, 1)
    parts = [functional.cross_entropy(flat, names[i][cells[..., 2 + i]].flatten()) for i in range(2)]
    return (parts[0] + parts[1]) / 2
