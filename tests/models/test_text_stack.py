"""Both text stacks compute what the model's own layers compute, in every number format."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from lvspec_cli.decoding.cache import KVCache
from lvspec_cli.models.attention import ATTENTION_NAME, causal_mask
from lvspec_cli.models.cache import TransformersCache, cache_argument
from lvspec_cli.models.text_stack import FusedTextStack, ModuleTextStack, TextStack, build_text_stack
from tests.models.conftest import TinyPair

PREFIX = 20


def text_model(tiny_pair: TinyPair, dtype: torch.dtype = torch.float32) -> Any:
    """A copy of the untouched model's language part."""
    return copy.deepcopy(getattr(tiny_pair.reference.model, tiny_pair.pair.target.text_module)).to(dtype)


def rotary(model: Any, start: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    positions = torch.arange(start, start + count)[None]
    if type(model).__name__.startswith("Qwen2_5_VL"):
        positions = positions.expand(3, 1, count)
    cosines, sines = model.rotary_emb(model.embed_tokens.weight, positions)
    return cosines[0], sines[0]


@torch.inference_mode()
def run(model: Any, stack: TextStack, hidden: torch.Tensor) -> torch.Tensor:
    """The last rows of ``hidden``, after its first PREFIX positions were cached by the model's own forward."""
    cache = KVCache(len(model.layers), capacity=64)
    positions = torch.arange(PREFIX)[None]
    past = {cache_argument(model): TransformersCache(cache)}
    model(inputs_embeds=hidden[None, :PREFIX], position_ids=positions, use_cache=True, **past)
    cache.advance(PREFIX)
    new = hidden[PREFIX:]
    return stack.run(new, stack.prepare_rotary(*rotary(model, PREFIX, len(new))), cache, None, None)


@torch.inference_mode()
def whole(model: Any, hidden: torch.Tensor) -> torch.Tensor:
    positions = torch.arange(len(hidden))[None]
    states: torch.Tensor = model(inputs_embeds=hidden[None], position_ids=positions, use_cache=False).last_hidden_state
    return states[0, PREFIX:]


@pytest.mark.parametrize("new", [1, 2, 7])
@pytest.mark.parametrize("kind", [FusedTextStack, ModuleTextStack])
def test_a_stack_equals_the_models_own_forward(tiny_pair: TinyPair, kind: Any, new: int) -> None:
    model = text_model(tiny_pair)
    hidden = torch.randn(PREFIX + new, model.config.hidden_size, generator=torch.Generator().manual_seed(new))
    expected = whole(model, hidden)
    model.set_attn_implementation(ATTENTION_NAME)
    torch.testing.assert_close(run(model, kind(model), hidden), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("new", [1, 7])
def test_the_fused_stack_rounds_as_the_layers_do(tiny_pair: TinyPair, new: int) -> None:
    model = text_model(tiny_pair, torch.bfloat16)
    hidden = torch.randn(PREFIX + new, model.config.hidden_size).bfloat16()
    model.set_attn_implementation(ATTENTION_NAME)
    modules = run(model, ModuleTextStack(model), hidden)
    fused = run(model, FusedTextStack(model), hidden)
    exact = run(text_model(tiny_pair), FusedTextStack(text_model(tiny_pair)), hidden.float())
    error = (modules.float() - exact).abs().mean()  # what bfloat16 costs the layers themselves
    assert (fused.float() - exact).abs().mean() < 1.5 * error


def test_fusing_leaves_the_models_parameters_as_they_were(tiny_pair: TinyPair) -> None:
    model = text_model(tiny_pair)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    bytes_before = sum(parameter.nbytes for parameter in model.parameters())
    stack = FusedTextStack(model)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    storages = {p.untyped_storage().data_ptr(): p.untyped_storage().nbytes() for p in model.parameters()}
    assert sum(storages.values()) == bytes_before
    assert {layer.qkv.matrix.untyped_storage().data_ptr() for layer in stack._layers} <= set(storages)


def test_plain_layers_are_fused(tiny_pair: TinyPair) -> None:
    assert isinstance(build_text_stack(text_model(tiny_pair)), FusedTextStack)


def test_layers_with_hooks_or_other_projections_are_called_as_they_are(tiny_pair: TinyPair) -> None:
    hooked = text_model(tiny_pair)
    hooked.layers[0].register_forward_hook(lambda *_: None)
    assert isinstance(build_text_stack(hooked), ModuleTextStack)
    replaced = text_model(tiny_pair)
    projection = replaced.layers[-1].mlp.up_proj

    class QuantizedLinear(torch.nn.Linear):
        pass

    replaced.layers[-1].mlp.up_proj = QuantizedLinear(projection.in_features, projection.out_features, bias=False)
    assert isinstance(build_text_stack(replaced), ModuleTextStack)


def test_the_causal_mask_is_aligned_to_the_end() -> None:
    mask = causal_mask(2, 5, 2, torch.float32, torch.device("cpu"))
    assert mask is not None
    seen = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]).bool()
    assert torch.equal(mask == 0, seen.repeat(2, 1))
    assert causal_mask(1, 5, 2, torch.float32, torch.device("cpu")) is None


def test_generate_over_our_attention_equals_generate_over_sdpa(tiny_pair: TinyPair) -> None:
    ids = torch.randint(0, 200, (1, 12), generator=torch.Generator().manual_seed(3))
    options = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": None, "attention_mask": torch.ones_like(ids)}
    expected = tiny_pair.reference.generate(ids, **options)
    assert torch.equal(tiny_pair.pair.target.model.generate(ids, **options), expected)
