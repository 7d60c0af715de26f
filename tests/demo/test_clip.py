"""A clip is what its truth says: one short scene, or scenes of ten seconds one after another."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.demo.clip import (
    FRAME_RATE,
    SIDE,
    PlacedScene,
    clip_truth,
    duration_s,
    scenes_of,
    write_clip,
    write_long_clip,
)
from lvspec_cli.demo.rendering import Renderer
from lvspec_cli.demo.scene import scene_of_seed
from lvspec_cli.video import ReadOptions, find_scenes, read_clip
from lvspec_cli.video.segmentation import Span

SECONDS = st.floats(1, 400)
# Of the truths of seeds 0 to 19: whoever changes it changes what is asked of clips that others have scored.
DIGEST = "edd32b752a541ab968fc2095ffeea54211fc010361696a31fbc33c9301c6daa3"


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    write_long_clip(3, 34, path)
    return path


def _truth(seed: int) -> dict[str, object]:
    return clip_truth(PlacedScene(seed, scene_of_seed(seed), Span(0.0, duration_s(seed))))


def test_the_truth_of_a_seed_never_changes() -> None:
    digest = hashlib.sha256()
    for seed in range(20):
        digest.update((json.dumps(_truth(seed), indent=2) + "\n").encode())
    assert digest.hexdigest() == DIGEST


def test_a_clip_of_one_scene_lasts_as_its_truth_says(tmp_path: Path) -> None:
    truth = json.loads(write_clip(5, tmp_path / "clip.mp4").read_text(encoding="utf-8"))
    assert truth == _truth(5)
    assert truth["schema"] == "lvspec.clip/1"
    assert read_clip(tmp_path / "clip.mp4").facts.duration_s == truth["duration_s"]


@given(seed=st.integers(0, 10**6), seconds=SECONDS)
def test_the_scenes_of_a_long_clip_fill_it_and_their_cuts_can_be_seen(seed: int, seconds: float) -> None:
    scenes = scenes_of(seed, seconds)
    assert (scenes[0].seed, scenes[0].span.start_s) == (seed, 0.0)
    assert scenes[-1].span.end_s == pytest.approx(seconds, abs=0.5 / FRAME_RATE)
    for earlier, later in pairwise(scenes):
        assert earlier.span.end_s == later.span.start_s
        assert earlier.scene.truth.background != later.scene.truth.background
    for placed in scenes:
        assert placed.scene == scene_of_seed(placed.seed)
        assert (placed.span.start_s * FRAME_RATE).is_integer()
        assert (placed.span.end_s * FRAME_RATE).is_integer()
    assert len({placed.seed for placed in scenes}) == len(scenes)


@given(seconds=SECONDS)
def test_scenes_last_ten_seconds_and_the_last_takes_the_rest(seconds: float) -> None:
    *others, last = (placed.span.end_s - placed.span.start_s for placed in scenes_of(0, seconds))
    assert set(others) <= {10.0}
    assert last < 13
    assert last >= 3 or not others


@pytest.mark.parametrize(
    ("seconds", "ends"),
    [
        (1, [1]),
        (7, [7]),
        (12, [12]),
        (13, [10, 13]),
        (60, [10, 20, 30, 40, 50, 60]),
        (62, [10, 20, 30, 40, 50, 62]),
        (63, [10, 20, 30, 40, 50, 60, 63]),
        (10.05, [10]),
    ],
)
def test_scenes_end_where_one_expects_them(seconds: float, ends: list[float]) -> None:
    assert [placed.span.end_s for placed in scenes_of(3, seconds)] == ends


def test_long_clips_of_neighbouring_seeds_share_no_scene() -> None:
    seeds = [placed.seed for first in range(20) for placed in scenes_of(first, 60)]
    assert len(set(seeds)) == len(seeds)


def test_the_truth_of_a_long_clip_tells_of_each_scene_what_its_own_clip_s_tells(long_clip: Path) -> None:
    truth = json.loads(long_clip.with_suffix(".json").read_text(encoding="utf-8"))
    assert (truth["schema"], truth["seed"], truth["duration_s"]) == ("lvspec.clip/2", 3, 34.0)
    assert [(scene["start_s"], scene["end_s"]) for scene in truth["scenes"]] == [(0, 10), (10, 20), (20, 30), (30, 34)]
    for scene in truth["scenes"]:
        single = _truth(scene["seed"])
        assert {key: scene[key] for key in ("seed", "attributes", "caption", "questions")} == {
            key: single[key] for key in ("seed", "attributes", "caption", "questions")
        }


def test_a_long_clip_shows_each_scene_from_its_beginning_to_its_end(long_clip: Path) -> None:
    renderer = Renderer(SIDE)
    for placed in scenes_of(3, 34):
        start, end = placed.span.start_s, placed.span.end_s
        clip = read_clip(long_clip, ReadOptions(start_s=start, end_s=end))
        middles = [(time + 0.5 / FRAME_RATE - start) / (end - start) for time in clip.times]
        drawn = renderer.render(placed.scene, middles)
        assert np.abs(clip.frames.astype(int) - drawn).mean(axis=(1, 2, 3)).max() < 5  # levels of 256
        assert (middles[0], middles[-1]) == pytest.approx((1 / 16, 15 / 16), abs=0.02)


def test_the_cuts_of_a_long_clip_are_found(long_clip: Path) -> None:
    assert read_clip(long_clip).facts.duration_s == 34
    assert find_scenes(long_clip) == (10.0, 20.0, 30.0)


def test_the_same_seed_and_length_give_the_same_files(long_clip: Path, tmp_path: Path) -> None:
    write_long_clip(3, 34, tmp_path / "again.mp4")
    assert (tmp_path / "again.mp4").read_bytes() == long_clip.read_bytes()
    assert (tmp_path / "again.json").read_bytes() == long_clip.with_suffix(".json").read_bytes()


def test_a_clip_does_not_depend_on_what_was_in_memory_before(long_clip: Path, tmp_path: Path) -> None:
    # glibc fills what it hands out, large blocks included, with 0xfe; elsewhere the variables mean nothing.
    filled = {"MALLOC_PERTURB_": "1", "MALLOC_MMAP_THRESHOLD_": "4000000000"}
    program = "import sys; from pathlib import Path; from lvspec_cli.demo.clip import write_long_clip as write"
    command = [sys.executable, "-c", f"{program}; write(3, 34, Path(sys.argv[1]))", str(tmp_path / "again.mp4")]
    subprocess.run(command, check=True, env={**os.environ, **filled})
    assert (tmp_path / "again.mp4").read_bytes() == long_clip.read_bytes()
