"""What is written here of published checkpoints makes the models that they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lvspec_cli.models.families import known_families
from lvspec_cli.models.footprint import estimate_pair
from lvspec_cli.models.published import published_config, published_models
from lvspec_cli.models.weight_count import count_weights
from lvspec_cli.preset import FrameSpec, ModelSpec, Preset

# Parameters as the hub, or those who loaded the checkpoint, count them.
COUNTED = {
    "Qwen/Qwen2.5-VL-3B-Instruct": 3_754_622_976,
    "Qwen/Qwen2.5-VL-7B-Instruct": 8_292_166_656,
    "Qwen/Qwen2.5-VL-32B-Instruct": 33_452_718_336,
    "Qwen/Qwen3-VL-2B-Instruct": 2_127_532_032,
    "Qwen/Qwen3-VL-4B-Instruct": 4_437_815_808,
    "Qwen/Qwen3-VL-8B-Instruct": 8_767_123_696,
    "Qwen/Qwen3-VL-32B-Instruct": 33_357_390_064,
    "HuggingFaceTB/SmolVLM2-2.2B-Instruct": 2_246_784_880,
    "HuggingFaceTB/SmolVLM2-500M-Video-Instruct": 507_482_304,
    "HuggingFaceTB/SmolVLM2-256M-Video-Instruct": 256_484_928,
}
# No count was found: these are what the widths of the language model and the vision tower multiply to. A file of
# 1,787,445,680 bytes in float16 agrees with the first.
DERIVED = {
    "llava-hf/llava-onevision-qwen2-0.5b-ov-hf": 893_675_552,
    "llava-hf/llava-onevision-qwen2-7b-ov-hf": 8_030_807_584,
    "llava-hf/llava-onevision-qwen2-72b-ov-hf": 73_181_570_592,
    "Qwen/Qwen2.5-VL-72B-Instruct": 73_410_777_344,
}


@pytest.mark.parametrize(("model", "parameters"), (COUNTED | DERIVED).items())
def test_a_published_model_has_its_parameters(model: str, parameters: int) -> None:
    config = published_config(model)
    assert count_weights(config, config.dtype, "none", ()).parameters == parameters


def test_every_published_model_is_held_against_a_count() -> None:
    assert set(published_models()) == (COUNTED | DERIVED).keys()
    assert published_config("nobody/knows-it") is None


def pair(target: str, draft: str, **changes: str) -> Preset:
    specs = [ModelSpec(model, is_local=False, device="cpu", **changes) for model in (target, draft)]
    return Preset("pair", *specs, path=Path("pair.yaml"), frames=FrameSpec(16, max_pixels=256 * 28 * 28))


def test_a_published_pair_is_estimated_without_its_files() -> None:
    estimate = estimate_pair(pair("Qwen/Qwen2.5-VL-7B-Instruct", "Qwen/Qwen2.5-VL-3B-Instruct"))
    # Its files hold 16,584,333,312 bytes of tensors, beside which there are the buffers of the rotary positions; after
    # loading, 16,584,369,664 bytes were allocated on an L4.
    assert 0 < estimate.target.weight_bytes - 16_584_333_312 < 4096
    assert estimate.target.weight_bytes == pytest.approx(16_584_369_664, rel=1e-5)
    assert estimate.video_tokens == 8 * 256
    # 28 layers x keys and values x 4 heads x 128 numbers x 2 bytes a position.
    assert estimate.target.cache_bytes % (28 * 2 * 4 * 128 * 2) == 0
    # The vision tower is fullest: 4 patches a token, with 1,176 numbers of pixels in float32 and in bfloat16, 34 bytes
    # for each of the 1,280 of a state, and two float32 for each of the 80 of a head.
    assert estimate.target.activation_bytes == 4 * 2048 * (1176 * (4 + 2) + 34 * 1280 + 2 * 4 * 80)


def test_4_bits_cover_the_language_model_alone() -> None:
    large = "Qwen/Qwen2.5-VL-32B-Instruct"
    estimate = estimate_pair(pair(large, "Qwen/Qwen2.5-VL-7B-Instruct", quantization="nf4"))
    # 31,205,621,760 of its parameters are in linear layers of the language model, the other 2.2 billion keep two bytes.
    in_layers, others = 31_205_621_760, 33_452_718_336 - 31_205_621_760
    assert estimate.target.weight_bytes == pytest.approx(in_layers * 0.515869140625 + others * 2, rel=1e-4)
    assert published_config(large).dtype == torch.bfloat16


@pytest.mark.parametrize("family", known_families())
def test_every_family_has_a_published_pair(family: str) -> None:
    of_family = [model for model in published_models() if published_config(model).model_type == family]
    assert len(of_family) >= 2
    preset = pair(*of_family[:2])
    if family in ("llava_onevision", "smolvlm"):
        preset = Preset("pair", preset.target, preset.draft, path=preset.path, frames=FrameSpec(16))
    estimate = estimate_pair(preset)
    assert estimate.prompt_tokens > estimate.video_tokens > 16
    assert min(estimate.target.total_bytes, estimate.draft.total_bytes) > 0
