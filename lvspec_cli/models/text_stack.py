"""The decoder layers of a language model, run over a few new positions at a time.

Decoding calls the layers thousands of times with one to a dozen tokens, and what a small model then costs is the
framework around the arithmetic. `build_text_stack` gives the fastest stack that is exact for a model:

- `FusedTextStack` reads the weights of plain Llama-like layers and does the layer's arithmetic itself: one projection
  for query, key and value, one for gate and up, one kernel for a normalisation.
- `ModuleTextStack` calls the layers as they are: quantized, spread over devices, hooked, or of another make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, rms_norm, scaled_dot_product_attention

from lvspec_cli.decoding.cache import KVCache
from lvspec_cli.models.attention import attend, causal_mask
from lvspec_cli.models.cache import TransformersCache, cache_argument
from lvspec_cli.models.grounding import GroundingProbe, NotedLayer
from lvspec_cli.models.watch import Watch
from lvspec_cli.models.weight import PACKING_LIMIT, Weight, by_columns

Rotary = tuple[Tensor, Tensor]  # cosines and sines, [n, head_dim] each, prepared by the stack that reads them

# Pre-norm layers with rotary grouped-query attention, perhaps norms of its heads, and a gated MLP, and nothing else.
_PLAIN_LAYERS = frozenset(
    {"LlamaDecoderLayer", "Qwen2DecoderLayer", "Qwen2_5_VLDecoderLayer", "Qwen3VLTextDecoderLayer"}
)


class TextStack(Protocol):
    """Decoder layers and the final norm."""

    def prepare_rotary(self, cosines: Tensor, sines: Tensor) -> Rotary:
        """Bring cosines and sines [n, head_dim], as the model's rotary module gives them, into this stack's form."""
        ...

    def run(
        self, hidden: Tensor, rotary: Rotary, cache: KVCache, watch: Watch | None, probe: GroundingProbe | None
    ) -> Tensor:
        """Append n embeddings [n, d] to the cache, which the caller then advances; return final states [n, d].

        ``watch``, ``probe``: what to note on the way.
        """
        ...


def build_text_stack(text_model: Any) -> TextStack:
    """The fastest stack that computes what this language model computes."""
    if all(_is_plain(layer) for layer in text_model.layers) and len(_devices(text_model)) == 1:
        return FusedTextStack(text_model)
    return ModuleTextStack(text_model)


def _is_plain(layer: Any) -> bool:
    """Whether a layer is what its class says: no quantized projection, no hook that a shortcut would pass by."""
    modules = list(layer.modules())
    projections = [module for module in modules if "Linear" in type(module).__name__]
    biased = [module for module in projections if getattr(module, "bias", None) is not None]
    hooked = any(
        module._forward_hooks or module._forward_pre_hooks or hasattr(module, "_hf_hook") for module in modules
    )
    return (
        type(layer).__name__ in _PLAIN_LAYERS
        and len(projections) == 7
        and all(type(module) is nn.Linear for module in projections)
        and len(biased) in (0, 3)  # none, or those of query, key and value
        and not hooked
    )


def _devices(module: nn.Module) -> set[torch.device]:
    return {parameter.device for parameter in module.parameters()}


class ModuleTextStack:
    """The layers, called one after another with everything they need precomputed."""

    def __init__(self, text_model: Any) -> None:
        self._layers = tuple(text_model.layers)
        self._cache_argument = cache_argument(text_model.layers[0])
        self._norm = text_model.norm
        self._groups = text_model.config.num_attention_heads // text_model.config.num_key_value_heads

    def prepare_rotary(self, cosines: Tensor, sines: Tensor) -> Rotary:
        """As given."""
        return cosines, sines

    def run(
        self, hidden: Tensor, rotary: Rotary, cache: KVCache, watch: Watch | None, probe: GroundingProbe | None
    ) -> Tensor:
        """See `TextStack.run`."""
        new = hidden.shape[0]
        mask = causal_mask(new, cache.length + new, self._groups, hidden.dtype, hidden.device)
        states, embeddings = hidden[None], (rotary[0][None], rotary[1][None])
        more: dict[str, Any] = {self._cache_argument: TransformersCache(cache)}
        more |= {} if watch is None else {"watch": watch}
        more |= {} if probe is None else {"probe": probe}
        for index, layer in enumerate(self._layers):
            states = layer(states, attention_mask=mask, position_embeddings=embeddings, use_cache=True, **more)
            if watch is not None:
                watch.note_states(index, states[0])
        return self._norm(states)[0]  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class _Layer:
    """The weights of one decoder layer; d = hidden size, h = query heads, k = key/value heads, w = head width."""

    attention_norm: Tensor  # [d]
    attention_epsilon: float
    qkv: Weight  # [(h + 2k) * w, d]
    head_norm: Tensor | None  # [h + k, w], of the queries and the keys before they are turned; None: they have none
    output: Weight  # [d, h * w]
    mlp_norm: Tensor  # [d]
    mlp_epsilon: float
    gate_up: Weight  # [2 * intermediate, d]
    down: Weight  # [d, intermediate]
    activation: nn.Module


class FusedTextStack:
    """The arithmetic of plain Llama-like layers with as few kernels as it takes.

    The layers' own parameters become views of the fused weights, so the model stays whole and nothing is held twice but
    what makes small models quick (see `Weight`). Results equal the layers' own up to the order of summation.
    """

    def __init__(self, text_model: Any) -> None:
        config = text_model.config
        self._heads, self._kv_heads = config.num_attention_heads, config.num_key_value_heads
        self._width = text_model.layers[0].self_attn.head_dim
        self._scale = text_model.layers[0].self_attn.scaling
        small = sum(parameter.nbytes for parameter in text_model.layers.parameters()) <= PACKING_LIMIT
        self._layers = tuple(_fuse_layer(layer, packed=small) for layer in text_model.layers)
        self._norm = text_model.norm.weight
        self._epsilon = text_model.norm.variance_epsilon

    @property
    def device(self) -> torch.device:
        """Where the layers are."""
        return self._norm.device  # type: ignore[no-any-return]

    def prepare_rotary(self, cosines: Tensor, sines: Tensor) -> Rotary:
        """[n, 1, head_dim], the sines with the sign of the half-rotation folded in."""
        half = self._width // 2
        signed = torch.cat((-sines[:, :half], sines[:, half:]), dim=-1)
        return cosines[:, None].contiguous(), signed[:, None]

    def run(
        self, hidden: Tensor, rotary: Rotary, cache: KVCache, watch: Watch | None, probe: GroundingProbe | None
    ) -> Tensor:
        """See `TextStack.run`."""
        new = hidden.shape[0]
        groups = self._heads // self._kv_heads
        mask = causal_mask(new, cache.length + new, groups, hidden.dtype, hidden.device)
        for index, layer in enumerate(self._layers):
            normed = _normalise(hidden, layer.attention_norm, layer.attention_epsilon)
            hidden = hidden + self._attention(index, layer, normed, rotary, mask, cache, watch, probe)
            hidden = hidden + _feed_forward(layer, hidden)
            if watch is not None:
                watch.note_states(index, hidden)
        return _normalise(hidden, self._norm, self._epsilon)

    @property
    def scale(self) -> float:
        """What queries are multiplied by."""
        return self._scale  # type: ignore[no-any-return]

    def run_static(
        self,
        hidden: Tensor,
        rotary: Rotary,
        start: Tensor,
        keys: list[Tensor],
        values: list[Tensor],
        probed: tuple[int, ...] = (),
    ) -> tuple[Tensor, list[Tensor]]:
        """`run` for `torch.compile`: nothing in it depends on a number that changes from pass to pass.

        ``start``: int64 [], cached positions; ``keys``, ``values``: buffers [1, kv_heads, capacity, head_dim] of every
        layer, into which the pass writes, finite where nothing was written. Attention reads them whole, under a mask.
        With the final states come the queries [1, heads, n, head_dim] of the layers that are ``probed``.
        """
        new, width, groups = hidden.shape[0], self._width, self._heads // self._kv_heads
        positions = start + torch.arange(new, device=hidden.device)
        later = torch.arange(keys[0].shape[2], device=hidden.device) > positions[:, None]
        mask = torch.zeros(later.shape, dtype=hidden.dtype, device=hidden.device).masked_fill(later, float("-inf"))
        mask, queries = mask.repeat(groups, 1), []
        for index, (layer, layer_keys, layer_values) in enumerate(zip(self._layers, keys, values, strict=True)):
            normed = _normalise(hidden, layer.attention_norm, layer.attention_epsilon)
            query, new_keys, new_values = self._project(layer, linear(normed, layer.qkv.matrix, layer.qkv.bias), rotary)
            layer_keys.index_copy_(2, positions, new_keys)
            layer_values.index_copy_(2, positions, new_values)
            if index in probed:
                queries.append(query)
            packed = query.reshape(1, self._kv_heads, groups * new, width)
            mixed = scaled_dot_product_attention(packed, layer_keys, layer_values, attn_mask=mask, scale=self._scale)
            mixed = mixed.reshape(1, self._heads, new, width)[0].transpose(0, 1).reshape(new, -1)
            hidden = hidden + linear(mixed, layer.output.matrix, layer.output.bias)
            normed = _normalise(hidden, layer.mlp_norm, layer.mlp_epsilon)
            gate, up = linear(normed, layer.gate_up.matrix, layer.gate_up.bias).chunk(2, dim=-1)
            hidden = hidden + linear(layer.activation(gate) * up, layer.down.matrix, layer.down.bias)
        return _normalise(hidden, self._norm, self._epsilon), queries

    def _project(self, layer: _Layer, projected: Tensor, rotary: Rotary) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [1, h, n, w], keys and values [1, k, n, w] of what the projection [n, (h + 2k) * w] gave."""
        heads, turned_heads = self._heads, self._heads + self._kv_heads
        parts = projected.view(projected.shape[0], -1, self._width)
        turning = parts[:, :turned_heads]
        if layer.head_norm is not None:
            turning = _normalise(turning, layer.head_norm, layer.attention_epsilon)
        turned = (turning * rotary[0] + turning.roll(self._width // 2, -1) * rotary[1]).transpose(0, 1)[None]
        return turned[:, :heads], turned[:, heads:], parts[:, turned_heads:].transpose(0, 1)[None]

    def _attention(
        self,
        index: int,
        layer: _Layer,
        normed: Tensor,
        rotary: Rotary,
        mask: Tensor | None,
        cache: KVCache,
        watch: Watch | None,
        probe: GroundingProbe | None,
    ) -> Tensor:
        query, keys, values = self._project(layer, layer.qkv.multiply(normed), rotary)
        keys, values = cache.update(keys, values, index)
        weights = None
        if watch is not None and watch.wants_attention(index):
            mixed, weights = watch.attend(query, keys, values, mask, self._scale)
        else:
            mixed = attend(query, keys, values, mask, self._scale)
        if probe is not None and index in probe.layers:
            probe.note(NotedLayer(query, keys, self._scale, weights))
        return layer.output.multiply(mixed[0].transpose(0, 1).reshape(normed.shape[0], -1))


def _feed_forward(layer: _Layer, hidden: Tensor) -> Tensor:
    gate, up = layer.gate_up.multiply(_normalise(hidden, layer.mlp_norm, layer.mlp_epsilon)).chunk(2, dim=-1)
    return layer.down.multiply(layer.activation(gate) * up)


def _normalise(hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Root-mean-square norm of the last axis with the layers' own rounding: statistics in float32, the weight after.

    ``weight``: one for all rows, or [heads, w] for states [n, heads, w].
    """
    width = weight.shape[-1:]
    if hidden.dtype == torch.float32 and weight.dim() == 1:
        return rms_norm(hidden, width, weight, epsilon)
    return weight * rms_norm(hidden.float(), width, None, epsilon).to(hidden.dtype)


def _fuse_layer(layer: Any, *, packed: bool) -> _Layer:
    attention, mlp = layer.self_attn, layer.mlp
    return _Layer(
        attention_norm=layer.input_layernorm.weight,
        attention_epsilon=layer.input_layernorm.variance_epsilon,
        qkv=_fuse(attention.q_proj, attention.k_proj, attention.v_proj, packed=packed),
        head_norm=_head_norm(attention),
        output=_fuse(attention.o_proj, packed=packed),
        mlp_norm=layer.post_attention_layernorm.weight,
        mlp_epsilon=layer.post_attention_layernorm.variance_epsilon,
        gate_up=_fuse(mlp.gate_proj, mlp.up_proj, packed=packed),
        down=_fuse(mlp.down_proj, packed=packed),
        activation=mlp.act_fn,
    )


def _head_norm(attention: Any) -> Tensor | None:
    """One row for every head of the queries and the keys: [h + k, w]; None if the layer has no such norms."""
    if not hasattr(attention, "q_norm"):
        return None
    width = attention.head_dim
    heads, kv_heads = (projection.out_features // width for projection in (attention.q_proj, attention.k_proj))
    rows = (attention.q_norm.weight.expand(heads, -1), attention.k_norm.weight.expand(kv_heads, -1))
    return torch.cat(rows).detach()


def _fuse(*projections: nn.Linear, packed: bool) -> Weight:
    """Stack the weights [out, in] and biases of projections of one input, and make each weight a view of its part."""
    stacked = by_columns([projection.weight.data for projection in projections])
    start = 0
    for projection in projections:
        count = projection.weight.shape[0]
        projection.weight.data = stacked[start : start + count]
        start += count
    biases = [projection.bias.data for projection in projections if projection.bias is not None]
    return Weight(stacked, torch.cat(biases) if biases else None, packed=packed)
