"""The configurations of published checkpoints, so that their memory can be told on a machine that has none of them.

They hold what the sizes of a model depend on, and no more; a checkpoint that is on this machine is read from its own
config.json instead. The tests hold the number of parameters that transformers' classes come to against what the
checkpoints are known to have.
"""

from __future__ import annotations

from typing import Any


def published_config(model: str) -> Any:
    """The transformers configuration of a model of the hub, by its id; None if it is not among those written here."""
    known = _CONFIGS.get(model)
    if known is None:
        return None
    from transformers import AutoConfig

    return AutoConfig.for_model(**known)


def published_models() -> tuple[str, ...]:
    """The hub ids of all models that are written here."""
    return tuple(_CONFIGS)


def _qwen2_5_vl(text: dict[str, Any], vision_inner: int, *, tied: bool = False) -> dict[str, Any]:
    rope = {"rope_type": "default", "rope_theta": 1000000.0, "mrope_section": [16, 24, 24]}
    return {
        "model_type": "qwen2_5_vl",
        "dtype": "bfloat16",
        "tie_word_embeddings": tied,
        "text_config": {"max_position_embeddings": 128000, "rms_norm_eps": 1e-6, "rope_parameters": rope, **text},
        "vision_config": {
            "depth": 32,
            "hidden_size": 1280,
            "num_heads": 16,
            "intermediate_size": vision_inner,
            "out_hidden_size": text["hidden_size"],
            "tokens_per_second": 2,
        },
    }


def _qwen3_vl(text: dict[str, Any], vision: dict[str, Any], *, tied: bool = False) -> dict[str, Any]:
    rope = {
        "rope_type": "default",
        "rope_theta": 5000000.0,
        "mrope_section": [24, 20, 20],
        "mrope_interleaved": True,
    }
    return {
        "model_type": "qwen3_vl",
        "dtype": "bfloat16",
        "tie_word_embeddings": tied,
        "text_config": {
            "vocab_size": 151936,
            "head_dim": 128,
            "num_key_value_heads": 8,
            "max_position_embeddings": 262144,
            "rope_parameters": rope,
            **text,
        },
        "vision_config": {"num_heads": 16, "out_hidden_size": text["hidden_size"], **vision},
    }


def _llava_onevision(text: dict[str, Any], *, tied: bool = False) -> dict[str, Any]:
    rope = {"rope_type": "default", "rope_theta": 1000000.0}
    return {
        "model_type": "llava_onevision",
        "dtype": "float16",
        "tie_word_embeddings": tied,
        "text_config": {
            "model_type": "qwen2",
            "max_position_embeddings": 32768,
            "tie_word_embeddings": tied,
            "rope_parameters": rope,
            **text,
        },
        # SigLIP SO400M at 384 pixels without its last layer and its head.
        "vision_config": {
            "model_type": "siglip_vision_model",
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "num_hidden_layers": 26,
            "num_attention_heads": 16,
            "image_size": 384,
            "patch_size": 14,
            "vision_use_head": False,
        },
    }


def _smolvlm(text: dict[str, Any], vision: dict[str, Any], scale_factor: int) -> dict[str, Any]:
    return {
        "model_type": "smolvlm",
        "dtype": "float32",
        "tie_word_embeddings": False,
        "image_token_id": 49190,
        "scale_factor": scale_factor,
        "text_config": {
            "model_type": "llama",
            "vocab_size": 49280,
            "head_dim": 64,
            "max_position_embeddings": 8192,
            "pad_token_id": 2,
            **text,
        },
        "vision_config": vision,
    }


def _text(hidden: int, layers: int, heads: int, kv_heads: int, inner: int, **more: Any) -> dict[str, Any]:
    return {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": inner,
        **more,
    }


_QWEN3_SMALL_VISION = {
    "depth": 24,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "deepstack_visual_indexes": [5, 11, 17],
}
_QWEN3_LARGE_VISION = {
    "depth": 27,
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "deepstack_visual_indexes": [8, 16, 24],
}
_SMOLVLM_SMALL_VISION = {
    "num_hidden_layers": 12,
    "hidden_size": 768,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "patch_size": 16,
    "image_size": 512,
}
_SMOLVLM_LARGE_VISION = {
    "num_hidden_layers": 27,
    "hidden_size": 1152,
    "num_attention_heads": 16,
    "intermediate_size": 4304,
    "patch_size": 14,
    "image_size": 384,
}

_CONFIGS: dict[str, dict[str, Any]] = {
    # config.json at 6628554.
    "Qwen/Qwen2.5-VL-3B-Instruct": _qwen2_5_vl(_text(2048, 36, 16, 2, 11008, vocab_size=151936), 3420, tied=True),
    # config.json at cc59489.
    "Qwen/Qwen2.5-VL-7B-Instruct": _qwen2_5_vl(_text(3584, 28, 28, 4, 18944, vocab_size=152064), 3420),
    # config.json at 7cfb30d for the widths; layers of the vision tower and separate embeddings are those with which the
    # model has its 33,452,718,336 parameters.
    "Qwen/Qwen2.5-VL-32B-Instruct": _qwen2_5_vl(_text(5120, 64, 40, 8, 27648, vocab_size=152064), 3456),
    # config.json of Qwen/Qwen2.5-VL-72B-Instruct-AWQ at 666b8f5, but for the MLP, which is padded there: its 29568 are
    # transformers' defaults. The vision tower's inner width is that of the AWQ model; QwenLM/Qwen3-VL issue 783 implies
    # 3420, which makes 4,425,984 parameters less.
    "Qwen/Qwen2.5-VL-72B-Instruct": _qwen2_5_vl(_text(8192, 80, 64, 8, 29568, vocab_size=152064), 3456),
    # convert_llava_onevision_weights_to_hf.py of transformers, and config.json of the language models it names: Qwen2
    # 0.5B, 7B and 72B. It rounds their rows and two more up to 64; so the vocabularies of the two larger are derived.
    "llava-hf/llava-onevision-qwen2-0.5b-ov-hf": _llava_onevision(
        _text(896, 24, 14, 2, 4864, vocab_size=152000), tied=True
    ),
    "llava-hf/llava-onevision-qwen2-7b-ov-hf": _llava_onevision(_text(3584, 28, 28, 4, 18944, vocab_size=152128)),
    "llava-hf/llava-onevision-qwen2-72b-ov-hf": _llava_onevision(_text(8192, 80, 64, 8, 29568, vocab_size=152128)),
    # config.json at 8964489, ebb281e and 0c351dd.
    "Qwen/Qwen3-VL-2B-Instruct": _qwen3_vl(_text(2048, 28, 16, 8, 6144), _QWEN3_SMALL_VISION, tied=True),
    "Qwen/Qwen3-VL-4B-Instruct": _qwen3_vl(_text(2560, 36, 32, 8, 9728), _QWEN3_SMALL_VISION, tied=True),
    "Qwen/Qwen3-VL-8B-Instruct": _qwen3_vl(_text(4096, 36, 32, 8, 12288), _QWEN3_LARGE_VISION),
    # config.json of a fine-tuned model, quanliang/F1.
    "Qwen/Qwen3-VL-32B-Instruct": _qwen3_vl(_text(5120, 64, 64, 8, 25600), _QWEN3_LARGE_VISION),
    # config.json at refs/pr/21; heads, the vision tower and separate embeddings are those with which the model has its
    # 2,246,784,880 parameters.
    "HuggingFaceTB/SmolVLM2-2.2B-Instruct": _smolvlm(_text(2048, 24, 32, 32, 8192), _SMOLVLM_LARGE_VISION, 3),
    # config.json at 7b375e1.
    "HuggingFaceTB/SmolVLM2-500M-Video-Instruct": _smolvlm(_text(960, 32, 15, 5, 2560), _SMOLVLM_SMALL_VISION, 4),
    # config.json of HuggingFaceTB/SmolVLM-256M-Instruct, from which it was trained; the size of its file agrees.
    "HuggingFaceTB/SmolVLM2-256M-Video-Instruct": _smolvlm(_text(576, 30, 9, 3, 1536), _SMOLVLM_SMALL_VISION, 4),
}
