"""Which video tokens stay: exactly as many as asked for, spread out, and the best scorers among them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.models.pruning import select_by_attention, select_uniformly, select_video_tokens
from lvspec_cli.preset import PruningSpec

counts = st.integers(1, 300)
shares = st.floats(0, 1, exclude_min=True)
masses = st.floats(0, 1)
all_scores = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=100).map(torch.tensor)


def budget(count: int, keep: float) -> int:
    return max(1, int(count * keep))


def check_indices(chosen: torch.Tensor, count: int, keep: float) -> None:
    indices = chosen.tolist()
    assert len(indices) == budget(count, keep)
    assert indices == sorted(set(indices))
    assert 0 <= indices[0] <= indices[-1] < count


@given(counts, shares)
def test_uniform_pruning_keeps_its_budget_and_spreads_it(count: int, keep: float) -> None:
    chosen = select_uniformly(count, keep)
    check_indices(chosen, count, keep)
    if len(chosen) > 1:
        gaps = chosen.diff()
        assert gaps.max() - gaps.min() <= 1
        assert (chosen[0], chosen[-1]) == (0, count - 1)


@given(all_scores, shares, masses)
def test_pruning_by_attention_keeps_its_budget(scores: torch.Tensor, keep: float, mass: float) -> None:
    check_indices(select_by_attention(scores, keep, mass), len(scores), keep)


@given(all_scores, shares, masses)
def test_the_top_scorers_that_hold_the_mass_stay(scores: torch.Tensor, keep: float, mass: float) -> None:
    stays = set(select_by_attention(scores, keep, mass).tolist())
    ranking = sorted(range(len(scores)), key=lambda index: (-float(scores[index]), index))
    held, wanted = 0.0, mass * float(scores.double().sum()) * (1 - 1e-9)
    for index in ranking[: budget(len(scores), keep)]:
        if held >= wanted:
            break
        assert index in stays
        held += float(scores[index])


@given(all_scores, shares)
def test_all_of_the_mass_takes_the_top_scorers_alone(scores: torch.Tensor, keep: float) -> None:
    scores = scores + 0.01  # none is zero, so that the mass is reached with the last one only
    chosen = select_by_attention(scores, keep, 1.0)
    assert torch.equal(scores[chosen].sort().values, scores.sort().values[-len(chosen) :])


@given(counts, shares, masses)
def test_without_any_attention_the_tokens_are_evenly_spaced(count: int, keep: float, mass: float) -> None:
    assert torch.equal(select_by_attention(torch.zeros(count), keep, mass), select_uniformly(count, keep))
    assert torch.equal(select_by_attention(torch.rand(count), keep, 0.0), select_uniformly(count, keep))


@given(all_scores, masses)
def test_keeping_all_keeps_all(scores: torch.Tensor, mass: float) -> None:
    everything = list(range(len(scores)))
    assert select_by_attention(scores, 1.0, mass).tolist() == everything
    assert select_uniformly(len(scores), 1.0).tolist() == everything


def test_the_stages_are_those_of_the_paper() -> None:
    scores = torch.tensor([0.0, 0.1, 0.0, 0.4, 0.1, 0.0, 0.3, 0.1, 0.0, 0.0])
    # 0.4 alone is less than half, 0.4 + 0.3 is enough; two of the other eight, the first and the last, fill up.
    assert select_by_attention(scores, 0.4, 0.5).tolist() == [0, 3, 6, 9]
    assert select_by_attention(scores, 0.1, 0.5).tolist() == [3]


def test_the_kind_of_pruning_decides() -> None:
    scores = torch.tensor([0.1, 0.9, 0.1, 0.1])
    assert select_video_tokens(PruningSpec("none"), 4, scores) is None
    uniform, attended = (select_video_tokens(PruningSpec(kind, 0.25), 4, scores) for kind in ("uniform", "attention"))
    assert uniform is not None
    assert attended is not None
    assert (uniform.tolist(), attended.tolist()) == ([0], [1])
    with pytest.raises(ValueError, match="a score for each of 4 video tokens"):
        select_video_tokens(PruningSpec("attention"), 4, None)
