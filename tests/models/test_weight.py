"""A weight gives the products of `torch.nn.functional.linear`, whatever order of memory it is kept in."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import linear

from lvspec_cli.models import text_stack
from lvspec_cli.models.text_stack import FusedTextStack
from lvspec_cli.models.weight import Weight, by_columns, can_pack
from tests.models.conftest import TinyPair
from tests.models.test_text_stack import text_model


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 6, 17])
def test_a_product_equals_that_of_the_plain_matrix(packed: bool, biased: bool, rows: int) -> None:
    matrices = [torch.randn(12, 20), torch.randn(5, 20)]
    bias = torch.randn(17) if biased else None
    states = torch.randn(rows, 20)
    weight = Weight(by_columns(matrices), bias, packed=packed)
    assert (weight.packed is not None) == (packed and can_pack(matrices[0]))
    torch.testing.assert_close(weight.multiply(states), linear(states, torch.cat(matrices), bias))


@pytest.mark.parametrize("large", [0, 2**40])
def test_one_row_gives_the_same_with_either_copy(large: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvspec_cli.models.weight._LARGE", large)
    matrix, states = torch.randn(17, 20), torch.randn(1, 20)
    torch.testing.assert_close(Weight(matrix, None, packed=True).multiply(states), linear(states, matrix))


def test_only_float32_is_packed() -> None:
    assert not can_pack(torch.zeros(4, 4, dtype=torch.bfloat16))
    assert not can_pack(torch.zeros(4, 4, device="meta"))
    states = torch.randn(3, 4, dtype=torch.bfloat16)
    matrix = torch.randn(4, 4, dtype=torch.bfloat16)
    assert torch.equal(Weight(matrix, None, packed=True).multiply(states), linear(states, matrix))


def test_without_onednn_a_product_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvspec_cli.models.weight._operations", object)
    matrix, states = torch.randn(4, 6), torch.randn(3, 6)
    weight = Weight(matrix, None, packed=True)
    assert weight.packed is None
    torch.testing.assert_close(weight.multiply(states), linear(states, matrix))


def test_only_small_models_hold_their_weights_twice(tiny_pair: TinyPair, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def record(matrix: torch.Tensor, bias: torch.Tensor | None, *, packed: bool) -> Weight:
        asked.append(packed)
        return Weight(matrix, bias, packed=packed)

    monkeypatch.setattr(text_stack, "Weight", record)
    FusedTextStack(text_model(tiny_pair))
    assert asked
    assert all(asked)
    asked.clear()
    monkeypatch.setattr(text_stack, "PACKING_LIMIT", 1000)
    FusedTextStack(text_model(tiny_pair))
    assert asked
    assert not any(asked)
