"""What a prefill holds besides weights and cache at its fullest moment, in bytes for each token or patch.

A prefill has two fullest moments: inside one block of the vision tower, which sees all patches at once, and inside one
layer of the language model, which sees the whole prompt. Attention adds nothing that is quadratic: its kernels are
fused. The formulas count the tensors that PyTorch holds at that moment, in widths of one token: ``hidden`` for states
and ``intermediate`` for what is inside an MLP. They follow transformers' code (modeling_qwen2_5_vl.py,
modeling_siglip.py) and are held against what the profiler sees on tiny models.
"""

from __future__ import annotations

from typing import Any

_FLOAT32 = 4  # bytes


def prefill_bytes(text_config: Any, itemsize: int) -> int:
    """Bytes a token of a prompt that runs through the language model; ``itemsize``: bytes of a number.

    Fullest is the gated MLP of a layer: the embeddings of the prompt, the states before and behind the attention and
    their norm are there, and inside it the activated gate, the other half and their product. The cosines and sines of
    the positions lie beside them. Logits are computed of the last position only.
    """
    hidden, inner = int(text_config.hidden_size), int(text_config.intermediate_size)
    return itemsize * (4 * hidden + 3 * inner + 2 * head_width(text_config))


def head_width(text_config: Any) -> int:
    """Numbers in a key or a value of one head."""
    return int(getattr(text_config, "head_dim", None) or text_config.hidden_size // text_config.num_attention_heads)


def pixel_bytes(vision: Any, itemsize: int) -> int:
    """Bytes a patch of the pixels in the weights' number format, beside those in float32; none if that is the same."""
    frames = int(getattr(vision, "temporal_patch_size", 1))
    return 0 if itemsize == _FLOAT32 else itemsize * 3 * frames * int(vision.patch_size) ** 2


def siglip_bytes(vision: Any, itemsize: int) -> int:
    """Bytes a patch in a block of a SigLIP vision tower, whose embeddings stay for as long as its blocks run.

    In the attention there are beside these the states, their norm, queries, keys, values, and the mixed values before
    and behind the projection; in the MLP the states before and behind the attention, their norm, and two inner tensors.
    """
    hidden, inner = int(vision.hidden_size), int(vision.intermediate_size)
    return itemsize * (hidden + max(7 * hidden, 3 * hidden + 2 * inner))


def rotary_tower_bytes(vision: Any, itemsize: int, *, gated: bool) -> int:
    """Bytes a patch in a block of a vision tower that rotates queries and keys in float32.

    Either while it does: there are the states, their norm, one tensor of queries, keys and values, and in float32 the
    rotated queries and three parts of the rotated keys, in half precision also both as they were. Or at the end of the
    attention: besides the first five the rotated ones, and the mixed values in pieces, joined and projected. Or in the
    MLP: the states before and behind the attention, their norm, and two inner tensors, three if it is ``gated``.
    """
    hidden, inner = int(vision.hidden_size), int(vision.intermediate_size)
    in_float32 = 4 if itemsize == _FLOAT32 else 6
    rotating = 5 * itemsize * hidden + in_float32 * _FLOAT32 * hidden
    projecting = 10 * itemsize * hidden
    feeding = itemsize * (3 * hidden + (3 if gated else 2) * inner)
    cosines_and_sines = 2 * _FLOAT32 * (hidden // int(vision.num_heads))
    return cosines_and_sines + max(rotating, projecting, feeding)
