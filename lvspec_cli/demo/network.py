"""The training forward of the embedded models: the same function as the real classes, batched for a small CPU.

The real vision tower attends chunk by chunk in a Python loop, and the real text model cannot share a clip's prefix
among several texts. Here the same parameters are used with the same mathematics (a test compares the two), every clip
of a batch at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from transformers import Qwen2_5_VLForConditionalGeneration


def rms_norm(hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    wide = hidden.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon)).to(hidden.dtype) * weight.to(hidden.dtype)


def rotate(states: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary embedding of states [..., length, head dimension] by tables [length, head dimension]."""
    first, second = states.chunk(2, -1)
    return states * cosine + torch.cat((-second, first), -1) * sine


def linear(hidden: Tensor, layer: Any) -> Tensor:
    bias = None if layer.bias is None else layer.bias.to(hidden.dtype)
    return functional.linear(hidden, layer.weight.to(hidden.dtype), bias)


def gated(hidden: Tensor, mlp: Any) -> Tensor:
    return linear(functional.silu(linear(hidden, mlp.gate_proj)) * linear(hidden, mlp.up_proj), mlp.down_proj)


class Outputs(NamedTuple):
    """What a training forward gives."""

    text: Tensor  # float [rows, text length, vocabulary]: logits of the slots' tokens
    video: Tensor  # float [rows, video tokens, vocabulary]: what they would say if the middle layer were the last
    gaze: Tensor  # [rows, text length, video tokens]: attention of the middle layer's first head


class TrainingNetwork(torch.nn.Module):
    """Wraps a real model; holds no parameters of its own."""

    def __init__(self, model: Qwen2_5_VLForConditionalGeneration, dtype: torch.dtype = torch.bfloat16) -> None:
        super().__init__()
        self.model = model
        self.dtype = dtype

    def vision(self, patches: Tensor) -> Tensor:
        """Patches [rows, grid, patches, values] to video features [rows, video tokens, hidden]."""
        visual: Any = self.model.model.visual
        rows, _, count, _ = patches.shape
        projection = visual.patch_embed.proj.weight
        hidden = functional.linear(
            patches.to(self.dtype).flatten(0, 1), projection.reshape(len(projection), -1).to(self.dtype)
        )
        side = round(count**0.5)
        cosine, sine = visual.rotary_pos_emb(hidden, _patch_places(side, visual.spatial_merge_size))
        for block in visual.blocks:
            hidden = hidden + self._vision_attention(block, hidden, cosine, sine)
            hidden = hidden + gated(rms_norm(hidden, block.norm2.weight, 1e-6), block.mlp)
        merger = visual.merger
        merged = rms_norm(hidden, merger.ln_q.weight, 1e-6).reshape(rows, -1, merger.hidden_size)
        return linear(functional.gelu(linear(merged, merger.mlp[0])), merger.mlp[2])

    def _vision_attention(self, block: Any, hidden: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        count, length, width = hidden.shape
        heads = block.attn.num_heads
        normed = rms_norm(hidden, block.norm1.weight, 1e-6)
        query, key, value = (
            linear(normed, block.attn.qkv)
            .view(count, length, 3, heads, width // heads)
            .permute(2, 0, 3, 1, 4)
            .unbind(0)
        )
        table = (cosine.to(hidden.dtype), sine.to(hidden.dtype))
        scores = rotate(query, *table) @ rotate(key, *table).transpose(2, 3) * (width // heads) ** -0.5
        mixed = scores.softmax(-1) @ value
        return linear(mixed.transpose(1, 2).reshape(count, length, width), block.attn.proj)

    def forward(self, patches: Tensor, prefix: Tensor, tokens: Tensor, positions: Tensor, mask: Tensor) -> Outputs:
        """What the model says of each row's slots, and what `grounding` supervises."""
        text: Any = self.model.model.language_model
        features = self.vision(patches)
        embed = text.embed_tokens
        whole = torch.cat([prefix.expand(len(tokens), -1), tokens], 1)
        hidden = functional.embedding(whole, embed.weight).to(self.dtype)
        start = len(prefix) - 1 - features.shape[1]  # the prefix ends with the video tokens and one more
        hidden = torch.cat([hidden[:, :start], features, hidden[:, len(prefix) - 1 :]], 1)
        cosine, sine = text.rotary_emb(hidden, positions[:, None])
        table = (cosine[0].to(self.dtype), sine[0].to(self.dtype))
        bias = mask.to(self.dtype)
        middle = gaze = hidden
        for index, layer in enumerate(text.layers):
            if index == len(text.layers) // 2:
                middle = hidden
            normed = rms_norm(hidden, layer.input_layernorm.weight, layer.input_layernorm.variance_epsilon)
            mixed, shares = self._attention(layer.self_attn, normed, table, bias)
            if index == len(text.layers) // 2:
                gaze = shares[:, 0, len(prefix) :, start : len(prefix) - 1]
            hidden = hidden + mixed
            normed = rms_norm(
                hidden, layer.post_attention_layernorm.weight, layer.post_attention_layernorm.variance_epsilon
            )
            hidden = hidden + gated(normed, layer.mlp)
        seen = torch.cat([hidden[:, len(prefix) :], middle[:, start : len(prefix) - 1]], 1)
        seen = rms_norm(seen, text.norm.weight, text.norm.variance_epsilon)
        logits = functional.linear(seen, embed.weight.to(self.dtype)).float()
        return Outputs(logits[:, : tokens.shape[1]], logits[:, tokens.shape[1] :], gaze)

    def _attention(
        self, attention: Any, hidden: Tensor, table: tuple[Tensor, Tensor], bias: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The layer's attention output, and the shares [rows, heads, length, length] of attention in it."""
        rows, length, _ = hidden.shape
        width = attention.head_dim
        groups = attention.num_key_value_heads
        query = linear(hidden, attention.q_proj).view(rows, length, -1, width).transpose(1, 2)
        key = linear(hidden, attention.k_proj).view(rows, length, groups, width).transpose(1, 2)
        value = linear(hidden, attention.v_proj).view(rows, length, groups, width).transpose(1, 2)
        query = rotate(query, *table) * width**-0.5
        key = rotate(key, *table)
        # The heads that share a key are folded into rows, so that no key is copied.
        folded = query.reshape(rows, groups, -1, width)
        scores = (folded @ key.transpose(2, 3)).view(rows, -1, length, length) + bias
        shares = scores.softmax(-1)
        mixed = shares.view(rows, groups, -1, length) @ value
        mixed = mixed.view(rows, -1, length, width).transpose(1, 2).reshape(rows, length, -1)
        return linear(mixed, attention.o_proj), shares


def _patch_places(side: int, merge: int) -> Tensor:
    """Row and column [patches, 2] of each patch, in the order of the real processor (merged blocks together)."""
    grid = torch.arange(side * side).view(side // merge, merge, side // merge, merge).permute(0, 2, 1, 3).reshape(-1)
    return torch.stack([grid // side, grid % side], -1)
