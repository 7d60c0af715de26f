"""Which videos a calibration measures: one that cannot be taken, or is a copy, costs itself and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lvspec_cli.calibration.calibrator import Calibrated, Calibrator
from lvspec_cli.calibration.evidence import Evidence
from lvspec_cli.calibration.journal import Journal
from lvspec_cli.decoding.looseness import Looseness
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.errors import FramesRefused, UsageError, VideoUnreadable
from lvspec_cli.models.context import ContextUse
from lvspec_cli.preset import PromptSpec, PruningSpec
from lvspec_cli.video.clip import Clip, VideoFacts

EVIDENCE = Evidence((1, 2), (5.0, 0.1), (5.0, 0.1), ((0.9, 0.1),), (0.9, 0.1))
FACTS = VideoFacts("", "", "mp4", "h264", 8, 8, 0, "1:1", 1.0, 8.0, 0, "pyav", ())


@dataclass(frozen=True)
class Target:
    layer_count: int = 1


@dataclass(frozen=True)
class ToyPair:
    """Takes any frames but black ones, and white ones as too many; the prompts of a clip are its brightness."""

    target: Target = Target()
    vocabulary_size: int = 3
    stop_tokens: frozenset[int] = frozenset()
    calibration: Any = None

    def prepare(self, frames: Any, times: Any, prompt: str, system: str | None) -> tuple[int, int]:
        assert (prompt, system) == ("What?", "Be terse.")
        brightness = int(frames.max())
        if brightness == 0:
            raise FramesRefused("the model cannot take frames of 8x8 pixels: leave this video out")
        return brightness, brightness

    def context_uses(self, target: int, draft: int) -> tuple[ContextUse, ...]:
        return (ContextUse("target", "toy", known=1000, taken=4 * target, tokens=1100, video_tokens=1000),)


@dataclass
class Bench:
    """A calibrator of the toy pair, and what became of the videos: named `<content>.mp4`, `x.mp4` is unreadable."""

    folder: Path
    said: list[str] = field(default_factory=list)
    measured: list[tuple[int, list[int]]] = field(default_factory=list)  # video, others
    timed: list[tuple[Any, ...]] = field(default_factory=list)

    def run(self, *videos: str, options: DecodingOptions | None = None) -> Calibrated:
        journal = Journal(self.folder / "journal", {})
        pair: Any = ToyPair()
        asked, pruning = PromptSpec("What?", "Be terse."), PruningSpec("uniform")
        calibrator = Calibrator(pair, asked, options or DecodingOptions(), pruning, journal, self.said.append)
        try:
            return calibrator.run(videos, self.read)
        finally:
            journal.close()

    def read(self, path: str) -> Clip:
        content = Path(path).stem.rstrip("'")
        if content == "x":
            raise VideoUnreadable(f"{path} cannot be read: convert it")
        frames = np.full((1, 8, 8, 3), int(content), dtype=np.uint8)
        return Clip(frames, (0.0,), 0.0, 1.0, replace(FACTS, path=path, fingerprint=f"content {content}"))

    def measure(self, pair: Any, prompts: Any, others: Sequence[Any], options: Any) -> Evidence:
        self.measured.append((prompts.target, [other.target for other in others]))
        return EVIDENCE

    def time(self, *given: Any) -> dict[int, float]:
        self.timed.append(given)
        return {4: 0.9, 6: 1.1, 8: 1.0}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path)
    monkeypatch.setattr("lvspec_cli.calibration.calibrator.measure_video", made.measure)
    monkeypatch.setattr("lvspec_cli.calibration.calibrator.relative_speeds", made.time)
    return made


def test_a_video_that_cannot_be_read_or_that_the_models_cannot_take_is_left_out(bench: Bench) -> None:
    assert bench.run("1.mp4", "x.mp4", "0.mp4", "255.mp4", "2.mp4").videos == 2
    left_out = [line for line in bench.said if line.startswith("left out: ")]
    assert left_out == [
        "left out: x.mp4 cannot be read: convert it",
        "left out: 0.mp4: the model cannot take frames of 8x8 pixels: leave this video out",
        "left out: 255.mp4: the prompt has 1100 tokens, 1000 of them the video's, and with an answer of 64 more it "
        "takes 1084 positions, but the target toy knows 1000: take fewer frames (--frames, --max-frames) or a shorter "
        "part of the video (--start, --end, --segment)",
    ]
    assert bench.measured == [(1, [2]), (2, [1])]


@pytest.mark.parametrize(
    "videos", [("1", "1'", "1''", "2"), ("1", "2", "1'", "1''"), ("2", "1", "3", "4", "1'", "1''")]
)
def test_a_copy_is_left_out_and_said_once(bench: Bench, videos: tuple[str, ...]) -> None:
    contents = {video.rstrip("'") for video in videos}
    assert bench.run(*(f"{video}.mp4" for video in videos)).videos == len(contents)
    assert len(bench.measured) == len(contents)
    assert all(others and video not in others for video, others in bench.measured)
    left_out = [line for line in bench.said if line.startswith("left out: ")]
    assert left_out == ["left out: 1'.mp4 is a copy of 1.mp4", "left out: 1''.mp4 is a copy of 1.mp4"]


def test_copies_of_one_video_are_too_few(bench: Bench) -> None:
    with pytest.raises(UsageError, match="at least 2 videos that can be read and differ"):
        bench.run("1.mp4", "1'.mp4", "1''.mp4", "1'''.mp4")
    assert bench.measured == []


def test_the_fastest_draft_length_is_taken(bench: Bench) -> None:
    assert bench.run("1.mp4", "2.mp4").draft_tokens == 6


def test_speed_is_measured_with_what_was_found_and_the_pruning_of_the_preset(bench: Bench) -> None:
    looseness = Looseness(threshold=3.0, attention_layers=(7,), state_layer=7, min_probability=0.3)
    found = bench.run("1.mp4", "2.mp4", options=DecodingOptions(looseness=looseness))
    (pair, _, options, pruning), *others = bench.timed
    assert not others
    assert pruning == PruningSpec("uniform")
    assert pair.calibration is found.findings.calibration
    assert options.method == "lvspec"
    assert options.looseness == Looseness(relevance=found.findings.best, min_probability=0.3)
