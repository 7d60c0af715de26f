"""A prefill that leaves video tokens out: the others stand where they stood, and the target's answer is the same."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.errors import PairError
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.prefill import prefill_pair
from lvspec_cli.models.prompt import PreparedPrompt
from lvspec_cli.models.video_attention import VideoAttention
from lvspec_cli.preset import PruningSpec
from tests.models import tiny
from tests.models.conftest import TinyPair

ANSWER = torch.tensor([65, 3, 77, 12, 130, 9, 44])


def prepared(model: VideoLanguageModel, count: int = 6) -> Any:
    return model.prepare(tiny.video(count), tiny.even_times(count, 1.3), "What moves?")


def draft_of(tiny_pair: TinyPair) -> VideoLanguageModel:
    assert tiny_pair.pair.draft is not None
    return tiny_pair.pair.draft


def answer_logits(model: VideoLanguageModel, inputs: PreparedPrompt) -> Tensor:
    return model.extend(torch.cat((inputs.token_ids[-1:], ANSWER))).logits


def seen_positions(model: VideoLanguageModel, monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Every set of rotary positions that the language model is asked for from here on, as [axes, n]."""
    seen: list[Tensor] = []
    rotary, forward = model._text_model.rotary_emb, model._text_model.rotary_emb.forward

    def spy(states: Tensor, position_ids: Tensor) -> Any:
        seen.append(position_ids.reshape(-1, position_ids.shape[-1]))
        return forward(states, position_ids)

    monkeypatch.setattr(rotary, "forward", spy)
    return seen


def test_keeping_all_equals_no_pruning(tiny_pair: TinyPair) -> None:
    for model in (tiny_pair.pair.target, draft_of(tiny_pair)):
        inputs = prepared(model)
        assert model.prefill(inputs) == model.prefill(inputs, keep=torch.arange(inputs.video_tokens))
        pruned = answer_logits(model, inputs)
        model.prefill(inputs)
        assert torch.equal(pruned, answer_logits(model, inputs))


def test_every_token_that_stays_keeps_its_position(tiny_pair: TinyPair, monkeypatch: pytest.MonkeyPatch) -> None:
    model = draft_of(tiny_pair)
    inputs = prepared(model)
    keep = torch.tensor([1, 2, inputs.video_tokens - 3])
    whole = model.prompt_positions(inputs).reshape(-1, inputs.length)
    video = inputs.video_mask.nonzero()[:, 0]
    stays = [index for index in range(inputs.length) if not inputs.video_mask[index] or index in video[keep]]
    seen = seen_positions(model, monkeypatch)
    model.prefill(inputs, reserve=4, keep=keep)
    assert torch.equal(seen[0], whole[:, stays[:-1]])
    # The last token of the prompt and those after it go on where the whole prompt would.
    assert torch.equal(seen[1], whole[:, -1:] + torch.arange(5))


def test_the_cache_holds_what_stays(tiny_pair: TinyPair) -> None:
    model = draft_of(tiny_pair)
    inputs = prepared(model)
    text = inputs.length - inputs.video_tokens
    for keep in ([], [0], [3, 5, 8]):
        model.prefill(inputs, keep=torch.tensor(keep, dtype=torch.int64))
        assert model.length == text + len(keep) - 1
        with pytest.raises(ValueError, match="the prompt holds"):
            model.rollback(model.length - 1)


def test_pruned_keys_and_values_are_those_of_the_whole_prompt(tiny_pair: TinyPair) -> None:
    model = draft_of(tiny_pair)  # one layer, so that its keys and values depend on a token and its position alone
    inputs = prepared(model)
    keep = torch.tensor([0, 4, 7])
    stays = ~inputs.video_mask
    stays[inputs.video_mask.nonzero()[keep, 0]] = True
    model.prefill(inputs)
    whole = [buffer[:, :, : inputs.length - 1][:, :, stays[:-1]].clone() for buffer in cached(model)]
    model.prefill(inputs, keep=keep)
    for kept, expected in zip(cached(model), whole, strict=True):
        torch.testing.assert_close(kept[:, :, : model.length], expected)


def cached(model: VideoLanguageModel) -> tuple[Tensor, Tensor]:
    keys, values = model.cache._keys[0], model.cache._values[0]
    assert keys is not None
    assert values is not None
    return keys, values


def test_the_tokens_that_stay_are_what_the_draft_sees(tiny_pair: TinyPair) -> None:
    model = draft_of(tiny_pair)
    inputs = prepared(model)
    logits = []
    for keep in ([0, 1], [10, 11]):
        model.prefill(inputs, keep=torch.tensor(keep))
        logits.append(answer_logits(model, inputs))
    assert not torch.allclose(logits[0], logits[1], atol=1e-3)


@pytest.mark.parametrize("keep", [[1, 1], [2, 1], [-1, 3], [0, 10**6]])
def test_indices_that_make_no_sense_are_refused(tiny_pair: TinyPair, keep: list[int]) -> None:
    model = draft_of(tiny_pair)
    with pytest.raises(ValueError, match="strictly increasing"):
        model.prefill(prepared(model), keep=torch.tensor(keep))


def test_attention_is_measured_over_the_whole_video_only(tiny_pair: TinyPair) -> None:
    model = tiny_pair.pair.target
    inputs = prepared(model)
    with pytest.raises(ValueError, match="not both"):
        model.prefill(inputs, keep=torch.tensor([0]), video_attention=VideoAttention(inputs.video_mask))


@pytest.mark.parametrize("kind", ["none", "uniform", "attention"])
@pytest.mark.parametrize("keep", [0.01, 0.3, 1.0])
def test_strict_decoding_with_a_pruned_draft_equals_the_target(tiny_pair: TinyPair, kind: str, keep: float) -> None:
    target, draft = tiny_pair.pair.target, draft_of(tiny_pair)
    inputs = prepared(target)
    alone = tokens(target, None, inputs, PruningSpec(), "ar")
    assert tokens(target, draft, inputs, PruningSpec(kind, keep), "specvlm") == alone
    expected = inputs.video_tokens if kind == "none" else max(1, int(inputs.video_tokens * keep))
    prefilled = prefill_pair(target, draft, (inputs, inputs), 50, PruningSpec(kind, keep))
    assert prefilled.draft_video_tokens == expected
    assert draft.length == inputs.length - inputs.video_tokens + expected - 1


def tokens(
    target: VideoLanguageModel, draft: VideoLanguageModel | None, inputs: Any, pruning: PruningSpec, method: str
) -> list[int]:
    prefilled = prefill_pair(target, draft, (inputs, inputs), 50, pruning)
    options = DecodingOptions(method=method, max_tokens=30, detect_repetition=False)
    return [token.id for event in decode(target, draft, options, prefilled.first_token) for token in event.tokens]


def test_attention_chooses_what_the_target_attends_to(tiny_pair: TinyPair, monkeypatch: pytest.MonkeyPatch) -> None:
    target, draft = tiny_pair.pair.target, draft_of(tiny_pair)
    inputs, kept = prepared(target), []
    prefill = draft.prefill
    monkeypatch.setattr(draft, "prefill", lambda *given: kept.append(given[2]) or prefill(*given))
    prefill_pair(target, draft, (inputs, inputs), 50, PruningSpec("attention", 0.2, 1.0))
    attention = VideoAttention(inputs.video_mask)
    target.prefill(inputs, video_attention=attention)
    best = attention.scores.topk(int(0.2 * inputs.video_tokens)).indices
    assert kept[0].tolist() == sorted(best.tolist())


def test_a_draft_that_cuts_the_video_otherwise_is_told_apart(tiny_pair: TinyPair) -> None:
    target, draft = tiny_pair.pair.target, draft_of(tiny_pair)
    inputs = prepared(target)
    fewer = dataclasses.replace(inputs, video_mask=inputs.video_mask.clone())
    fewer.video_mask[inputs.video_mask.nonzero()[0]] = False
    with pytest.raises(PairError, match="uniform pruning or none"):
        prefill_pair(target, draft, (inputs, fewer), 50, PruningSpec("attention"))
