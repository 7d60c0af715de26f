"""What is noted of a pass is what transformers' own attention and states say, with either text stack."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch.nn.functional import normalize

from lvspec_cli.decoding.looseness import WatchedLayers
from lvspec_cli.models.text_stack import ModuleTextStack
from tests.models import tiny
from tests.models.conftest import TinyPair

ANSWER = torch.tensor([65, 3, 77, 12])
COUNT = 6


def prepared(model: Any) -> Any:
    return model.prepare(tiny.video(COUNT), tiny.even_times(COUNT, 1.3), "What moves?")


@torch.inference_mode()
def eager(tiny_pair: TinyPair, inputs: Any, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention of all layers [layers, heads, n, n] and states behind one layer [n, d], through plain transformers."""
    plain, target = copy.deepcopy(tiny_pair.reference), tiny_pair.pair.target
    plain.set_attn_implementation("eager")
    token_ids = torch.cat((inputs.token_ids, ANSWER))[None]
    prompt = target.prompt_positions(inputs)
    behind = prompt[..., -1:] + torch.arange(1, len(ANSWER) + 1)
    more = {name: value for name, value in inputs.tensors.items() if name != "mm_token_type_ids"}
    if "mm_token_type_ids" in inputs.tensors:
        kinds = inputs.tensors["mm_token_type_ids"]
        more["mm_token_type_ids"] = torch.cat((kinds, kinds.new_zeros(1, len(ANSWER))), dim=1)
    output = plain(
        input_ids=token_ids,
        position_ids=torch.cat((prompt, behind), dim=-1),
        output_attentions=True,
        output_hidden_states=True,
        **more,
    )
    return torch.stack(output.attentions)[:, 0], output.hidden_states[layer + 1][0]


@pytest.mark.parametrize("modules", [False, True])
def test_the_signals_are_those_of_the_plain_model(
    tiny_pair: TinyPair, modules: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tiny_pair.pair.target
    inputs = prepared(target)
    if modules:
        monkeypatch.setattr(target, "_stack", ModuleTextStack(target._text_model))
    layers = (0, target.layer_count - 1)
    target.watch(WatchedLayers(layers, 0, nearest=3))
    target.prefill(inputs)
    extension = target.extend(torch.cat((inputs.token_ids[-1:], ANSWER)))
    target.watch(None)
    attention, states = eager(tiny_pair, inputs, 0)
    rows = slice(inputs.length - 1, None)
    video = inputs.video_mask
    shares = attention[list(layers)][:, :, rows, : inputs.length][..., video].sum(-1).mean((0, 1))
    assert extension.video_attention is not None
    torch.testing.assert_close(extension.video_attention, shares, atol=1e-4, rtol=1e-3)
    cosines = normalize(states[rows], dim=-1) @ normalize(states[: inputs.length][video], dim=-1).T
    assert extension.video_cosine is not None
    torch.testing.assert_close(extension.video_cosine, cosines.topk(3).values.mean(-1), atol=1e-4, rtol=1e-3)


def test_watching_changes_nothing(tiny_pair: TinyPair) -> None:
    target = tiny_pair.pair.target
    inputs = prepared(target)
    fed = torch.cat((inputs.token_ids[-1:], ANSWER))
    target.prefill(inputs)
    plain = target.extend(fed)
    target.watch(WatchedLayers((0,), 0))
    target.prefill(inputs)
    watched = target.extend(fed)
    target.watch(None)
    assert plain.video_attention is None
    torch.testing.assert_close(watched.logits, plain.logits, atol=1e-5, rtol=1e-4)
