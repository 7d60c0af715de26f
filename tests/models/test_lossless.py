"""The engine over real model classes: speculation changes the speed and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.options import DecodingOptions, DraftTokens
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.text_stack import ModuleTextStack
from tests.models import tiny
from tests.models.conftest import TinyPair

MAX_TOKENS = 40


def run(
    target: VideoLanguageModel, draft: VideoLanguageModel | None, inputs: Any, method: str, chain: DraftTokens
) -> Any:
    options = DecodingOptions(method=method, draft_tokens=chain, max_tokens=MAX_TOKENS, detect_repetition=False)
    first = target.prefill(inputs)
    if draft is not None:
        draft.prefill(inputs)
    return list(decode(target, draft, options, first))


def tokens(rounds: Sequence[Any]) -> list[int]:
    return [token.id for event in rounds for token in event.tokens]


@pytest.fixture(scope="module")
def agreeing_drafts(pairs: dict[str, TinyPair]) -> dict[str, VideoLanguageModel]:
    """For each family a draft that often agrees with the target: the target's weights with a little noise."""
    drafts = {}
    for family, tiny_pair in pairs.items():
        model = copy.deepcopy(tiny_pair.reference)
        generator = torch.Generator().manual_seed(5)
        with torch.no_grad():
            head = model.lm_head.weight
            head += 0.04 * torch.randn(head.shape, generator=generator)
        target = tiny_pair.pair.target
        drafts[family] = type(target)(model, target.processor, target.vocabulary_size, target.frame_size)
    return drafts


@pytest.mark.parametrize("chain", [1, 4, 9, "auto"])
def test_strict_equals_the_target_alone(
    tiny_pair: TinyPair, agreeing_drafts: dict[str, VideoLanguageModel], chain: DraftTokens
) -> None:
    target, agreeing = tiny_pair.pair.target, agreeing_drafts[tiny_pair.family]
    kept, drafted = 0, 0
    for draft in (tiny_pair.pair.draft, agreeing):
        for seed, count in ((0, 4), (1, 7)):
            inputs = target.prepare(tiny.video(count, seed=seed), tiny.even_times(count), "What moves?")
            alone = tokens(run(target, None, inputs, "ar", chain))
            rounds = run(target, draft, inputs, "strict", chain)
            assert tokens(rounds) == alone
            assert len(alone) == MAX_TOKENS
            if draft is agreeing:
                drafted += sum(len(event.draft_tokens) for event in rounds)
                kept += sum(len(event.draft_tokens) - len(event.rejected) for event in rounds)
    assert 0 < kept < drafted  # both acceptance and rejection took place


def test_an_identical_draft_is_always_accepted(tiny_pair: TinyPair) -> None:
    target = tiny_pair.pair.target
    model = copy.deepcopy(tiny_pair.reference)
    twin = type(target)(model, target.processor, target.vocabulary_size, target.frame_size)
    inputs = target.prepare(tiny.video(5), tiny.even_times(5, 1.3), "What moves?")
    rounds = run(target, twin, inputs, "strict", 4)
    assert all(not event.rejected for event in rounds)
    assert len(rounds) == MAX_TOKENS // 5


@pytest.mark.filterwarnings("ignore:The following device_map keys")  # parameters that lie in no module of their own
def test_a_model_that_was_placed_piece_by_piece_decodes_as_a_whole_one(tiny_pair: TinyPair) -> None:
    accelerate = pytest.importorskip("accelerate")
    target = tiny_pair.pair.target
    model = copy.deepcopy(tiny_pair.reference)
    text = getattr(model.model, target.text_module)
    pieces = [f"model.{name}" for name, _ in model.model.named_children() if name != target.text_module]
    pieces += [f"model.{target.text_module}.{name}" for name, _ in text.named_children() if name != "layers"]
    pieces += [f"model.{name}" for name, _ in model.model.named_parameters(recurse=False)]
    pieces += [f"model.{target.text_module}.layers.{index}" for index in range(len(text.layers))]
    accelerate.dispatch_model(model, dict.fromkeys([*pieces, "lm_head"], "cpu"), main_device="cpu", force_hooks=True)
    placed = type(target)(model, target.processor, target.vocabulary_size, target.frame_size)
    assert isinstance(placed._stack, ModuleTextStack)  # the hooks that move tensors between devices are kept
    inputs = target.prepare(tiny.video(5), tiny.even_times(5), "What moves?")
    assert tokens(run(placed, None, inputs, "ar", 1)) == tokens(run(target, None, inputs, "ar", 1))


@pytest.mark.parametrize("relevance", [None, "attention", "cosine"])
def test_the_host_looks_once_a_round_over_real_layers(tiny_pair: TinyPair, relevance: str | None) -> None:
    from lvspec_cli.decoding.looseness import Looseness
    from tests.decoding.test_synchronisation import looks

    pair = tiny_pair.pair
    inputs = pair.target.prepare(tiny.video(4), tiny.even_times(4), "What moves?")
    options = DecodingOptions(method="strict", draft_tokens=3, max_tokens=30, detect_repetition=False)
    if relevance is not None:
        options = replace(options, method="lvspec", looseness=Looseness(relevance=relevance))
    knowledge = pair.ready_for(options)
    first = pair.target.prefill(inputs)
    assert pair.draft is not None
    pair.draft.prefill(inputs)
    rounds = decode(pair.target, pair.draft, options, first, knowledge)
    for _ in range(5):
        assert looks(lambda: next(rounds)) == 1
    pair.target.watch(None)
