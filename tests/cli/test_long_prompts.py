"""Prompts that are longer than the models know positions for: refused video by video, and nothing cut in silence."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from lvspec_cli import Captioner
from lvspec_cli.decoding.engine import decode
from lvspec_cli.errors import PromptTooLong
from tests.models.tiny import TARGET

POSITIONS = 4096  # of both tiny models
LONG = "x" * POSITIONS  # their tokenizer has a token for each byte


@pytest.fixture
def captioner(tiny_preset, loads):
    with Captioner.from_preset(tiny_preset) as captioner:
        yield captioner


@pytest.fixture
def asked(monkeypatch):
    """The options with which captions are decoded."""
    options = []
    monkeypatch.setattr(
        "lvspec_cli.session.decode",
        lambda target, draft, given, *rest: options.append(given) or decode(target, draft, given, *rest),
    )
    return options


@pytest.fixture
def taken(captioner, clip):
    """Positions that the prompt "x" takes with the clip."""
    return captioner.forecast(clip, prompt="x", end=0.5).footprint.contexts[0].taken


def test_a_prompt_that_is_too_long_is_refused_in_one_sentence(caption, clip, tmp_path):
    outcome = caption(clip, "--prompt", LONG, "--format", "json", "-o", tmp_path / "r.json")
    assert outcome.code == 1
    assert outcome.err.count("lvspec: error: ") == 1
    assert "Traceback" not in outcome.err
    error = json.loads((tmp_path / "r.json").read_text())["error"]
    assert error["type"] == "prompt_too_long"
    assert f"knows {POSITIONS}: ask in fewer words" in error["message"]
    assert error["message"] in outcome.err


def test_a_question_that_is_too_long_is_refused(captioner, clip):
    with pytest.raises(PromptTooLong, match="ask in fewer words"):
        captioner.ask(clip, LONG)
    assert captioner.ask(clip, "Why?").text


def test_a_video_of_too_many_positions_fails_alone(caption, clip, tmp_path):
    folder = tmp_path / "slow"  # a picture every hour, and two positions a second
    folder.mkdir()
    for index in range(3):
        Image.new("RGB", (56, 56), (80 * index, 0, 0)).save(folder / f"{index}.png")
    slow = caption("slow", clip, "--source-fps", str(1 / 3600), "--format", "jsonl")
    assert slow.code == 1
    failed, fine = map(json.loads, slow.out.splitlines())
    assert failed["error"]["type"] == "prompt_too_long"
    assert "or a shorter part of the video (--start, --end, --segment)" in failed["error"]["message"]
    assert fine["error"] is None
    told = json.loads(caption("slow", "--source-fps", str(1 / 3600), "--format", "json", "--dry-run").out)
    assert told["fits"] is False
    assert "shorter part of the video" in told["too_long"]


def test_an_answer_ends_where_the_positions_do(captioner, clip, asked, taken):
    captioner.caption(clip, prompt="x" * (POSITIONS - taken - 99), end=0.5, max_tokens=300)
    captioner.caption(clip, prompt="x", end=0.5, max_tokens=300)
    assert [options.max_tokens for options in asked] == [100, 300]


def test_the_longest_prompt_that_leaves_room_for_an_answer_is_taken(captioner, clip, asked, taken):
    captioner.caption(clip, prompt="x" * (POSITIONS - taken + 1 - 64), end=0.5, max_tokens=300)
    with pytest.raises(PromptTooLong):
        captioner.caption(clip, prompt="x" * (POSITIONS - taken + 2 - 64), end=0.5, max_tokens=300)
    captioner.caption(clip, prompt="x" * (POSITIONS - taken + 1 - 12), end=0.5, max_tokens=12)
    assert [options.max_tokens for options in asked] == [64, 12]


def test_the_model_with_fewer_positions_decides_if_it_is_used(captioner, clip, monkeypatch):
    from lvspec_cli.models import context

    monkeypatch.setattr(
        context, "known_positions", lambda text: POSITIONS if text.num_hidden_layers == TARGET.layers else 30
    )
    with pytest.raises(PromptTooLong, match=r"but the draft .* knows 30"):
        captioner.caption(clip)
    assert captioner.caption(clip, method="ar").text
