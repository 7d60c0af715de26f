"""Held-out clips, read and prepared as a user's videos are."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from lvspec_cli.demo.clip import write_clip
from lvspec_cli.models.adapter import PreparedPrompt
from lvspec_cli.models.pair import Pair
from lvspec_cli.preset import FrameSpec, Preset
from lvspec_cli.video import read_clip
from lvspec_cli.video.options import ReadOptions

FIRST_SEED = 1000  # seeds below are for training


@dataclass(frozen=True)
class BenchClip:
    """A clip and the preset's caption prompt, in both models' terms."""

    seed: int
    target: PreparedPrompt
    draft: PreparedPrompt
    input_seconds: float  # s, reading the file and preparing; the same for every contender


def make_clips(pair: Pair, preset: Preset, seeds: range) -> list[BenchClip]:
    """Write the synthetic clips of the seeds, read them back and prepare them."""
    options = _read_options(preset.frames)
    with tempfile.TemporaryDirectory(prefix="lvspec-") as folder:
        path = Path(folder) / "clip.mp4"
        return [_make_clip(pair, preset, seed, path, options) for seed in seeds]


def _make_clip(pair: Pair, preset: Preset, seed: int, path: Path, options: ReadOptions) -> BenchClip:
    write_clip(seed, path)
    started = perf_counter()
    clip = read_clip(path, options)
    target, draft = pair.prepare(clip.frames, clip.times, preset.prompts.caption)
    assert draft is not None  # the pair was loaded with its draft
    return BenchClip(seed, target, draft, perf_counter() - started)


def _read_options(frames: FrameSpec) -> ReadOptions:
    return ReadOptions(frame_count=frames.count, frames_per_second=frames.fps, max_frames=frames.max_frames)
