"""Where the target looks is what transformers' own attention and states say, and asking changes nothing."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch

from lvspec_cli.decoding.cache import KVCache
from lvspec_cli.decoding.evidence import read_groundings
from lvspec_cli.decoding.looseness import Looseness, WatchedLayers
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.attention import attend_in_parts_watching, attend_watching, causal_mask
from lvspec_cli.models.grounding import Glance, GroundingProbe, GroundingSource, NotedLayer, attention_rows
from lvspec_cli.models.text_stack import ModuleTextStack
from tests.models.conftest import TinyPair
from tests.models.test_watch import ANSWER, eager, prepared

ATTENTION = GroundingSource("attention", (0, 2))
COSINE = GroundingSource("cosine")


def extension(
    model: VideoLanguageModel, source: GroundingSource | None, watched: WatchedLayers | None = None
) -> tuple[Any, Any]:
    """The prompt, and a pass over an answer behind it, with what all of its positions look at."""
    inputs = prepared(model)
    model.watch(watched, source)
    model.prefill(inputs)
    seen = model.extend(torch.cat((inputs.token_ids[-1:], ANSWER)))
    if seen.grounding is not None:
        seen = replace(seen, grounding=seen.grounding(range(len(ANSWER) + 1))())
    model.watch(None)
    return inputs, seen


@pytest.fixture(params=[False, True], ids=["fused", "modules"])
def target(tiny_pair: TinyPair, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Each family's target, over either text stack."""
    model = tiny_pair.pair.target
    if request.param:
        monkeypatch.setattr(model, "_stack", ModuleTextStack(model._text_model))
    return model


def test_the_attention_is_that_of_the_plain_model(tiny_pair: TinyPair, target: VideoLanguageModel) -> None:
    inputs, seen = extension(target, ATTENTION)
    attention, _ = eager(tiny_pair, inputs, 0)
    rows, layout = slice(inputs.length - 1, None), target.video_layout(inputs)
    expected = attention[list(ATTENTION.layers)][:, :, rows, : inputs.length][..., inputs.video_mask].mean((0, 1))
    assert layout is not None
    torch.testing.assert_close(seen.grounding.weights, expected, atol=1e-4, rtol=1e-3)
    assert (seen.grounding.places, seen.grounding.steps) == (layout.places, layout.steps)
    by_step = expected[:, : layout.places].view(-1, layout.steps, layout.rows * layout.columns).sum(-1)
    for row, read in enumerate(read_groundings([seen.grounding])):
        assert read.share == pytest.approx(expected[row].sum().item(), rel=1e-3)
        assert len(read.levels) == layout.places
        assert read.steps == pytest.approx((by_step[row] / expected[row].sum()).tolist(), rel=1e-3)


def test_the_cosines_are_those_that_are_watched(target: VideoLanguageModel) -> None:
    _, seen = extension(target, COSINE, WatchedLayers((), 1, nearest=1))
    for read, cosine in zip(read_groundings([seen.grounding]), seen.video_cosine.tolist(), strict=True):
        assert read.share == pytest.approx(cosine)
        assert read.largest <= read.share
        assert read.steps is None


@pytest.mark.parametrize(
    ("source", "watched"),
    [(ATTENTION, None), (ATTENTION, WatchedLayers((0, 1), 1)), (COSINE, WatchedLayers((0, 1), 1))],
)
def test_asking_changes_no_bit_of_the_pass(
    target: VideoLanguageModel, source: GroundingSource, watched: WatchedLayers | None
) -> None:
    _, plain = extension(target, None, watched)
    _, asked = extension(target, source, watched)
    assert plain.grounding is None
    assert torch.equal(plain.logits, asked.logits)
    for one, other in ((plain.video_attention, asked.video_attention), (plain.video_cosine, asked.video_cosine)):
        assert (one is None and other is None) or torch.equal(one, other)


@pytest.mark.parametrize("source", [ATTENTION, COSINE])
def test_some_positions_are_told_as_all_are(target: VideoLanguageModel, source: GroundingSource) -> None:
    inputs = prepared(target)
    target.watch(WatchedLayers((), 1), source)
    target.prefill(inputs)
    target.extend(ANSWER)  # of an earlier pass nothing may be left
    target.rollback(inputs.length - 1)
    look = target.extend(torch.cat((inputs.token_ids[-1:], ANSWER))).grounding
    target.watch(None)
    assert look is not None
    every, some = look(range(5))(), look([1, 4])()
    torch.testing.assert_close(some.weights, every.weights[[1, 4]])


def decoded(target: VideoLanguageModel, at_once: bool, left: str = "") -> list[torch.Tensor]:
    """What rows of several passes look at, told at once or at the end; what is rejected of a pass is taken back.

    ``left``: told when the model has begun with something else, watched anew or as before.
    """
    inputs = prepared(target)
    target.watch(None, ATTENTION)
    target.prefill(inputs)
    fed, looks = inputs.token_ids[-1:], []
    for kept, rows in ((3, [0, 2]), (1, [0]), (5, [1, 3, 4]), (2, [1])):
        length = target.length
        seen = target.extend(torch.cat((fed, ANSWER))).grounding
        assert seen is not None
        looks.append(seen(rows))
        if at_once:
            looks[-1]()
        target.rollback(length + kept)
        fed = ANSWER[kept % len(ANSWER)][None]
    if left:
        if left == "watched anew":
            target.watch(None, ATTENTION)
        target.prefill(inputs)
        target.extend(torch.cat((ANSWER, ANSWER.flip(0))))
    target.watch(None)
    return [look().weights for look in looks]


@pytest.mark.parametrize("most_scores", [1, 1000, 1 << 23])
def test_rows_of_several_passes_are_told_together_as_at_once(
    target: VideoLanguageModel, most_scores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = decoded(target, at_once=True)
    monkeypatch.setattr("lvspec_cli.models.grounding.MOST_SCORES", most_scores)
    for together, alone in zip(decoded(target, at_once=False), expected, strict=True):
        torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("left", ["watched anew", "watched as before"])
def test_a_decode_that_was_left_is_told_as_it_was(target: VideoLanguageModel, left: str) -> None:
    expected = decoded(target, at_once=True)
    for late, alone in zip(decoded(target, at_once=False, left=left), expected, strict=True):
        torch.testing.assert_close(late, alone, atol=1e-6, rtol=1e-4)


def probed(seed: int, at_once: bool) -> list[torch.Tensor]:
    """Made-up passes of any length over a cache that grows; of some the weights are at hand."""
    chance, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    made = partial(torch.randn, generator=generator)
    cache, probe = KVCache(2, 20), GroundingProbe(GroundingSource("attention", (0, 1)))
    for layer in range(2):
        cache.update(made(1, 2, 15, 8), made(1, 2, 15, 8), layer)
    cache.advance(15)
    video = (torch.arange(16) > 2) & (torch.arange(16) < 9) & (torch.arange(16) != (5 if seed % 2 else 0))
    probe.show_video(video, 5, 0)
    looks = []
    for _ in range(6):
        new, at_hand = chance.randint(1, 6), chance.random() < 0.4
        probe.begin()
        for layer in range(2):
            query, (keys, values) = made(1, 4, new, 8), cache.update(made(1, 2, new, 8), made(1, 2, new, 8), layer)
            mask = causal_mask(new, keys.shape[2], 2, query.dtype, query.device)
            weights = attend_watching(query, keys, values, mask, 0.35, torch.ones(3))[2] if at_hand else None
            probe.note(NotedLayer(query, keys, 0.35, weights))
        kept = chance.randint(1, new)
        cache.advance(new)
        cache.rollback(cache.length - new + kept)
        looks.append(probe.attention(sorted(chance.sample(range(kept), chance.randint(1, kept)))))
        if at_once:
            looks[-1]()
    return [look().weights for look in looks]


@pytest.mark.parametrize("limits", [(1, 1 << 24), (300, 1), (1 << 23, 1 << 24)])
def test_passes_of_any_length_are_told_together_as_at_once(
    limits: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(20):
        expected = probed(seed, at_once=True)
        with monkeypatch.context() as changed:
            changed.setattr("lvspec_cli.models.grounding.MOST_SCORES", limits[0])
            changed.setattr("lvspec_cli.models.grounding.MOST_BYTES", limits[1])
            together = probed(seed, at_once=False)
        for one, other in zip(together, expected, strict=True):
            torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


def test_a_long_cache_gives_the_shares_that_watching_it_in_parts_does() -> None:
    torch.manual_seed(0)
    query, keys = torch.randn(1, 4, 1, 16), torch.randn(1, 2, 103, 16)
    watched = (torch.arange(80) % 3 == 0).float()
    packed = query.reshape(1, 2, 2, 16)
    _, shares = attend_in_parts_watching(packed, keys, torch.randn(1, 2, 103, 16), None, 0.3, watched)
    rows = attention_rows([Glance([NotedLayer(query, keys, 0.3)], [0])], lambda weights: weights)
    torch.testing.assert_close(rows.sum(-1), torch.ones(1))
    torch.testing.assert_close((rows[0, :80] * watched).sum(), shares.mean())


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_a_compiled_pass_stays_compiled_and_the_same(
    pairs: dict[str, TinyPair], family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = pairs[family].pair.target
    model = copy.deepcopy(pairs[family].reference)
    compiled = type(target)(model, target.processor, target.vocabulary_size, target.frame_size, (1, len(ANSWER) + 1))
    _, plain = extension(compiled, None)
    monkeypatch.setattr(compiled._stack._fused, "run", lambda *_: pytest.fail("the pass was not compiled"))
    _, asked = extension(compiled, ATTENTION)
    assert torch.equal(plain.logits, asked.logits)
    _, expected = extension(target, ATTENTION)
    torch.testing.assert_close(asked.grounding.weights, expected.grounding.weights, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(
    ("options", "source"),
    [
        (DecodingOptions("strict"), GroundingSource("attention", (1, 2))),
        (DecodingOptions("ar"), GroundingSource("attention", (1, 2))),
        (DecodingOptions("lvspec", looseness=Looseness(attention_layers=(2, 0))), ATTENTION),
        (DecodingOptions("lvspec", looseness=Looseness(relevance="cosine")), COSINE),
    ],
)
def test_a_trace_shows_what_is_watched_or_upper_layers(
    pairs: dict[str, TinyPair], options: DecodingOptions, source: GroundingSource
) -> None:
    pair = pairs["smolvlm"].pair
    pair.ready_for(replace(options, trace=True))
    assert pair.target.grounding == source
    pair.ready_for(options)
    assert pair.target.grounding is None
    pair.target.watch(None)
