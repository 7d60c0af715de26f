"""The scores that a prefill adds up are the attention matrices that transformers' own eager attention returns."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from lvspec_cli.models.prompt import PreparedPrompt
from lvspec_cli.models.video_attention import VideoAttention, attention_mass
from tests.models import tiny
from tests.models.conftest import TinyPair


def prepared(tiny_pair: TinyPair, count: int = 4) -> Any:
    return tiny_pair.pair.target.prepare(tiny.video(count), tiny.even_times(count), "What moves?")


def without_text_behind(inputs: PreparedPrompt, behind: int) -> PreparedPrompt:
    """The prompt cut off, with ``behind`` tokens of text left after the video."""
    end = int(inputs.video_mask.nonzero()[-1]) + 1 + behind
    tensors = dict(inputs.tensors)
    if "mm_token_type_ids" in tensors:
        tensors["mm_token_type_ids"] = tensors["mm_token_type_ids"][:, :end]
    return PreparedPrompt(inputs.token_ids[:end], inputs.video_mask[:end], inputs.times, tensors)


@torch.inference_mode()
def eager_scores(tiny_pair: TinyPair, inputs: PreparedPrompt) -> Tensor:
    """The mean over layers, heads and trailing queries, the last token's left out, of whole attention matrices."""
    model = copy.deepcopy(tiny_pair.reference)
    model.set_attn_implementation("eager")
    ids = inputs.token_ids[None]
    output = model(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        position_ids=tiny_pair.pair.target.prompt_positions(inputs),
        output_attentions=True,
        **inputs.tensors,
    )
    matrices = torch.cat(output.attentions)  # [layers, heads, n, n]
    first = int(inputs.video_mask.nonzero()[-1]) + 1
    return matrices[:, :, first:-1, inputs.video_mask].mean((0, 1, 2))


def own_scores(tiny_pair: TinyPair, inputs: PreparedPrompt, *largest_chunk: int) -> Tensor:
    attention = VideoAttention(inputs.video_mask, *largest_chunk)
    tiny_pair.pair.target.prefill(inputs, video_attention=attention)
    return attention.scores


@pytest.mark.parametrize("count", [1, 4, 7])
def test_scores_equal_the_mean_of_eager_attention(tiny_pair: TinyPair, count: int) -> None:
    inputs = prepared(tiny_pair, count)
    scores = own_scores(tiny_pair, inputs)
    assert scores.shape == (inputs.video_tokens,)
    assert 0 < float(scores.sum()) < 1
    torch.testing.assert_close(scores, eager_scores(tiny_pair, inputs), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("rows", [0, 1, 3, 7])
def test_chunks_change_nothing(tiny_pair: TinyPair, rows: int) -> None:
    inputs = prepared(tiny_pair)
    largest = rows * tiny.TARGET.heads * inputs.length
    torch.testing.assert_close(own_scores(tiny_pair, inputs, largest), own_scores(tiny_pair, inputs))


def test_one_query_is_enough(tiny_pair: TinyPair) -> None:
    inputs = without_text_behind(prepared(tiny_pair), 2)
    expected = eager_scores(tiny_pair, inputs)
    torch.testing.assert_close(own_scores(tiny_pair, inputs), expected, atol=1e-6, rtol=1e-4)


def test_without_trailing_queries_every_score_is_zero(tiny_pair: TinyPair) -> None:
    inputs = without_text_behind(prepared(tiny_pair), 1)
    assert own_scores(tiny_pair, inputs).tolist() == [0.0] * inputs.video_tokens


def test_looking_on_changes_nothing(tiny_pair: TinyPair) -> None:
    inputs, target = prepared(tiny_pair), tiny_pair.pair.target
    last = torch.tensor([target.prefill(inputs)])
    unseen = target.extend(last).logits
    own_scores(tiny_pair, inputs)
    assert torch.equal(target.extend(last).logits, unseen)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("new", [1, 5])
def test_every_query_gives_one_unit_of_attention_and_none_to_what_follows(dtype: torch.dtype, new: int) -> None:
    torch.manual_seed(0)
    query, keys = torch.randn(4, new, 8, dtype=dtype), torch.randn(2, 12, 8, dtype=dtype)
    mass = attention_mass(query, keys, 0.5)
    weights = (query.float() @ keys.float().repeat_interleave(2, dim=0).transpose(1, 2)) * 0.5
    hidden = torch.ones(new, 12).triu(12 - new + 1).bool()
    expected = weights.masked_fill(hidden, float("-inf")).softmax(-1).sum((0, 1))
    assert mass.dtype == torch.float32
    torch.testing.assert_close(mass, expected, **({"atol": 0.2, "rtol": 0.1} if dtype != torch.float32 else {}))
    assert float(mass.sum()) == pytest.approx(4 * new, rel=1e-4)
