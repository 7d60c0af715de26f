"""The adapter against transformers itself: same logits, same tokens, same positions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lvspec_cli.errors import FramesRefused, UsageError
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.pair import load_pair
from lvspec_cli.models.prompt import PreparedPrompt
from lvspec_cli.preset import load_preset
from tests.models import tiny
from tests.models.conftest import TinyPair

PROMPT = "What moves?"
ANSWER = torch.tensor([65, 3, 77, 12, 130, 9, 44])


def prepared(
    model: VideoLanguageModel, count: int = 4, seed: int = 0, height: int = 40, width: int = 56, spacing: float = 0.5
) -> Any:
    return model.prepare(tiny.video(count, height, width, seed), tiny.even_times(count, spacing), PROMPT)


def reference_inputs(inputs: PreparedPrompt) -> dict[str, Tensor]:
    """The same prompt for transformers' own forward and generate."""
    ids = inputs.token_ids[None]
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), **inputs.tensors}


@torch.inference_mode()
def full_forward(reference: Any, inputs: PreparedPrompt, answer: Tensor) -> Tensor:
    """Logits [answer + 1, padded rows] of one uncached pass over prompt and answer."""
    tensors = reference_inputs(inputs)
    tensors["input_ids"] = torch.cat((inputs.token_ids, answer))[None]
    tensors["attention_mask"] = torch.ones_like(tensors["input_ids"])
    if "mm_token_type_ids" in tensors:
        types = tensors["mm_token_type_ids"]
        tensors["mm_token_type_ids"] = torch.cat((types, types.new_zeros(1, len(answer))), dim=1)
    logits: Tensor = reference(**tensors, use_cache=False).logits
    return logits[0, inputs.length - 1 :]


def fed(inputs: PreparedPrompt, answer: Tensor = ANSWER) -> Tensor:
    """What extend gets: the last prompt token, then the answer."""
    return torch.cat((inputs.token_ids[-1:], answer))


def test_extend_one_by_one_equals_a_full_forward(tiny_pair: TinyPair) -> None:
    model = tiny_pair.pair.target
    inputs = prepared(model)
    model.prefill(inputs)
    stepwise = torch.cat([model.extend(token[None]).logits for token in fed(inputs)])
    expected = full_forward(tiny_pair.reference, inputs, ANSWER)[:, : model.vocabulary_size]
    torch.testing.assert_close(stepwise, expected, atol=2e-4, rtol=1e-4)


def test_extend_by_many_equals_extend_one_by_one(tiny_pair: TinyPair) -> None:
    model = tiny_pair.pair.target
    inputs = prepared(model)
    model.prefill(inputs)
    start = model.length
    stepwise = [model.extend(token[None]) for token in fed(inputs)]
    model.rollback(start)
    at_once = model.extend(fed(inputs))
    torch.testing.assert_close(at_once.logits, torch.cat([step.logits for step in stepwise]), atol=2e-4, rtol=1e-4)


def test_extend_after_rollback_equals_never_having_gone_there(tiny_pair: TinyPair) -> None:
    model = tiny_pair.pair.target
    inputs = prepared(model)
    model.prefill(inputs)
    start = model.length
    model.extend(fed(inputs)[:3])
    straight = model.extend(torch.tensor([5, 6])).logits
    model.rollback(start)
    model.extend(fed(inputs)[:3])
    model.extend(torch.tensor([200, 100, 50, 25]))
    model.rollback(start + 3)
    assert model.length == start + 3
    assert torch.equal(model.extend(torch.tensor([5, 6])).logits, straight)


def test_prefill_forgets_the_video_before(tiny_pair: TinyPair) -> None:
    model = tiny_pair.pair.target
    inputs = prepared(model, seed=1)
    model.prefill(inputs)
    fresh = model.extend(fed(inputs)).logits
    model.prefill(prepared(model, count=8, seed=2))
    model.extend(ANSWER)
    model.prefill(inputs)
    assert torch.equal(model.extend(fed(inputs)).logits, fresh)


def test_prefill_holds_all_of_the_prompt_but_its_last_token(tiny_pair: TinyPair) -> None:
    model = tiny_pair.pair.target
    inputs = prepared(model)
    assert model.prefill(inputs) == int(inputs.token_ids[-1])
    assert model.length == inputs.length - 1


def test_a_cache_that_was_too_small_changes_nothing(tiny_pair: TinyPair) -> None:
    model = tiny_pair.pair.target
    inputs = prepared(model)
    model.prefill(inputs)
    roomy = model.extend(fed(inputs)).logits
    small = type(model)(model.model, model.processor, model.vocabulary_size, model.frame_size)
    small.prefill(inputs, reserve=0)
    tight = torch.cat([small.extend(token[None]).logits for token in fed(inputs)])
    torch.testing.assert_close(tight, roomy, atol=2e-4, rtol=1e-4)


def greedy(model: VideoLanguageModel, inputs: PreparedPrompt, count: int) -> list[int]:
    token = torch.tensor([model.prefill(inputs)])
    found = []
    for _ in range(count):
        token = model.extend(token).logits[-1:].argmax(dim=-1)
        found.append(int(token))
    return found


@pytest.mark.parametrize(
    ("count", "height", "width"), [(1, 40, 56), (2, 30, 30), (5, 64, 33), (8, 56, 112)], ids=lambda value: str(value)
)
def test_greedy_decode_equals_transformers_generate(tiny_pair: TinyPair, count: int, height: int, width: int) -> None:
    model = tiny_pair.pair.target
    for seed in range(2):
        inputs = prepared(model, count, seed, height, width, spacing=(0.5, 5.0)[seed])
        padded = list(range(model.vocabulary_size, tiny_pair.reference.config.get_text_config().vocab_size))
        expected = tiny_pair.reference.generate(
            **reference_inputs(inputs),
            position_ids=model.prompt_positions(inputs),
            max_new_tokens=24,
            do_sample=False,
            suppress_tokens=padded,
            eos_token_id=None,
        )[0, inputs.length :]
        assert greedy(model, inputs, 24) == expected.tolist()


def test_a_failed_pass_leaves_nothing_behind(tiny_pair: TinyPair, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_pair.pair.target
    inputs = prepared(model)
    expected = greedy(model, inputs, 4)

    def fail(*_: Any) -> Tensor:
        raise torch.OutOfMemoryError("no memory left")

    with monkeypatch.context() as patch:
        patch.setattr("lvspec_cli.decoding.cache._buffer_like", fail)
        with pytest.raises(torch.OutOfMemoryError):
            model.prefill(inputs, reserve=10**6)
    assert (model.length, model.cache.capacity, model.cache.nbytes) == (0, 0, 0)
    assert greedy(model, inputs, 4) == expected


def test_logits_are_cut_to_the_tokenizer(tiny_pair: TinyPair) -> None:
    pair = tiny_pair.pair
    assert pair.draft is not None
    for model in (pair.target, pair.draft):
        inputs = prepared(model)
        model.prefill(inputs)
        assert model.extend(fed(inputs)).logits.shape == (len(ANSWER) + 1, len(pair.tokenizer))
        assert model.model.config.get_text_config().vocab_size > len(pair.tokenizer)


def test_the_draft_sees_the_video_itself(tiny_pair: TinyPair) -> None:
    draft = tiny_pair.pair.draft
    assert draft is not None
    logits = []
    for seed in (0, 1):
        inputs = prepared(draft, seed=seed)
        draft.prefill(inputs)
        logits.append(draft.extend(fed(inputs)).logits)
    assert not torch.allclose(logits[0], logits[1], atol=1e-3)


def test_the_order_of_frames_reaches_the_model(tiny_pair: TinyPair) -> None:
    model = tiny_pair.pair.target
    frames = tiny.video(4)
    logits = []
    for order in (frames, frames[::-1].copy()):
        inputs = model.prepare(order, tiny.even_times(4), PROMPT)
        model.prefill(inputs)
        logits.append(model.extend(fed(inputs)).logits)
    assert not torch.allclose(logits[0], logits[1], atol=1e-3)


def test_the_prompt_reads_as_the_chat_template_says(tiny_pair: TinyPair) -> None:
    inputs = prepared(tiny_pair.pair.target)
    text = tiny_pair.pair.tokenizer.decode(inputs.token_ids[~inputs.video_mask])
    assert PROMPT in text
    assert text.endswith("Assistant:" if tiny_pair.family == "smolvlm" else "<|im_start|>assistant\n")
    assert inputs.video_tokens > 0


def test_rollback_does_not_enter_the_prompt(tiny_pair: TinyPair) -> None:
    model = tiny_pair.pair.target
    inputs = prepared(model)
    model.prefill(inputs)
    with pytest.raises(ValueError, match="the prompt holds"):
        model.rollback(inputs.length - 2)


@pytest.mark.parametrize("prompt", ["", "  \n"])
def test_an_empty_prompt_is_refused(tiny_pair: TinyPair, prompt: str) -> None:
    with pytest.raises(UsageError, match="empty"):
        tiny_pair.pair.target.prepare(tiny.video(), tiny.even_times(4), prompt)


def test_control_tokens_in_the_prompt_are_refused(tiny_pair: TinyPair) -> None:
    model = tiny_pair.pair.target
    for token in ("<|im_end|>", model.processor.video_token, *model.placeholders):
        with pytest.raises(UsageError, match="control token"):
            tiny_pair.pair.target.prepare(tiny.video(), tiny.even_times(4), f"a {token} b")


def test_frames_and_times_must_fit_together(tiny_pair: TinyPair) -> None:
    model = tiny_pair.pair.target
    with pytest.raises(ValueError, match="as many times"):
        model.prepare(tiny.video(4), tiny.even_times(3), PROMPT)
    with pytest.raises(ValueError, match="increase"):
        model.prepare(tiny.video(2), (1.0, 1.0), PROMPT)
    with pytest.raises(ValueError, match="uint8"):
        model.prepare(tiny.video(2).astype("float32"), (0.0, 1.0), PROMPT)


def test_the_times_of_frames_stand_in_the_prompt(pairs: dict[str, TinyPair]) -> None:
    times = (0.0, 1.0, 2.5, 3.1, 61.0, 62.04)
    expected = {
        "qwen3_vl": ["<0.5 seconds>", "<2.8 seconds>", "<61.5 seconds>"],
        "smolvlm": ["six frames", "0:01:02", "from 00:00:", "from 00:02:", "from 00:03:", "from 01:01:", "from 01:02:"],
    }
    for family, words in expected.items():
        inputs = pairs[family].pair.target.prepare(tiny.video(6), times, PROMPT)
        text = pairs[family].pair.tokenizer.decode(inputs.token_ids)
        assert [word for word in words if word not in text] == []


def test_a_frame_alone_is_seen_as_a_pair_of_it(pairs: dict[str, TinyPair]) -> None:
    model = pairs["qwen3_vl"].pair.target
    frames = tiny.video(1)
    alone = model.prepare(frames, (1.5,), PROMPT)
    assert "<1.5 seconds>" in pairs["qwen3_vl"].pair.tokenizer.decode(alone.token_ids)
    twice = model.prepare(frames.repeat(2, axis=0), (1.0, 2.0), PROMPT)
    assert torch.equal(alone.token_ids, twice.token_ids)
    assert torch.equal(alone.tensors["pixel_values_videos"], twice.tensors["pixel_values_videos"])


def test_pixels_are_those_of_a_frame_in_every_family_of_any_size(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    for family in ("qwen2_5_vl", "qwen3_vl"):
        folder = checkpoints[family]
        path = tiny.write_preset(
            tmp_path / f"{family}.yaml",
            folder / "target",
            folder / "draft",
            frames="{min_pixels: 784, max_pixels: 784}",
        )
        model = load_pair(load_preset(path), with_draft=False).target
        for count in (2, 8):
            assert prepared(model, count, height=200, width=200).video_tokens == count // 2 * (28 // 14) ** 2


def test_features_for_deeper_layers_reach_the_language_model(pairs: dict[str, TinyPair]) -> None:
    model = pairs["qwen3_vl"].pair.target
    inputs = prepared(model)
    video = model._encode_video(inputs)
    assert len(video.deeper) == 2
    kept = video.kept(torch.tensor([3, 5]))
    assert torch.equal(kept.tokens, video.tokens[[3, 5]])
    assert [torch.equal(part, whole[[3, 5]]) for part, whole in zip(kept.deeper, video.deeper, strict=True)] == [
        True
    ] * 2


def test_frames_too_narrow_for_the_model_are_an_error_of_one_sentence(pairs: dict[str, TinyPair]) -> None:
    model = pairs["qwen2_5_vl"].pair.target
    with pytest.raises(FramesRefused, match="2x800 pixels"):
        model.prepare(tiny.video(2, height=800, width=2), tiny.even_times(2), PROMPT)
