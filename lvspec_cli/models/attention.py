"""Attention over cached keys and values that never copies them.

Grouped-query attention shares one key/value head among several query heads. Repeating the cached keys for each query
head costs a copy of the whole cache per layer and step; stacking the query heads that share a key/value head along the
position axis costs nothing, because queries are few.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

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
        return scaled_dot_product_attention(
            query, keys, values, scale=scale, is_causal=True, enable_gqa=heads != kv_heads
        )
    packed = query.reshape(batch, kv_heads, heads // kv_heads * new, width)
    return scaled_dot_product_attention(packed, keys, values, attn_mask=mask, scale=scale).reshape(query.shape)


def attention_forward(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """`attend`, the way transformers calls attention: the masks it makes itself, [1, 1, n, m], are understood too."""
    if attention_mask is not None and attention_mask.dim() == 4:
        attention_mask = attention_mask.repeat(1, 1, query.shape[1] // key.shape[1], 1)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return attend(query, key, value, attention_mask, scale).transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION_NAME, attention_forward)
AttentionMaskInterface.register(ATTENTION_NAME, sdpa_mask)
