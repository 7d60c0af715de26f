"""The two models of the embedded pair: real Qwen2.5-VL classes at toy size, and the processor they share."""

from __future__ import annotations

from dataclasses import dataclass

from transformers import (
    PreTrainedTokenizerBase,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

FRAME_COUNT = 8  # frames a clip
FRAME_SIZE = 80  # pixels of a frame's side as the models see it
PATCH_SIZE = 8
MERGE_SIZE = 2
TEMPORAL_PATCH_SIZE = 2
GRID = FRAME_SIZE // PATCH_SIZE  # patches along a side
VIDEO_TOKENS = (FRAME_COUNT // TEMPORAL_PATCH_SIZE) * (GRID // MERGE_SIZE) ** 2
TOKENS_PER_SECOND = 2

# One user turn with its video, then the answer: Qwen's own chat format without a system turn.
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% elif part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class Size:
    """What distinguishes the target from the draft."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    key_value_heads: int
    vision_layers: int
    vision_hidden: int
    vision_intermediate: int
    vision_heads: int


# Depth, not width, sets the cost of a step at this size: the draft is one wide layer.
SIZES = {
    "target": Size(16, 192, 512, 3, 1, 4, 128, 384, 4),
    "draft": Size(1, 192, 512, 3, 1, 2, 96, 192, 3),
}


def build_model(size: Size, tokenizer: PreTrainedTokenizerBase) -> Qwen2_5_VLForConditionalGeneration:
    """A model with random weights, in float32."""

    def token(name: str) -> int:
        return int(tokenizer.convert_tokens_to_ids(name))  # type: ignore[arg-type]

    head = size.hidden // size.heads
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": size.hidden,
            "intermediate_size": size.intermediate,
            "num_hidden_layers": size.layers,
            "num_attention_heads": size.heads,
            "num_key_value_heads": size.key_value_heads,
            "max_position_embeddings": 32768,
            "initializer_range": 0.05,
            "rms_norm_eps": 1e-6,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [head // 8, 3 * head // 16, 3 * head // 16],
            },
            "bos_token_id": None,
            "eos_token_id": token("<|im_end|>"),
            "pad_token_id": token("<|endoftext|>"),
        },
        vision_config={
            "depth": size.vision_layers,
            "hidden_size": size.vision_hidden,
            "intermediate_size": size.vision_intermediate,
            "num_heads": size.vision_heads,
            "patch_size": PATCH_SIZE,
            "spatial_merge_size": MERGE_SIZE,
            "temporal_patch_size": TEMPORAL_PATCH_SIZE,
            "tokens_per_second": TOKENS_PER_SECOND,
            "window_size": 112,
            "out_hidden_size": size.hidden,
            "fullatt_block_indexes": list(range(size.vision_layers)),
            "initializer_range": 0.05,
        },
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    return Qwen2_5_VLForConditionalGeneration(config)


def build_processor(tokenizer: PreTrainedTokenizerBase) -> Qwen2_5_VLProcessor:
    """The processor that both models' folders hold."""
    pixels = {"shortest_edge": FRAME_SIZE**2, "longest_edge": FRAME_SIZE**2}
    common = {
        "size": pixels,
        "patch_size": PATCH_SIZE,
        "merge_size": MERGE_SIZE,
        "temporal_patch_size": TEMPORAL_PATCH_SIZE,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    return Qwen2_5_VLProcessor(  # type: ignore[no-untyped-call]
        image_processor=Qwen2VLImageProcessor(**common),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(cap_pixels_per_frame=False, do_sample_frames=False, **common),
        chat_template=CHAT_TEMPLATE,
    )
