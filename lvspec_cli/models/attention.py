"""Attention over cached keys and values that never copies them.

Grouped-query attention shares one key/value head among several query heads. Repeating the cached keys for each query
head costs a copy of the whole cache per layer and step; stacking the query heads that share a key/value head along the
position axis costs nothing, because queries are few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from lvspec_cli.models.grounding import GroundingProbe, NotedLayer

if TYPE_CHECKING:
    from lvspec_cli.models.video_attention import VideoAttention
    from lvspec_cli.models.watch import Watch

_LONG = 2048  # cached positions from which splitting pays
_PARTS = 4

ATTENTION_NAME = "lvspec"  # as an ``attn_implementation`` of transformers: `attention_forward`


def causal_mask(new: int, total: int, groups: int, dtype: torch.dtype, device: torch.device) -> Tensor | None:
    """Additive mask [groups * new, total] for ``new`` queries at the end of ``total`` positions; None if new is 1.

    Row g * new + i is query i of the g-th head of a group: it sees every position up to total - new + i.
    """
    if new == 1:
        return None
    mask = torch.zeros((new, total), dtype=dtype, device=device)
    mask[:, total - new :] = torch.full((new, new), float("-inf"), dtype=dtype, device=device).triu(1)
    return mask.repeat(groups, 1)


def attend(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """Attention of n queries over m positions.

    ``query``: [1, heads, n, head_dim]; ``keys``, ``values``: [1, kv_heads, m, head_dim];
    ``mask``: [heads / kv_heads * n, m] as from ``causal_mask``, or None, which means one query that sees everything, or
    a whole sequence (n = m), each position seeing itself and what is before it. Returns [1, heads, n, head_dim].
    """
    batch, heads, new, width = query.shape
    kv_heads = keys.shape[1]
    if mask is None and new > 1:
        return _causal_attention(query, keys, values, scale)
    packed = query.reshape(batch, kv_heads, heads // kv_heads * new, width)
    if keys.device.type == "cpu" and _pays_to_split(keys, mask):
        return attend_in_parts(packed, keys, values, mask, scale).reshape(query.shape)
    return scaled_dot_product_attention(packed, keys, values, attn_mask=mask, scale=scale).reshape(query.shape)


def attend_watching(
    query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scale: float, watched: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    """`attend` of one query, or with a mask, and the share of its attention that goes to ``watched`` positions.

    ``watched``: [p] with 1 for a position that counts and 0 for one that does not; p is at most m, and positions from p
    on do not count. The shares [n] are means over the heads. All scores of the few new queries are held at once; last
    comes what the softmax makes of them, [1, kv_heads, heads / kv_heads * n, m], or None where they are cut in parts.
    """
    batch, heads, new, width = query.shape
    kv_heads = keys.shape[1]
    packed = query.reshape(batch, kv_heads, heads // kv_heads * new, width)
    if _pays_to_split(keys, mask):
        mixed, shares = attend_in_parts_watching(packed, keys, values, mask, scale, watched)
        return mixed.reshape(query.shape), shares.view(heads, new).mean(0), None
    scores = (packed * scale) @ keys.transpose(2, 3)
    weights = (scores if mask is None else scores + mask).softmax(-1)
    shares = (weights[..., : watched.shape[0]] @ watched).view(heads, new).mean(0)
    return (weights @ values).reshape(query.shape), shares, weights


def _causal_attention(query: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
    """Attention of a whole sequence over itself.

    On CUDA only half precision has a fused kernel for grouped queries. In float32 PyTorch would fall back to one that
    holds all scores at once, so there the keys and values are repeated for the fused kernel without groups.
    """
    groups = query.shape[1] // keys.shape[1]
    if groups > 1 and query.device.type == "cuda" and query.dtype == torch.float32:
        keys, values = repeat_heads(keys, values, groups)
        groups = 1
    return scaled_dot_product_attention(query, keys, values, scale=scale, is_causal=True, enable_gqa=groups > 1)


def repeat_heads(keys: Tensor, values: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Every head [1, kv_heads, m, head_dim] once for each query head it serves: [1, groups * kv_heads, m, head_dim]."""
    return keys.repeat_interleave(groups, dim=1), values.repeat_interleave(groups, dim=1)


def _pays_to_split(keys: Tensor, mask: Tensor | None) -> bool:
    _, kv_heads, length, _ = keys.shape
    plain = mask is None or mask.dim() == 2  # not one of transformers' own
    return keys.device.type == "cpu" and length >= _LONG and kv_heads < torch.get_num_threads() and plain


def attend_in_parts(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """Attention of n packed queries [1, kv_heads, n, head_dim] over m positions, their parts side by side.

    PyTorch's kernel for the CPU gives a key/value head to one thread. Over a long cache with few heads the other
    threads would wait, so the positions are cut into parts that are multiplied as a batch ("Flash-Decoding", Dao et
    al. 2023, splits the cache for the same reason). Equal to one softmax over all positions, up to rounding. There must
    be at least as many positions as parts.
    """
    mixed = []
    for head in range(keys.shape[1]):
        weights, size, stride = _weights_in_parts(query[0, head] * scale, keys[0, head], mask)
        mixed.append(_sum_of_parts(weights, values[0, head].unfold(0, size, stride).transpose(1, 2)))
    return torch.stack(mixed)[None]


def attend_in_parts_watching(
    query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scale: float, watched: Tensor
) -> tuple[Tensor, Tensor]:
    """`attend_in_parts`, and of every query the share of its attention on ``watched`` positions: [kv_heads, n].

    ``watched``: as in `attend_watching`.
    """
    counted = pad(watched, (0, keys.shape[2] - watched.shape[0]))
    mixed, shares = [], []
    for head in range(keys.shape[1]):
        weights, size, stride = _weights_in_parts(query[0, head] * scale, keys[0, head], mask)
        mixed.append(_sum_of_parts(weights, values[0, head].unfold(0, size, stride).transpose(1, 2)))
        shares.append(_sum_of_parts(weights, counted.unfold(0, size, stride)[..., None])[:, 0])
    return torch.stack(mixed)[None], torch.stack(shares)


def _weights_in_parts(query: Tensor, keys: Tensor, mask: Tensor | None) -> tuple[Tensor, int, int]:
    """Attention of queries [n, head_dim], already scaled, over keys [m, head_dim], cut into parts: [parts, n, size].

    All parts have one size, so that they make a batch without a copy; where that does not divide m, a part begins with
    a few positions that the part before it ends with, and those count once. The size and the distance from the
    beginning of one part to that of the next come with it.
    """
    new, stride = query.shape[0], keys.shape[0] // _PARTS
    size = keys.shape[0] - (_PARTS - 1) * stride
    scores = query @ keys.unfold(0, size, stride)  # [parts, n, size]
    if mask is not None:
        scores += mask.unfold(1, size, stride).transpose(0, 1)
    scores[1:, :, : size - stride] = float("-inf")
    weights = scores.transpose(0, 1).flatten(1).softmax(-1).view(new, _PARTS, size).transpose(0, 1)
    return weights, size, stride


def _sum_of_parts(weights: Tensor, values: Tensor) -> Tensor:
    """What weights [parts, n, size] mix of values [parts, size, d]: [n, d]."""
    return (weights @ values).sum(0)


def attention_forward(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    video_attention: VideoAttention | None = None,
    watch: Watch | None = None,
    probe: GroundingProbe | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """`attend`, the way transformers calls attention: the masks it makes itself, [1, 1, n, m], are understood too.

    ``video_attention``, of a prefill, and ``watch`` and ``probe``, of a later pass, come down with the language model's
    forward and look on.
    """
    if attention_mask is not None and attention_mask.dim() == 4:
        attention_mask = attention_mask.repeat(1, 1, query.shape[1] // key.shape[1], 1)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if video_attention is not None:
        video_attention.observe(query, key, scale)
    layer, weights = getattr(module, "layer_idx", -1), None
    if watch is not None and watch.wants_attention(layer):
        mixed, weights = watch.attend(query, key, value, attention_mask, scale)
    else:
        mixed = attend(query, key, value, attention_mask, scale)
    if probe is not None and layer in probe.layers:
        probe.note(NotedLayer(query, key, scale, weights))
    return mixed.transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION_NAME, attention_forward)
AttentionMaskInterface.register(ATTENTION_NAME, sdpa_mask)
