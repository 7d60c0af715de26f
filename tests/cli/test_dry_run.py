"""`--dry-run` tells frames, tokens and memory of every video, and loads nothing."""

from __future__ import annotations

import json
import shutil

import pytest

from lvspec_cli.models import room
from lvspec_cli.models.room import GIB
from tests.video.sound import with_sound

PUBLISHED = """\
schema: lvspec.preset/1
target: {model: Qwen/Qwen2.5-VL-32B-Instruct, quantization: nf4}
draft: {model: Qwen/Qwen2.5-VL-7B-Instruct, quantization: nf4}
frames: {count: 16, max_pixels: 200704}
draft_video: {pruning: uniform, keep: 0.1}
"""


@pytest.fixture
def published(tmp_path):
    """A preset whose weights are not on this machine."""
    path = tmp_path / "published.yaml"
    path.write_text(PUBLISHED)
    return path


def foretold(outcome):
    assert outcome.code == 0
    return json.loads(outcome.out)


def test_one_line_tells_all_and_nothing_is_loaded(caption, clip, loads):
    outcome = caption(clip, "--dry-run")
    assert outcome.code == 0
    assert outcome.out.count("\n") == 1
    assert outcome.out.startswith("4 frames of 56x56, 32 video tokens (32 to the draft), ")
    assert " prompt tokens; target " in outcome.out
    assert "GiB of cpu: fits" in outcome.out
    assert loads == []


def test_pictures_that_begin_after_the_sound_are_foretold_from_there(caption, clip, tmp_path):
    late = with_sound(clip, tmp_path / "late.mp4", pictures_after_s=3, seconds=5)
    options = (late, "--fps", "2", "--format", "json")
    for span in ((), ("--start", "1", "--end", "4"), ("--segment", "1")):
        told = foretold(caption(*options, *span, "--dry-run"))
        segments = json.loads(caption(*options, *span).out)["segments"]
        assert told["frames"] == max(len(segment["frame_times_s"]) for segment in segments)
    assert caption(*options, "--end", "2", "--dry-run").code == caption(*options, "--end", "2").code == 1


def test_what_is_foretold_comes_true(caption, clip):
    record = foretold(caption(clip, "--dry-run", "--format", "json"))
    stats = json.loads(caption(clip, "--format", "json").out)["stats"]
    assert record["schema"] == "lvspec.dry_run/1"
    assert (record["path"], record["preset"], record["frames"]) == (str(clip), "tiny", 4)
    assert record["video_tokens"] == stats["video_tokens"]
    assert record["draft_video_tokens"] == stats["draft_video_tokens"]
    assert record["fits"] is True
    assert record["error"] is None
    for model in (record["target"], record["draft"]):
        parts = model["weights_gib"], model["cache_gib"], model["activations_gib"]
        assert 0 < model["total_gib"] == pytest.approx(sum(parts))
    (device,) = record["devices"]
    assert device["device"] == "cpu"
    assert 0 < device["needed_gib"] < device["free_gib"]


def test_settings_count(caption, clip):
    plain = foretold(caption(clip, "--dry-run", "--format", "json"))
    more = foretold(caption(clip, "--dry-run", "--format", "json", "--frames", "8", "--max-tokens", "900"))
    pruned = foretold(caption(clip, "--dry-run", "--format", "json", "--method", "specvlm"))
    alone = foretold(caption(clip, "--dry-run", "--format", "json", "--method", "ar"))
    half = foretold(caption(clip, "--dry-run", "--format", "json", "--dtype", "bfloat16"))
    longer = foretold(caption(clip, "--dry-run", "--format", "json", "--prompt", "Describe it, please."))
    assert (more["frames"], more["video_tokens"]) == (8, 2 * plain["video_tokens"])
    assert more["target"]["cache_gib"] > 4 * plain["target"]["cache_gib"]
    assert pruned["draft_video_tokens"] == plain["draft_video_tokens"] // 10
    assert (alone["draft"], alone["draft_video_tokens"]) == (None, None)
    assert alone["devices"][0]["needed_gib"] == pytest.approx(alone["target"]["total_gib"])
    assert half["target"]["weights_gib"] == pytest.approx(plain["target"]["weights_gib"] / 2, rel=0.01)
    assert longer["prompt_tokens"] == plain["prompt_tokens"] + len(", please")


@pytest.mark.parametrize(
    ("options", "frames"),
    [
        (("--frames", "12"), 12),
        (("--frames", "400"), 16),  # there are no more
        (("--fps", "4"), 8),
        (("--fps", "4", "--start", "1"), 4),
        (("--fps", "4", "--max-frames", "5"), 5),
    ],
)
def test_frames_are_those_that_would_be_shown(caption, clip, options, frames):
    assert foretold(caption(clip, "--dry-run", "--format", "json", *options))["frames"] == frames
    record = json.loads(caption(clip, "--format", "json", *options).out)
    assert len(record["frame_times_s"]) == frames


def test_a_still_image_is_one_frame(caption, tmp_path):
    from PIL import Image

    Image.new("RGB", (56, 56)).save(tmp_path / "still.png")
    assert foretold(caption("still.png", "--dry-run", "--format", "json"))["frames"] == 1


def test_a_pair_that_is_not_here_is_foretold(lvspec, clip, published, monkeypatch):
    monkeypatch.setattr("lvspec_cli.forecast.free_bytes", lambda device: 24 * GIB)
    record = foretold(lvspec("caption", clip, "--preset", published, "--dry-run", "--format", "json"))
    assert record["frames"] == 16
    assert record["draft_video_tokens"] == record["video_tokens"] // 10
    # 4-bit layers of 31.2 billion weights, and two bytes for the other 2.2 billion: 20.6e9 bytes.
    assert record["target"]["weights_gib"] == pytest.approx(20.6e9 / GIB, rel=0.01)
    assert record["fits"] is False  # with the draft's 6.9e9 bytes
    text = lvspec("caption", clip, "--preset", published, "--dry-run")
    assert (text.code, text.out.endswith("does not fit\n")) == (0, True)


@pytest.mark.parametrize(
    ("options", "segments", "frames"),
    [
        (("--segment", "0.5"), 4, 4),
        (("--segment", "1", "--fps", "6"), 2, 6),
        (("--segment", "1", "--overlap", "0.5", "--end", "1.5"), 2, 4),
        (("--segment", "scenes"), None, 4),
        (("--segment", "1", "--fps", "6", "--summary"), 2, 12),
        ((), None, 4),
    ],
)
def test_of_a_video_in_segments_the_largest_one_counts(caption, clip, options, segments, frames):
    record = foretold(caption(clip, "--dry-run", "--format", "json", *options))
    assert (record["segments"], record["frames"]) == (segments, frames)


def test_the_line_of_a_video_in_segments_tells_how_many(caption, clip):
    assert caption(clip, "--dry-run", "--segment", "1").out.startswith("2 segments, each of at most 4 frames of 56x56")


def test_a_summary_counts_with_all_that_it_may_quote(caption, clip):
    def prompt_tokens(*options):
        fixed = ("--dry-run", "--format", "json", "--max-tokens", "20", "--prompt", "Join: ")
        outcome = caption(clip, *fixed, *options)
        return foretold(outcome)["prompt_tokens"]

    summary = ("--summary", "--summary-prompt", "Join: {segments}")
    line = len("0.0 s to 1.0 s: ") + 20  # the tiny tokenizer has a token for each byte
    alone = prompt_tokens()
    assert prompt_tokens("--segment", "1", *summary) == alone + 2 * line + 1
    assert prompt_tokens("--segment", "0.5", *summary) == alone + 4 * line + 3
    assert prompt_tokens("--segment", "1", "--summary", "--summary-prompt", "Join: ") == alone
    assert prompt_tokens("--segment", "scenes", *summary) == alone  # there is no telling how many


def test_a_question_is_asked_of_the_whole_and_quotes_nothing(ask, clip):
    whole = foretold(ask(clip, "Why?", "--dry-run", "--format", "json"))
    parts = foretold(ask(clip, "Why?", "--dry-run", "--format", "json", "--segment", "1", "--summary"))
    assert parts["prompt_tokens"] == whole["prompt_tokens"]


def test_a_prompt_that_is_too_long_for_the_models_is_told(caption, clip):
    options = ("--dry-run", "--prompt", "Say more. " * 420)
    record = foretold(caption(clip, *options, "--format", "json"))
    assert record["fits"] is False
    assert record["devices"][0]["fits"] is True
    assert record["too_long"].endswith("knows 4096: ask in fewer words")
    assert caption(clip, *options).out.endswith(f"fits; {record['too_long']}\n")
    assert foretold(caption(clip, "--dry-run", "--format", "json"))["too_long"] is None


def test_a_summary_that_may_become_too_long_is_told(caption, clip):
    options = ("--segment", "0.5", "--summary", "--max-tokens", "950")
    record = foretold(caption(clip, "--dry-run", "--format", "json", *options))
    assert record["too_long"].startswith("if every caption has its 950 tokens, the prompt of the summary has ")


def test_a_question_counts(ask, clip):
    short, long = (
        foretold(ask(clip, question, "--dry-run", "--format", "json"))["prompt_tokens"]
        for question in ("Why?", "Why??")
    )
    assert long == short + 1


@pytest.mark.parametrize(
    ("name", "parse"), [("json", json.loads), ("jsonl", lambda out: [*map(json.loads, out.splitlines())])]
)
def test_a_video_that_cannot_be_read_fails_alone(caption, clip, name, parse):
    outcome = caption("gone.mp4", clip, "--dry-run", "--format", name)
    assert outcome.code == 1
    failed, fine = parse(outcome.out)
    assert failed["error"]["type"] == "not_found"
    assert failed.keys() == fine.keys()
    assert fine["video_tokens"] == 32
    assert "lvspec: error: there is no file 'gone.mp4'" in outcome.err


def test_several_videos_are_one_line_each(caption, clip, tmp_path):
    shutil.copy(clip, tmp_path / "b.mp4")
    outcome = caption(clip, "b.mp4", "--dry-run")
    assert [line.split("\t")[0] for line in outcome.out.splitlines()] == [str(clip), "b.mp4"]
    assert "captioned" not in outcome.err


def test_a_pair_of_which_nothing_is_known_is_named(lvspec, clip, tmp_path):
    (tmp_path / "p.yaml").write_text("schema: lvspec.preset/1\ntarget: {model: a/b}\ndraft: {model: a/c}\n")
    outcome = lvspec("caption", clip, "--preset", tmp_path / "p.yaml", "--dry-run")
    assert (outcome.code, outcome.out) == (1, "")
    assert "nothing is known of the target a/b" in outcome.err


def test_too_little_memory_is_one_line_and_exit_code_2(lvspec, clip, tiny_preset, tmp_path, monkeypatch):
    import lvspec_cli.models.pair

    monkeypatch.setattr(room, "free_bytes", lambda device: 1000)
    own = tmp_path / "own.yaml"
    own.write_text(tiny_preset.read_text().replace("name: tiny", "name: own").replace("notice:", "description:"))
    monkeypatch.setattr(lvspec_cli.models.pair, "load_model", lambda *_: pytest.fail("weights were read"))
    outcome = lvspec("caption", clip, "--preset", own)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert "the pair own needs at least" in outcome.err
    assert "--ignore-memory" in outcome.err


def test_too_little_memory_may_be_ignored(lvspec, clip, tiny_preset, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "free_bytes", lambda device: 1000)
    own = tmp_path / "own.yaml"
    own.write_text(tiny_preset.read_text().replace("name: tiny", "name: own"))
    assert lvspec("caption", clip, "--preset", own, "--ignore-memory").code == 0
