"""The grounding tasks reward the right names and the right looks, and nothing else."""

from __future__ import annotations

import pytest
import torch

from lvspec_cli.demo.grounding import cell_names, gaze_loss, naming_loss
from lvspec_cli.demo.scene import COLOURS, SHAPES

RED_CIRCLE = [SHAPES.index("circle") + 1, COLOURS.index("red") + 1] * 2 + [0]
EMPTY = [0] * 5


@pytest.fixture
def tokenizer(demo_tokenizer):  # type: ignore[no-untyped-def]
    return demo_tokenizer


def test_every_shape_and_colour_has_a_token_of_its_own(tokenizer) -> None:  # type: ignore[no-untyped-def]
    names = torch.cat(cell_names(tokenizer))
    words = [tokenizer.decode([token]).strip() for token in names.tolist() if token >= 0]
    assert words == [*SHAPES, *COLOURS]


def test_naming_what_a_cell_shows_costs_least_and_empty_cells_cost_nothing(tokenizer) -> None:  # type: ignore[no-untyped-def]
    names = cell_names(tokenizer)
    cells = torch.tensor([[RED_CIRCLE, EMPTY]])
    right, wrong = torch.zeros(1, 2, len(tokenizer)), torch.zeros(1, 2, len(tokenizer))
    right[0, 0, [names[0][RED_CIRCLE[0]], names[1][RED_CIRCLE[1]]]] = 9.0
    wrong[0, 0, [names[0][2], names[1][4]]] = 9.0
    assert naming_loss(right, cells, names) < naming_loss(wrong, cells, names)
    elsewhere = right.clone()
    elsewhere[0, 1] = torch.randn(len(tokenizer))
    assert torch.equal(naming_loss(elsewhere, cells, names), naming_loss(right, cells, names))


def test_a_word_must_look_at_the_cells_that_show_it(tokenizer) -> None:  # type: ignore[no-untyped-def]
    names = cell_names(tokenizer)
    cells = torch.tensor([[RED_CIRCLE, EMPTY]])
    tokens = torch.tensor([[int(names[1][RED_CIRCLE[1]]), int(names[1][4]), 5]])  # red, an absent colour, another word
    looks = torch.tensor([[[0.9, 0.1], [0.0, 0.0], [0.0, 0.0]]])
    assert gaze_loss(looks, tokens, cells, names).item() == pytest.approx(-torch.tensor(0.9001).log().item())
    assert gaze_loss(looks.flip(-1), tokens, cells, names) > gaze_loss(looks, tokens, cells, names)
