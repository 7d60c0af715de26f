"""Temperature, top-k, top-p and drawing, against plain Python."""

from __future__ import annotations

from math import exp

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.sampling import Sampler, distribution, draw

some_logits = st.lists(st.integers(-40, 40), min_size=1, max_size=12, unique=True).map(lambda row: [x / 8 for x in row])


def plain_distribution(logits: list[float], temperature: float, top_k: int, top_p: float) -> list[float]:
    weights = [exp(value / temperature) for value in logits]
    order = sorted(range(len(logits)), key=lambda index: -logits[index])
    kept = order[:top_k] if top_k else order
    total = sum(weights[index] for index in kept)
    head, mass = [], 0.0
    for index in kept:
        if mass >= top_p:
            break
        head.append(index)
        mass += weights[index] / total
    total = sum(weights[index] for index in head)
    return [weights[index] / total if index in head else 0.0 for index in range(len(logits))]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    some_logits, st.sampled_from((0.3, 1.0, 2.0)), st.integers(0, 14), st.sampled_from((0.0137, 0.31, 0.77, 0.951, 1.0))
)
def test_distribution_is_temperature_then_top_k_then_top_p(
    logits: list[float], temperature: float, top_k: int, top_p: float
) -> None:
    found = distribution(torch.tensor([logits]), temperature, top_k, top_p)
    expected = torch.tensor([plain_distribution(logits, temperature, top_k, top_p)])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("spread", [0.5, 6.0])  # a nucleus larger than the usual head, and a smaller one
def test_top_p_of_a_large_vocabulary_is_the_same_however_it_is_found(spread: float) -> None:
    logits = spread * torch.randn(4, 700, generator=torch.Generator().manual_seed(5))
    found = distribution(logits, 1.0, top_p=0.9)
    expected = torch.tensor([plain_distribution(row.tolist(), 1.0, 0, 0.9) for row in logits])
    assert ((found > 0) == (expected > 0)).all()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert ((found > 0).sum(dim=-1) > 128).all() == (spread == 0.5)


def test_rows_do_not_influence_each_other() -> None:
    logits = torch.cat([spread * torch.randn(1, 500, generator=torch.Generator().manual_seed(3)) for spread in (1, 9)])
    both = distribution(logits, 0.8, top_k=200, top_p=0.95)
    assert torch.equal(both[:1], distribution(logits[:1], 0.8, top_k=200, top_p=0.95))
    assert torch.equal(both[1:], distribution(logits[1:], 0.8, top_k=200, top_p=0.95))


def test_equally_probable_tokens_are_kept_or_dropped_together() -> None:
    found = distribution(torch.tensor([[1.0, 3.0, 1.0, 3.0]]), 1.0, top_k=1)
    assert found.tolist() == [[0.0, 0.5, 0.0, 0.5]]
    found = distribution(torch.tensor([[0.0, 0.0, 0.0, -9.0]]), 1.0, top_p=0.5)
    assert (found[0, :3] == found[0, 0]).all()
    assert found[0, 3] == 0


def test_half_precision_logits_give_full_precision_probabilities() -> None:
    assert distribution(torch.randn(2, 9).bfloat16(), 0.7, 3, 0.9).dtype is torch.float32


def test_draws_follow_the_weights_whatever_their_sum() -> None:
    weights = torch.tensor([[0.0, 1.0, 0.0, 2.0, 5.0, 0.0]]) * 0.37
    drawn = draw(weights.expand(40_000, -1), torch.Generator().manual_seed(1))
    shares = torch.bincount(drawn, minlength=6) / 40_000
    assert shares[[0, 2, 5]].tolist() == [0, 0, 0]
    torch.testing.assert_close(shares[[1, 3, 4]], torch.tensor([1, 2, 5]) / 8, rtol=0, atol=0.012)  # 5 deviations


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-53])
def test_an_index_without_weight_is_not_drawn_even_at_the_ends(uniform: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *shape, dtype, **_: torch.full(shape, uniform, dtype=dtype))
    weights = torch.tensor([[0.0, 0.1, 0.0, 0.7, 0.0], [0.0, 0.0, 3.3, 0.0, 0.0]])
    assert draw(weights, torch.Generator()).tolist() == ([1, 2] if uniform == 0 else [3, 2])


def test_greedy_takes_the_first_of_the_most_probable() -> None:
    sampler = Sampler(DecodingOptions(), torch.device("cpu"))
    assert sampler.choose(torch.tensor([[0.0, 2.0, 2.0], [3.0, 1.0, 2.0]])).tolist() == [1, 0]


def test_draft_and_target_draw_from_different_streams() -> None:
    options = DecodingOptions(temperature=1.0, seed=11)
    target, draft = (Sampler(options, torch.device("cpu"), draft=draft) for draft in (False, True))
    assert not torch.equal(target.uniform(8), draft.uniform(8))
