"""Clips that every contender answers: synthetic held-out ones whose truth is known, or the user's own videos."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from lvspec_cli.demo.clip import write_clip
from lvspec_cli.demo.scene import Truth, scene_of_seed
from lvspec_cli.errors import LvspecError, OutOfMemory, VideoError
from lvspec_cli.models.pair import Pair
from lvspec_cli.models.prompt import PreparedPrompt
from lvspec_cli.preset import FrameSpec, Preset
from lvspec_cli.video import read_clip
from lvspec_cli.video.clip import Clip
from lvspec_cli.video.options import ReadOptions

FIRST_SEED = 1000  # seeds below are for training

Read = Callable[[str | os.PathLike[str], ReadOptions], Clip]


@dataclass(frozen=True)
class BenchClip:
    """A clip and the preset's caption prompt, in both models' terms."""

    name: str  # the path as its user wrote it, or the seed
    target: PreparedPrompt
    draft: PreparedPrompt
    input_seconds: float  # s, reading the file and preparing; the same for every contender
    frames_shape: tuple[int, ...]  # [n, height, width, 3], of the frames that both saw
    truth: Truth | None = None  # what a synthetic clip shows; None for a user's video


def make_clips(
    pair: Pair, preset: Preset, seeds: range, on_clip: Callable[[int], None] = lambda done: None
) -> list[BenchClip]:
    """Write the synthetic clips of the seeds, read them back and prepare them, as a user's videos are."""
    clips = []
    with tempfile.TemporaryDirectory(prefix="lvspec-") as folder:
        path = Path(folder) / "clip.mp4"
        for done, seed in enumerate(seeds, start=1):
            write_clip(seed, path)
            clips.append(_prepare(pair, preset, path, read_clip, f"seed {seed}", scene_of_seed(seed).truth))
            on_clip(done)
    return clips


def read_videos(
    pair: Pair,
    preset: Preset,
    paths: Sequence[str],
    trial: Callable[[BenchClip], None],
    on_failure: Callable[[str, LvspecError], None],
    on_clip: Callable[[int], None] = lambda done: None,
) -> list[BenchClip]:
    """Read and prepare a user's videos, in the isolated worker; one that cannot be measured is told and left out.

    ``trial``: raises OutOfMemory if there is no memory for a clip. Raises LvspecError if none is left.
    """
    from lvspec_cli.video.worker import VideoWorker

    worker, clips = VideoWorker(), []
    try:
        for done, path in enumerate(paths, start=1):
            try:
                clip = _prepare(pair, preset, path, worker.read, path, None)
                trial(clip)
                clips.append(clip)
            except (VideoError, OutOfMemory) as error:
                on_failure(path, error)
            on_clip(done)
    finally:
        worker.close()
    if not clips:
        raise LvspecError(f"none of the {len(paths)} videos can be measured: give at least one that can")
    return clips


def _prepare(pair: Pair, preset: Preset, path: str | Path, read: Read, name: str, truth: Truth | None) -> BenchClip:
    started = perf_counter()
    clip = read(path, _read_options(preset.frames))
    target, draft = pair.prepare(clip.frames, clip.times, preset.prompts.caption, preset.prompts.system)
    assert draft is not None  # the pair was loaded with its draft
    return BenchClip(name, target, draft, perf_counter() - started, clip.frames.shape, truth)


def _read_options(frames: FrameSpec) -> ReadOptions:
    return ReadOptions(frame_count=frames.count, frames_per_second=frames.fps, max_frames=frames.max_frames)
