"""Tiny real checkpoints of every family: real tokenizer, processor and model classes, random weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForImageTextToText,
    LlavaOnevisionConfig,
    LlavaOnevisionImageProcessor,
    LlavaOnevisionProcessor,
    LlavaOnevisionVideoProcessor,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
    SmolVLMConfig,
    SmolVLMImageProcessor,
    SmolVLMProcessor,
    SmolVLMVideoProcessor,
)
from transformers.models.smolvlm.processing_smolvlm import DEFAULT_CHAT_TEMPLATE

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>")
PLACEHOLDERS = {
    "qwen2_5_vl": ("<|image_pad|>", "<|video_pad|>"),
    "llava_onevision": ("<image>", "<video>"),
    "qwen3_vl": ("<|image_pad|>", "<|video_pad|>"),
    "smolvlm": ("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"),
}
FAMILIES = tuple(PLACEHOLDERS)
ONE_FRAME_SIZE = ("llava_onevision", "smolvlm")
TEMPLATE = (
    "{{% for message in messages %}}<|im_start|>{{{{ message['role'] }}}}\n"
    "{{% for part in message['content'] %}}"
    "{{% if part['type'] == 'video' %}}{video}{{% else %}}{{{{ part['text'] }}}}{{% endif %}}"
    "{{% endfor %}}<|im_end|>\n{{% endfor %}}"
    "{{% if add_generation_prompt %}}<|im_start|>assistant\n{{% endif %}}"
)

# Processors of a prompt and of a video, and the most pixels: of a frame, and of a whole video.
_QWEN: dict[str, tuple[Any, Any, int]] = {
    "qwen2_5_vl": (Qwen2_5_VLProcessor, Qwen2VLVideoProcessor, 112 * 112),
    "qwen3_vl": (Qwen3VLProcessor, Qwen3VLVideoProcessor, 8 * 56 * 56),
}


@dataclass(frozen=True)
class Shape:
    """What distinguishes one tiny model from another."""

    layers: int = 3
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 16
    intermediate: int = 128  # 4-bit kernels want multiples of 64
    vision_layers: int = 2
    vision_hidden: int = 32
    padded_rows: int = 11  # output rows beyond the tokenizer
    seed: int = 0

    @property
    def hidden(self) -> int:
        return self.heads * self.head_dim


TARGET = Shape()
DRAFT = Shape(layers=1, heads=2, kv_heads=1, intermediate=64, vision_layers=1, vision_hidden=16, padded_rows=3, seed=1)


def build_tokenizer(family: str, extra: tuple[str, ...] = ()) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with the family's placeholders."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        extra_special_tokens=[*SPECIAL, *PLACEHOLDERS[family], *extra],
    )


def build_processor(family: str, tokenizer: PreTrainedTokenizerFast) -> Any:
    """The family's own processor for small frames."""
    if family in _QWEN:
        processor, video_processor, most_pixels = _QWEN[family]
        common = {"size": {"shortest_edge": 28 * 28, "longest_edge": most_pixels}, "patch_size": 7, "merge_size": 2}
        return processor(
            image_processor=Qwen2VLImageProcessor(**common),
            tokenizer=tokenizer,
            video_processor=video_processor(**common),
            chat_template=TEMPLATE.format(video="<|vision_start|><|video_pad|><|vision_end|>"),
        )
    if family == "smolvlm":
        size = {"size": {"longest_edge": 28}, "max_image_size": {"longest_edge": 28}}
        return SmolVLMProcessor(
            image_processor=SmolVLMImageProcessor(**size),
            tokenizer=tokenizer,
            video_processor=SmolVLMVideoProcessor(
                video_sampling={"max_frames": 64, "fps": 1, "video_size": size["size"]}, **size
            ),
            image_seq_len=4,
            chat_template=DEFAULT_CHAT_TEMPLATE,
        )
    size = {"height": 42, "width": 42}
    return LlavaOnevisionProcessor(
        image_processor=LlavaOnevisionImageProcessor(size=size, image_grid_pinpoints=[[42, 42]]),
        tokenizer=tokenizer,
        video_processor=LlavaOnevisionVideoProcessor(size=size),
        num_image_tokens=36,
        vision_feature_select_strategy="full",
        chat_template=TEMPLATE.format(video="<video>\n"),
    )


def build_config(family: str, shape: Shape, tokenizer: PreTrainedTokenizerFast) -> Any:
    """The family's own configuration at toy size."""
    image, video = (tokenizer.convert_tokens_to_ids(token) for token in PLACEHOLDERS[family][:2])
    text = {
        "vocab_size": len(tokenizer) + shape.padded_rows,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "max_position_embeddings": 4096,
        "initializer_range": 0.3,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    common = {"image_token_id": image, "video_token_id": video, "tie_word_embeddings": False}
    if family == "smolvlm":
        vision = {
            "hidden_size": shape.vision_hidden,
            "intermediate_size": 2 * shape.vision_hidden,
            "num_hidden_layers": shape.vision_layers,
            "num_attention_heads": 2,
            "image_size": 28,
            "patch_size": 7,
        }
        text = {"model_type": "llama", **text, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}
        return SmolVLMConfig(
            text_config=text, vision_config=vision, scale_factor=2, image_token_id=image, tie_word_embeddings=False
        )
    if family == "qwen3_vl":
        rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3], "mrope_interleaved": True}
        vision = {
            "depth": shape.vision_layers,
            "hidden_size": shape.vision_hidden,
            "intermediate_size": 2 * shape.vision_hidden,
            "num_heads": 2,
            "patch_size": 7,
            "out_hidden_size": shape.hidden,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": list(range(shape.vision_layers))[:2],
            "initializer_range": 0.3,
        }
        start, end = (tokenizer.convert_tokens_to_ids(f"<|vision_{side}|>") for side in ("start", "end"))
        return Qwen3VLConfig(
            text_config={**text, "head_dim": shape.head_dim, "rope_parameters": rope},
            vision_config=vision,
            vision_start_token_id=start,
            vision_end_token_id=end,
            **common,
        )
    if family == "qwen2_5_vl":
        rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}
        vision = {
            "depth": shape.vision_layers,
            "hidden_size": shape.vision_hidden,
            "intermediate_size": 2 * shape.vision_hidden,
            "num_heads": 2,
            "patch_size": 7,
            "tokens_per_second": 2,
            "window_size": 56,
            "fullatt_block_indexes": [0],
            "out_hidden_size": shape.hidden,
            "initializer_range": 0.3,
        }
        start, end = (tokenizer.convert_tokens_to_ids(f"<|vision_{side}|>") for side in ("start", "end"))
        return Qwen2_5_VLConfig(
            text_config={**text, "rope_parameters": rope},
            vision_config=vision,
            vision_start_token_id=start,
            vision_end_token_id=end,
            **common,
        )
    vision = {
        "model_type": "siglip_vision_model",
        "hidden_size": shape.vision_hidden,
        "intermediate_size": 2 * shape.vision_hidden,
        "num_hidden_layers": shape.vision_layers,
        "num_attention_heads": 2,
        "image_size": 42,
        "patch_size": 7,
        "vision_use_head": False,
    }
    rope = {"rope_type": "default", "rope_theta": 10000.0}
    return LlavaOnevisionConfig(
        text_config={"model_type": "qwen2", **text, "rope_parameters": rope},
        vision_config=vision,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        image_grid_pinpoints=[[42, 42]],
        **common,
    )


def save_checkpoint(folder: Path, family: str, shape: Shape = TARGET, extra: tuple[str, ...] = ()) -> Path:
    """Write a model folder as the hub would have it; ``extra``: more special tokens, for a tokenizer of its own."""
    tokenizer = build_tokenizer(family, extra)
    torch.manual_seed(shape.seed)
    model = AutoModelForImageTextToText.from_config(build_config(family, shape, tokenizer))
    for name, parameter in model.named_parameters():
        # transformers starts biases at zero and norms at one, which would hide that one is lost.
        if "language_model.layers" in name and name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
        if name.endswith(("q_norm.weight", "k_norm.weight")):
            torch.nn.init.normal_(parameter, mean=1.0, std=0.3)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    build_processor(family, tokenizer).save_pretrained(folder)
    return folder


def write_preset(path: Path, target: Path, draft: Path, **keys: str) -> Path:
    """A preset file for two folders; ``keys`` are further lines at the top level."""
    lines = [
        "schema: lvspec.preset/1",
        f"target: {{model: {target}, dtype: float32, device: cpu}}",
        f"draft: {{model: {draft}, dtype: float32, device: cpu}}",
        *(f"{key}: {value}" for key, value in keys.items()),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def video(count: int = 4, height: int = 40, width: int = 56, seed: int = 0) -> np.ndarray[Any, Any]:
    """Frames of noise that moves: uint8 [count, height, width, 3]."""
    noise = np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    return np.ascontiguousarray(noise)


def even_times(count: int, spacing: float = 0.5, start: float = 0.0) -> tuple[float, ...]:
    """Times of evenly spaced frames, in seconds."""
    return tuple(start + spacing * index for index in range(count))
