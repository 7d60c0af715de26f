"""Compiled passes say what the layers say, whatever was in the cache before and wherever it ends."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.errors import ModelError, PresetError
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.compiled_stack import CAPACITY_STEP, CompiledTextStack, compiled_stack
from lvspec_cli.models.pair import check_pair
from lvspec_cli.models.text_stack import ModuleTextStack
from lvspec_cli.preset import load_preset
from tests.models import tiny
from tests.models.conftest import TinyPair

FAMILIES = ("qwen2_5_vl", "qwen3_vl")  # without and with norms of the heads; compiling takes a while
ANSWER = torch.tensor([65, 3, 77, 12])


@pytest.fixture(scope="module", params=FAMILIES)
def both(request: pytest.FixtureRequest, pairs: dict[str, TinyPair]) -> tuple[VideoLanguageModel, VideoLanguageModel]:
    """A target whose passes over one and four tokens are compiled, and the same as it is."""
    target = pairs[request.param].pair.target
    model = copy.deepcopy(pairs[request.param].reference)
    return type(target)(model, target.processor, target.vocabulary_size, target.frame_size, (1, 4)), target


def prepared(model: VideoLanguageModel, count: int = 4) -> Any:
    return model.prepare(tiny.video(count), tiny.even_times(count), "What moves?")


def test_compiled_passes_equal_the_layers(both: tuple[VideoLanguageModel, VideoLanguageModel]) -> None:
    logits = []
    for model in both:
        inputs = prepared(model)
        model.prefill(inputs)
        start = model.length
        model.extend(ANSWER + 1)  # to be forgotten
        model.rollback(start)
        passes = (inputs.token_ids[-1:], ANSWER, ANSWER[:3], ANSWER[:1], ANSWER)  # three tokens are not compiled
        logits.append(torch.cat([model.extend(tokens).logits for tokens in passes]))
    torch.testing.assert_close(logits[0], logits[1], atol=2e-4, rtol=1e-4)


def test_nothing_is_compiled_anew_for_a_longer_prompt(both: tuple[VideoLanguageModel, VideoLanguageModel]) -> None:
    compiled, _ = both
    for count in (2, 8):
        inputs = prepared(compiled, count)
        compiled.prefill(inputs)
        assert compiled.cache.capacity == 2 * CAPACITY_STEP
        with torch.compiler.set_stance("default" if count == 2 else "fail_on_recompile"):
            compiled.extend(inputs.token_ids[-1:])
            compiled.extend(ANSWER)


def test_a_cache_that_is_full_grows(both: tuple[VideoLanguageModel, VideoLanguageModel]) -> None:
    compiled, plain = both
    logits = []
    for model in (compiled, plain):
        inputs = prepared(model)
        model.prefill(inputs, reserve=0)
        room = CAPACITY_STEP - model.length - 2
        model.extend(torch.arange(room) % 200)
        logits.append(model.extend(ANSWER).logits)
    torch.testing.assert_close(logits[0], logits[1], atol=2e-4, rtol=1e-4)


def test_caches_of_any_number_of_sizes_are_compiled_for(pairs: dict[str, TinyPair]) -> None:
    target = pairs["qwen2_5_vl"].pair.target
    model = copy.deepcopy(pairs["qwen2_5_vl"].reference)
    with torch._dynamo.config.patch(recompile_limit=1):  # past it, PyTorch would raise
        compiled = type(target)(model, target.processor, target.vocabulary_size, target.frame_size, (1,))
        inputs = prepared(compiled)
        for reserve in (0, CAPACITY_STEP):
            compiled.prefill(inputs, reserve=reserve)
            compiled.extend(inputs.token_ids[-1:])


def test_layers_that_are_not_plain_are_not_compiled(pairs: dict[str, TinyPair]) -> None:
    model = copy.deepcopy(pairs["qwen2_5_vl"].reference.model.language_model)
    with pytest.raises(ModelError, match="set compile to false"):
        compiled_stack(ModuleTextStack(model), (1,))


def test_a_preset_asks_for_it(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    from lvspec_cli.models.pair import load_pair

    folder = checkpoints["qwen2_5_vl"]
    path = tiny.write_preset(tmp_path / "p.yaml", folder / "target", folder / "draft", compile="true")
    pair = load_pair(load_preset(path))
    assert pair.draft is not None
    assert all(isinstance(model._stack, CompiledTextStack) for model in (pair.target, pair.draft))
    assert pair.target._stack.lengths == {1, 6}  # a preset drafts five tokens if it says nothing
    asked = load_pair(load_preset(path), with_draft=False, options=DecodingOptions(draft_tokens=3))
    assert asked.target._stack.lengths == {1, 4}
    path.write_text(path.read_text().replace("device: cpu}", "device: cpu, quantization: nf4}"))
    with pytest.raises(PresetError, match="compile goes with weights that are whole"):
        check_pair(load_preset(path))
