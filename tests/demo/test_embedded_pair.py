"""The embedded pair that is shipped: small, good at its clips, and decoded losslessly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForImageTextToText, Qwen2Tokenizer

from lvspec_cli.captioner import Captioner
from lvspec_cli.demo.architecture import SIZES, VIDEO_TOKENS, build_model
from lvspec_cli.demo.clip import scenes_of, write_clip, write_long_clip
from lvspec_cli.demo.evaluation import ClipScore, score_clips, summarise
from lvspec_cli.preset import load_preset

SEEDS = range(5000, 5006)


@pytest.fixture(scope="module")
def captioner() -> Iterator[Captioner]:
    with Captioner.from_preset("demo") as captioner:
        yield captioner


@pytest.fixture(scope="module")
def scores(captioner: Captioner) -> list[ClipScore]:
    return list(score_clips(captioner, SEEDS, drafted=True))


def test_the_pair_is_small_and_in_bfloat16() -> None:
    preset = load_preset("demo")
    files = [Path(spec.model) / "model.safetensors" for spec in (preset.target, preset.draft)]
    assert sum(file.stat().st_size for file in files) < 25e6
    for file in files:
        with safe_open(file, "pt") as weights:
            assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.bfloat16}  # noqa: SIM118


@pytest.mark.parametrize("role", ["target", "draft"])
def test_the_weights_are_those_of_the_architecture_and_tokenizer_that_are_trained(
    role: str, demo_tokenizer: Qwen2Tokenizer
) -> None:
    spec = getattr(load_preset("demo"), role)
    expected = build_model(SIZES[role], demo_tokenizer).state_dict()
    loaded = AutoModelForImageTextToText.from_pretrained(spec.model).state_dict()
    assert {name: value.shape for name, value in loaded.items()} == {n: v.shape for n, v in expected.items()}
    saved = json.loads((Path(spec.model) / "tokenizer.json").read_text(encoding="utf-8"))
    assert saved["model"]["vocab"].items() <= demo_tokenizer.get_vocab().items()


def test_captions_name_nearly_all_attributes_and_answers_are_mostly_right(scores: list[ClipScore]) -> None:
    summary = summarise(scores)
    assert summary["attribute_accuracy"] >= 0.9
    assert summary["answer_accuracy"] >= 0.7
    assert summary["lvspec"]["answer_accuracy"] >= 0.7


def test_strict_decoding_says_what_the_target_says_in_fewer_rounds(scores: list[ClipScore]) -> None:
    assert all(score.strict_agrees for score in scores)
    assert sum(score.strict_tokens for score in scores) > 2 * sum(score.strict_rounds for score in scores)


def test_each_scene_of_a_long_clip_is_captioned_by_its_own_frames(captioner: Captioner, tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    write_long_clip(3, 30, path)
    for placed in scenes_of(3, 30):
        said = captioner.caption(path, start=placed.span.start_s, end=placed.span.end_s).text
        words = set(said.lower().replace(".", " ").replace(",", " ").split())
        missing = set(placed.scene.truth.as_dict().values()) - words
        assert len(missing) <= 1, f"seed {placed.seed}: no word of {missing} in {said}"


def test_a_clip_becomes_about_a_hundred_video_tokens(captioner: Captioner, tmp_path: Path) -> None:
    from lvspec_cli.models.pair import load_pair
    from lvspec_cli.video import ReadOptions, read_clip

    path = tmp_path / "clip.mp4"
    write_clip(3, path)
    clip = read_clip(str(path), ReadOptions(frame_count=8))
    pair = load_pair(captioner.preset)
    for inputs in pair.prepare(clip.frames, clip.times, "Describe this video."):
        assert inputs is not None
        assert inputs.video_tokens == VIDEO_TOKENS == 100


def test_the_truth_beside_a_clip_is_that_of_its_seed(tmp_path: Path) -> None:
    truth = json.loads(write_clip(7, tmp_path / "clip.mp4").read_text(encoding="utf-8"))
    again = json.loads(write_clip(7, tmp_path / "again.mp4").read_text(encoding="utf-8"))
    assert truth == again
    assert len(truth["attributes"]) == 12
    assert (tmp_path / "clip.mp4").read_bytes() == (tmp_path / "again.mp4").read_bytes()
