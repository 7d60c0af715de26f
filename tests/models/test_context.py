"""A prompt takes positions, as many as its family gives it; what a model does not know is refused, nothing else."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from lvspec_cli.errors import PromptTooLong
from lvspec_cli.models.context import LEAST_ANSWER, ContextUse, known_positions, room_for_answer
from lvspec_cli.models.footprint import estimate_pair
from lvspec_cli.models.published import published_config
from lvspec_cli.preset import PromptSpec, PruningSpec, load_preset
from tests.models import tiny
from tests.models.conftest import TinyPair

USE = ContextUse("target", "a/b", known=1000, taken=800, tokens=800, video_tokens=700)


@pytest.mark.parametrize(("count", "height", "width", "spacing"), [(1, 40, 56, 1), (5, 64, 33, 0.5), (8, 30, 112, 1.2)])
def test_what_is_foretold_of_positions_comes_true(
    tiny_pair: TinyPair, count: int, height: int, width: int, spacing: float
) -> None:
    pair = tiny_pair.pair
    times = tiny.even_times(count, spacing)
    asked = replace(load_preset(tiny_pair.preset), prompts=PromptSpec("What moves?"))
    foretold = estimate_pair(asked, count, (height, width), seconds=count * spacing).contexts
    for told, use in zip(
        foretold,
        pair.context_uses(*pair.prepare(tiny.video(count, height, width), times, "What moves?")),
        strict=True,
    ):
        assert (told.role, told.model, told.known) == (use.role, use.model, use.known)
        assert told.video_tokens == use.video_tokens
        # SmolVLM2 writes the number of frames in words, and a video is longer than from its first to its last frame.
        slack = {"smolvlm": 20, "qwen2_5_vl": int(4 * spacing) + 2}.get(tiny_pair.family, 0)
        assert 0 <= told.taken - use.taken <= slack


def test_positions_are_those_that_the_model_is_given(tiny_pair: TinyPair) -> None:
    prompt, _ = tiny_pair.pair.prepare(tiny.video(6), tiny.even_times(6), "What moves?")
    use = tiny_pair.pair.context_uses(prompt, None)[0]
    assert use.tokens == prompt.length
    if tiny_pair.family in tiny.ONE_FRAME_SIZE:
        assert use.taken == prompt.length
    else:
        assert use.taken < prompt.length  # tokens of a frame share positions


def test_pruning_saves_no_positions(tiny_pair: TinyPair) -> None:
    preset = load_preset(tiny_pair.preset)
    whole = estimate_pair(preset, 8, (56, 56)).contexts
    assert estimate_pair(replace(preset, draft_video=PruningSpec("uniform", 0.1)), 8, (56, 56)).contexts == whole


def test_quoted_tokens_count_as_memory_and_as_positions(tiny_pair: TinyPair) -> None:
    preset = load_preset(tiny_pair.preset)
    plain, quoting = estimate_pair(preset, 4), estimate_pair(preset, 4, quoted_tokens=100)
    assert quoting.prompt_tokens == plain.prompt_tokens + 100
    assert quoting.target.cache_bytes > plain.target.cache_bytes
    assert [use.taken - 100 for use in quoting.contexts] == [use.taken for use in plain.contexts]


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("Qwen/Qwen2.5-VL-7B-Instruct", 128_000),
        ("llava-hf/llava-onevision-qwen2-7b-ov-hf", 32_768),
        ("Qwen/Qwen3-VL-8B-Instruct", 262_144),
        ("HuggingFaceTB/SmolVLM2-2.2B-Instruct", 8192),
    ],
)
def test_the_limit_is_the_language_models(model: str, known: int) -> None:
    assert known_positions(published_config(model).get_text_config()) == known


@pytest.mark.parametrize(
    ("rope", "known"),
    [
        ({"rope_type": "default"}, 1000),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1000}, 4000),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 250}, 1000),
        ({"rope_type": "linear", "factor": 2.0, "original_max_position_embeddings": None}, 2000),
        ({"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 500}, 1000),
        (None, 1000),
    ],
)
def test_positions_that_are_stretched_reach_farther(rope: dict[str, Any] | None, known: int) -> None:
    assert known_positions(SimpleNamespace(max_position_embeddings=1000, rope_parameters=rope)) == known


def test_an_answer_is_as_long_as_is_asked_for_where_there_is_room() -> None:
    assert room_for_answer((USE,), 200) == 200


def test_an_answer_ends_with_the_positions_of_the_model_that_has_fewest() -> None:
    assert room_for_answer((USE, replace(USE, role="draft", known=900)), 200) == 100


def test_a_prompt_that_leaves_no_room_for_an_answer_of_some_use_is_refused() -> None:
    assert room_for_answer((replace(USE, taken=1000 - LEAST_ANSWER),), 200) == LEAST_ANSWER
    with pytest.raises(PromptTooLong):
        room_for_answer((replace(USE, taken=1001 - LEAST_ANSWER),), 200)
    assert room_for_answer((replace(USE, taken=995),), 5) == 5  # no more is asked for


@pytest.mark.parametrize(
    ("use", "quotes", "says"),
    [
        (
            USE,
            False,
            "the prompt has 800 tokens, 700 of them the video's, and with an answer of 64 more it takes 864 positions, "
            "but the target a/b knows 1000: take fewer frames (--frames, --max-frames) or a shorter part of the video "
            "(--start, --end, --segment)",
        ),
        (replace(USE, video_tokens=300), False, "ask in fewer words"),
        (replace(USE, taken=140, video_tokens=730), False, "take fewer frames"),
        (
            replace(USE, video_tokens=100),
            True,
            "take longer segments (--segment), shorter captions (--max-tokens) or fewer frames (--frames, "
            "--max-frames)",
        ),
    ],
)
def test_the_complaint_says_what_would_help(use: ContextUse, quotes: bool, says: str) -> None:
    complaint = use.complaint(200, quotes=quotes)
    assert says in complaint
    assert ("of the summary" in complaint) is quotes
