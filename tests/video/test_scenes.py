"""Scenes begin where the picture changes for good, at the true times of their first frames."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lvspec_cli.errors import (
    SceneDetectorUnavailable,
    SelectionOutsideVideo,
    VideoNotFound,
    VideoTimeout,
    VideoTooLarge,
    VideoTooLong,
)
from lvspec_cli.video import ReadOptions, VideoCache, child, find_scenes, read_clip
from lvspec_cli.video.worker import VideoWorker
from lvspec_cli.video.writer import write_mp4
from tests.video.catalogue import ENCODINGS, NEGATIVE
from tests.video.encoding import Encoding, encode

CUTS = (40, 85)  # numbers of the first frames of the second and third scene
FRAMES = 130
SIZE = (96, 64)
TS_PACKET = 188  # bytes
UNEVEN_MS = tuple(40 * number + 7 * (number % 5) + (900 if number > 60 else 0) for number in range(FRAMES))
LIMITED = sys.platform == "linux"  # where address space can be limited


def _scene(number: int, width: int = SIZE[0], height: int = SIZE[1]) -> NDArray[np.uint8]:
    """A frame of three scenes."""
    return _drifting(sum(number >= cut for cut in CUTS), number, width, height)


def _drifting(scene: int, number: int, width: int, height: int) -> NDArray[np.uint8]:
    """A frame of one scene: a texture of its own, which drifts by a pixel a frame."""
    texture = np.random.default_rng(scene).integers(0, 60, (height // 8, width // 8, 3))
    picture = np.kron(texture, np.ones((8, 8, 1), int)) + (10, 160, 80)[scene]
    return np.roll(picture, number, axis=1).astype(np.uint8)


SCENES = Encoding("scenes.mp4", "libx264", options={"bf": "3"}, frame_count=FRAMES, picture=_scene)
ENCODED = {
    "mp4": SCENES,
    "variable rate": replace(SCENES, file_name="uneven.mkv", times_ms=UNEVEN_MS),
    "late first time": replace(SCENES, file_name="offset.ts", shift=250_000),
    "late first time in mkv": replace(SCENES, file_name="offset.mkv", shift=1000),
    "edit list": replace(SCENES, file_name="edit.mp4", container_options=NEGATIVE, shift=-10),
    "no times": replace(SCENES, file_name="scenes.avi"),
    "one key frame": replace(SCENES, file_name="gop.mp4", group_of_pictures=1000),
    "vp9": replace(SCENES, file_name="scenes.webm", codec="libvpx-vp9", options={"b": "400k"}),
}


@pytest.fixture(scope="module")
def worker() -> Iterator[VideoWorker]:
    with VideoWorker() as worker:
        yield worker


@pytest.fixture(scope="module")
def scenes_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(SCENES, tmp_path_factory.mktemp("scenes") / SCENES.file_name)


@pytest.mark.parametrize("name", sorted(ENCODED))
def test_a_scene_begins_at_the_true_time_of_its_first_frame(name: str, tmp_path: Path) -> None:
    path = encode(ENCODED[name], tmp_path / ENCODED[name].file_name)
    scenes = find_scenes(path)
    truth = ENCODED[name].truth
    assert scenes == pytest.approx([truth[number] for number in CUTS], abs=0.001)
    # The very time at which reading finds that frame, to the last bit.
    assert set(scenes) <= set(read_clip(path, ReadOptions(frame_count=768)).times)


def test_a_clip_of_the_writer_has_its_cuts(tmp_path: Path) -> None:
    write_mp4(tmp_path / "clip.mp4", (_scene(number) for number in range(FRAMES)), 8)
    assert find_scenes(tmp_path / "clip.mp4") == tuple(number / 8 for number in CUTS)


@pytest.mark.parametrize("name", ["h264-mp4", "vp9-webm"])
def test_a_video_of_a_single_frame_has_no_cut(name: str, tmp_path: Path) -> None:
    encoding = replace(ENCODINGS[name], frame_count=1)
    assert find_scenes(encode(encoding, tmp_path / encoding.file_name)) == ()


def test_a_video_without_a_cut_has_none(tmp_path: Path) -> None:
    still = replace(SCENES, picture=lambda number, width, height: _drifting(0, number, width, height))
    assert find_scenes(encode(still, tmp_path / "still.mp4")) == ()


def test_only_scenes_that_begin_within_the_span_are_told(scenes_video: Path) -> None:
    first, second = (number / 25 for number in CUTS)
    for start, end, expected in (
        (0.0, None, (first, second)),
        (2.0, None, (second,)),
        (None, 3.0, (first,)),
        (1.7, 3.2, ()),
        (first, None, (second,)),
        (0.5, 99.0, (first, second)),
    ):
        assert find_scenes(scenes_video, ReadOptions(start_s=start, end_s=end)) == expected


def test_frames_too_small_to_matter_and_other_options_change_nothing(scenes_video: Path) -> None:
    for options in (ReadOptions(frame_count=1), ReadOptions(decoder="decord"), ReadOptions(max_frame_pixels=48 * 32)):
        assert find_scenes(scenes_video, options) == find_scenes(scenes_video)


def test_damaged_packets_shift_no_scene(tmp_path: Path) -> None:
    path = encode(replace(SCENES, file_name="damaged.ts"), tmp_path / "damaged.ts")
    data = path.read_bytes()
    fifth = len(data) // 5 // TS_PACKET * TS_PACKET
    path.write_bytes(data[:fifth] + data[fifth + 4 * TS_PACKET :])
    assert find_scenes(path)[-1:] == pytest.approx([CUTS[1] / 25], abs=0.001)


def test_a_folder_and_an_animation_have_scenes_too(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    images = [Image.fromarray(_scene(number)) for number in range(FRAMES)]
    for number, image in enumerate(images):
        image.save(folder / f"{number}.png")
    (folder / "50.png").write_bytes(b"no image at all")
    images[0].save(tmp_path / "a.webp", save_all=True, append_images=images[1:], duration=100, lossless=True)
    assert find_scenes(folder, ReadOptions(source_fps=10)) == tuple(number / 10 for number in CUTS)
    assert find_scenes(tmp_path / "a.webp") == tuple(number / 10 for number in CUTS)
    assert find_scenes(folder / "0.png") == ()


def test_the_worker_finds_what_is_found_here(worker: VideoWorker, scenes_video: Path) -> None:
    options = ReadOptions(start_s=1.0)
    assert worker.scenes(scenes_video, options) == find_scenes(scenes_video, options) != ()
    assert np.array_equal(worker.read(scenes_video).frames, read_clip(scenes_video).frames)


def test_finding_scenes_and_reading_share_one_index(scenes_video: Path) -> None:
    cache = VideoCache()
    learnt = cache.of([scenes_video])
    find_scenes(scenes_video, None, cache)
    assert learnt.recall("index", lambda: pytest.fail("indexed anew")).duration_s == pytest.approx(FRAMES / 25)
    assert cache.of([scenes_video]) is learnt


def test_limits_hold_for_scenes(worker: VideoWorker, scenes_video: Path, tmp_path: Path) -> None:
    for options, error in (
        (ReadOptions(max_coded_pixels=1000), VideoTooLarge),
        (ReadOptions(max_duration_s=1), VideoTooLong),
        (ReadOptions(start_s=50), SelectionOutsideVideo),
    ):
        with pytest.raises(error):
            worker.scenes(scenes_video, options)
    with pytest.raises(VideoNotFound):
        worker.scenes(tmp_path / "none.mp4")


@pytest.mark.skipif(not LIMITED, reason="only Linux keeps the limit on address space")
def test_a_memory_bomb_is_refused_and_the_next_video_is_fine(
    worker: VideoWorker, scenes_video: Path, tmp_path: Path
) -> None:
    Image.new("L", (9000, 9000)).save(tmp_path / "bomb.png")  # 80 kB; 240 MB in colour
    worker.scenes(scenes_video)
    pages = int(Path(f"/proc/{worker.process_id}/statm").read_text().split()[0])
    tight = ReadOptions(max_coded_pixels=10**8, memory_limit_bytes=(pages + 25_000) * os.sysconf("SC_PAGE_SIZE"))
    with pytest.raises(VideoTooLarge, match="memory"):
        worker.scenes(tmp_path / "bomb.png", tight)
    assert len(worker.scenes(scenes_video)) == 2


HANGING = """
import os, signal
from lvspec_cli.video import worker_process
worker_process.find_scenes = lambda *_: os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_scenes_that_take_too_long_say_what_to_do(scenes_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with VideoWorker() as worker:
        with monkeypatch.context() as patch:
            head, tail = child.BOOT.split("from lvspec_cli.video.worker_process", 1)
            patch.setattr(child, "BOOT", head + HANGING + "from lvspec_cli.video.worker_process" + tail)
            with pytest.raises(VideoTimeout, match=r"^finding the scenes .* than 2 s, .*: raise --timeout"):
                worker.scenes(scenes_video, ReadOptions(deadline_seconds=2))
        assert len(worker.scenes(scenes_video)) == 2


@pytest.mark.parametrize("missing", ["scenedetect", "cv2"])
def test_without_what_finds_scenes_no_child_is_started(
    missing: str, scenes_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with VideoWorker() as worker:
        with pytest.raises(SceneDetectorUnavailable, match=r"pip install 'lvspec\[scenes\]'") as caught:
            worker.scenes(scenes_video)
        assert worker.process_id is None
    assert caught.value.exit_code == 2


def test_an_opencv_that_cannot_be_loaded_is_told_and_reading_goes_on(
    scenes_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "BOOT", "import sys; sys.modules['cv2'] = None\n" + child.BOOT)
    with VideoWorker() as worker:
        with pytest.raises(SceneDetectorUnavailable, match=r"cannot be imported \([^\n]*\): pip install 'lvspec"):
            worker.scenes(scenes_video)
        assert len(worker.read(scenes_video).times) == 8
