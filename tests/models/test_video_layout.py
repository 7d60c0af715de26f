"""Where the layout says that a video token lies, there is what it sees."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.prompt import VideoLayout
from tests.models import tiny
from tests.models.conftest import TinyPair

# family -> frames that its processor takes as they are, and how their tokens lie
CASES = {
    "qwen2_5_vl": ((5, 56, 84), VideoLayout(3, 4, 6, 2)),
    "qwen3_vl": ((4, 42, 70), VideoLayout(2, 3, 5, 2)),
    "llava_onevision": ((3, 42, 42), VideoLayout(3, 3, 3, 1)),
    "smolvlm": ((4, 28, 28), VideoLayout(4, 2, 2, 1)),
}


def prepared(model: VideoLanguageModel, frames: np.ndarray[Any, Any]) -> Any:
    return model.prepare(frames, tiny.even_times(len(frames)), "What moves?")


@pytest.fixture
def short_sighted(tiny_pair: TinyPair) -> VideoLanguageModel:
    """The target with a vision tower in which no patch attends to another, so that a token sees its own place alone."""
    model = copy.deepcopy(tiny_pair.reference)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "vision" in name or "visual" in name:
                blind = "attn.proj." in name or "self_attn.out_proj." in name
                parameter.mul_(0.0 if blind else 1.0)
    target = tiny_pair.pair.target
    return type(target)(model, target.processor, target.vocabulary_size, target.frame_size)


def test_the_layout_is_that_of_the_video_tokens(tiny_pair: TinyPair) -> None:
    (count, height, width), layout = CASES[tiny_pair.family]
    inputs = prepared(tiny_pair.pair.target, tiny.video(count, height, width))
    assert tiny_pair.pair.target.video_layout(inputs) == layout
    assert inputs.video_tokens - layout.places == (tiny_pair.family == "llava_onevision")


def test_a_single_frame_is_one_step(tiny_pair: TinyPair) -> None:
    (_, height, width), layout = CASES[tiny_pair.family]
    inputs = prepared(tiny_pair.pair.target, tiny.video(1, height, width))
    found = tiny_pair.pair.target.video_layout(inputs)
    assert (found.steps, found.rows, found.columns) == (1, layout.rows, layout.columns)


@torch.inference_mode()
def test_a_spot_that_changes_changes_the_token_of_its_place(short_sighted: VideoLanguageModel) -> None:
    family = short_sighted.model.config.model_type
    (count, height, width), layout = CASES[family]
    frames = tiny.video(count, height, width)
    before = short_sighted._encode_video(prepared(short_sighted, frames)).tokens
    spots = [(0, row, column) for row in range(layout.rows) for column in range(layout.columns)]
    spots += [(frame, layout.rows - 1, 1) for frame in range(1, count)]
    for frame, row, column in spots:
        y, x = (2 * row + 1) * height // (2 * layout.rows), (2 * column + 1) * width // (2 * layout.columns)
        changed = frames.copy()
        changed[frame, y - 3 : y + 3, x - 3 : x + 3] ^= 0xFF
        after = short_sighted._encode_video(prepared(short_sighted, changed)).tokens
        moved = (after - before).abs().amax(-1).nonzero()[:, 0].tolist()
        assert moved == [(frame // layout.frames_per_step * layout.rows + row) * layout.columns + column]
