"""Sampling is lossless: the tokens of `strict` are distributed as the target's own, whatever the draft proposes.

Every sequence of a few tokens over a small vocabulary is a cell; its true probability is worked out in plain Python.
Sampled decodes fill the cells, and a chi-square statistic compares. Its threshold is passed by chance in one of some
30,000 tests; seeds are fixed. The negative controls show that the comparison notices what it must notice.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import product
from math import sqrt

import pytest
import torch
from torch import Tensor

from lvspec_cli.decoding import sampling
from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.policies import strict
from tests.decoding.test_sampling import plain_distribution
from tests.decoding.toy_models import ToyModel

VOCABULARY = 4
LENGTH = 3  # tokens a decode; with 2 draft tokens that is one full round, or two and more
SAMPLES = 2000
PROMPT = (1, 3)
DEVIATIONS = 4.0  # of a normal variable: 1 in 31,574

Truncation = tuple[float, int, float]  # temperature, top_k, top_p
PLAIN, NUCLEUS, TOP_K, BOTH = (1.0, 0, 1.0), (0.9, 0, 0.8), (1.3, 3, 1.0), (0.8, 3, 0.85)


def target_model() -> ToyModel:
    return ToyModel(VOCABULARY, rows=101, spread=0.9)


def draft_model() -> ToyModel:
    return ToyModel(VOCABULARY, seed=6, rows=101, spread=0.9)


def true_probabilities(model: ToyModel, truncation: Truncation) -> dict[tuple[int, ...], float]:
    temperature, top_k, top_p = truncation
    cells = {}
    for tokens in product(range(VOCABULARY), repeat=LENGTH):
        model.rollback(0)
        model.prefill(PROMPT)
        logits = model.extend(torch.tensor([PROMPT[-1], *tokens[:-1]])).logits.tolist()
        cells[tokens] = 1.0
        for row, token in zip(logits, tokens, strict=True):
            cells[tokens] *= plain_distribution(row, temperature, top_k, top_p)[token]
    return cells


def sample(method: str, truncation: Truncation) -> Counter[tuple[int, ...]]:
    target, draft = target_model(), draft_model()
    counts: Counter[tuple[int, ...]] = Counter()
    for seed in range(SAMPLES):
        target.rollback(0)
        draft.rollback(0)
        first = target.prefill(PROMPT)
        draft.prefill(PROMPT)
        temperature, top_k, top_p = truncation
        options = DecodingOptions(method, 2, LENGTH, temperature, top_p, top_k, seed)
        counts[tuple(token.id for event in decode(target, draft, options, first) for token in event.tokens)] += 1
    return counts


@cache
def strict_sample(truncation: Truncation) -> Counter[tuple[int, ...]]:
    return sample("strict", truncation)


def fits(counts: Counter[tuple[int, ...]], probabilities: dict[tuple[int, ...], float]) -> bool:
    """Chi-square test of goodness of fit; cells expected less than 5 times are counted as one."""
    if any(probabilities[cell] == 0 for cell in counts):
        return False
    rare = {cell for cell, probability in probabilities.items() if probability * SAMPLES < 5}
    pairs = [(counts[cell], p * SAMPLES) for cell, p in probabilities.items() if cell not in rare]
    pooled = sum(counts[cell] for cell in rare), sum(probabilities[cell] for cell in rare) * SAMPLES
    pairs += [pooled] if pooled[1] >= 5 else []
    statistic = sum((found - expected) ** 2 / expected for found, expected in pairs)
    return statistic <= chi_square_quantile(len(pairs) - 1)


def chi_square_quantile(degrees: int) -> float:
    """The value exceeded with the probability of DEVIATIONS (Wilson and Hilferty, 1931)."""
    spread = 2 / (9 * degrees)
    return degrees * (1 - spread + DEVIATIONS * sqrt(spread)) ** 3


@pytest.mark.parametrize("truncation", [PLAIN, NUCLEUS, TOP_K, BOTH])
def test_strict_is_distributed_as_the_target(truncation: Truncation) -> None:
    assert fits(strict_sample(truncation), true_probabilities(target_model(), truncation))


@pytest.mark.parametrize("truncation", [PLAIN, BOTH])
def test_ar_is_distributed_as_the_target(truncation: Truncation) -> None:
    assert fits(sample("ar", truncation), true_probabilities(target_model(), truncation))


@pytest.mark.parametrize("truncation", [PLAIN, NUCLEUS, TOP_K, BOTH])
def test_strict_is_not_distributed_as_the_draft(truncation: Truncation) -> None:
    assert not fits(strict_sample(truncation), true_probabilities(draft_model(), truncation))


@pytest.mark.parametrize("truncation", [NUCLEUS, TOP_K, BOTH])
def test_a_wrong_truncation_would_be_noticed(truncation: Truncation) -> None:
    temperature = truncation[0]
    assert not fits(strict_sample(truncation), true_probabilities(target_model(), (temperature, 0, 1.0)))


def test_a_slightly_wrong_temperature_would_be_noticed() -> None:
    assert not fits(strict_sample(PLAIN), true_probabilities(target_model(), (1.3, 0, 1.0)))


def test_recovering_from_the_target_instead_of_the_residual_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def whole_target(draft: Tensor, target: Tensor, accepted: Tensor) -> Tensor:
        return target.index_select(0, accepted)

    monkeypatch.setattr(strict, "_residual", whole_target)
    assert not fits(sample("strict", PLAIN), true_probabilities(target_model(), PLAIN))


def test_sharing_one_stream_between_draft_and_acceptance_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "_DRAFT_STREAM", 0)
    assert not fits(sample("strict", PLAIN), true_probabilities(target_model(), PLAIN))
