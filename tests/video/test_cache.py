"""What is remembered of a video changes nothing but the cost of reading more of it, and is forgotten in time."""

from __future__ import annotations

import os
import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lvspec_cli.errors import SelectionOutsideVideo, VideoError, VideoNotFound, VideoTooLarge, VideoTooLong
from lvspec_cli.video import ReadOptions, VideoCache, image_sequence, measure_video, pyav_reader, read_clip
from lvspec_cli.video.clip import Clip
from lvspec_cli.video.worker import VideoWorker
from tests.video.barcode import barcode_frame, read_barcodes
from tests.video.catalogue import ENCODINGS
from tests.video.conftest import MakeVideo, needs_decord

SPANS = [(0.0, 0.3), (0.5, 0.75), (0.2, 0.6), (0.0, 1.9)]
NAMES = sorted(ENCODINGS)


def _options(start: float, end: float, **others: Any) -> ReadOptions:
    return ReadOptions(frame_count=4, start_s=start, end_s=end, **others)


def _same(one: Clip, other: Clip) -> bool:
    told, expected = ((clip.times, clip.start_s, clip.end_s, clip.facts) for clip in (one, other))
    return told == expected and np.array_equal(one.frames, other.frames)


def _images(folder: Path, numbers: range) -> Path:
    for number in numbers:
        Image.fromarray(barcode_frame(number)).save(folder / f"frame{number}.png")
    return folder


def _animation(path: Path, count: int) -> Path:
    first, *rest = (Image.fromarray(barcode_frame(number)) for number in range(count))
    first.save(path, save_all=True, append_images=rest, duration=200, lossless=True)
    return path


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], list[str]]:
    """Makes a function of a module leave its name in a list whenever it is called."""

    def count(module: Any, name: str) -> list[str]:
        calls: list[str] = []
        original = getattr(module, name)

        def counting(*arguments: Any) -> Any:
            calls.append(name)
            return original(*arguments)

        monkeypatch.setattr(module, name, counting)
        return calls

    return count


@pytest.mark.parametrize("name", NAMES)
def test_a_remembered_video_gives_the_clips_that_a_new_one_gives(name: str, make_video: MakeVideo) -> None:
    path, cache = make_video(name), VideoCache()
    for span in SPANS:
        assert _same(read_clip(path, _options(*span), cache), read_clip(path, _options(*span)))


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_a_remembered_animation_gives_the_clips_that_a_new_one_gives(suffix: str, tmp_path: Path) -> None:
    path, cache = _animation(tmp_path / f"moving{suffix}", 10), VideoCache()
    for span in SPANS:
        assert _same(read_clip(path, _options(*span), cache), read_clip(path, _options(*span)))


def test_a_remembered_damaged_video_gives_the_clips_that_a_new_one_gives(make_video: MakeVideo, tmp_path: Path) -> None:
    data = make_video("h264-ts").read_bytes()
    path, cache = tmp_path / "damaged.ts", VideoCache()
    path.write_bytes(data[188 * 20 : len(data) // 2] + data[len(data) // 2 + 188 * 4 : -1000])
    for span in [(0.0, 0.3), (0.5, 0.9), (0.0, 9.0), (0.1, 0.4)]:
        assert _same(read_clip(path, _options(*span), cache), read_clip(path, _options(*span)))


def test_a_second_part_of_a_video_is_read_without_its_packets_or_its_bytes(
    plain_video: Path, counted: Callable[[Any, str], list[str]]
) -> None:
    calls = [counted(pyav_reader, name) for name in ("read_packets", "file_fingerprint")]
    cache = VideoCache()
    for span in SPANS:
        read_clip(plain_video, _options(*span), cache)
    measure_video(plain_video, None, cache)
    assert calls == [["read_packets"], ["file_fingerprint"]]


def test_a_second_part_of_a_folder_is_read_without_the_bytes_of_the_other_images(
    tmp_path: Path, counted: Callable[[Any, str], list[str]]
) -> None:
    calls = counted(image_sequence, "files_fingerprint")
    _images(tmp_path, range(6))
    cache = VideoCache()
    for start in (0, 2, 4):
        read_clip(tmp_path, _options(start, start + 2), cache)
    assert len(calls) == 1


def test_a_second_part_of_an_animation_is_read_without_its_delays(
    tmp_path: Path, counted: Callable[[Any, str], list[str]]
) -> None:
    calls = counted(image_sequence, "_delays_ms")
    path, cache = _animation(tmp_path / "moving.webp", 8), VideoCache()
    for span in SPANS:
        read_clip(path, _options(*span), cache)
    assert len(calls) == 1


def test_a_video_changed_in_place_is_indexed_anew_whatever_its_time_and_size_say(
    make_video: MakeVideo, tmp_path: Path
) -> None:
    path, cache = tmp_path / "video.avi", VideoCache()
    first, second = make_video("mjpeg-avi").read_bytes(), make_video("mpeg4-avi").read_bytes()
    size = max(len(first), len(second)) + 16
    path.write_bytes(first + bytes(size - len(first)))
    status = path.stat()
    before = read_clip(path, _options(0, 1), cache)
    path.write_bytes(second + bytes(size - len(second)))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = read_clip(path, _options(0, 1), cache)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert (before.facts.codec, after.facts.codec) == ("mjpeg", "mpeg4")
    assert before.facts.fingerprint != after.facts.fingerprint
    assert _same(after, read_clip(path, _options(0, 1)))


def test_a_video_put_in_another_one_s_place_is_indexed_anew(make_video: MakeVideo, tmp_path: Path) -> None:
    path, cache = tmp_path / "video", VideoCache()
    shutil.copy(make_video("long-gop-mp4"), path)
    assert read_clip(path, None, cache).facts.duration_s == pytest.approx(12)
    shutil.copy(make_video("uneven-mkv"), tmp_path / "new")
    os.replace(tmp_path / "new", path)
    assert _same(read_clip(path, None, cache), read_clip(path))


def test_an_image_more_in_a_folder_is_seen(tmp_path: Path) -> None:
    cache = VideoCache()
    assert read_clip(_images(tmp_path, range(3)), None, cache).facts.duration_s == 3
    clip = read_clip(_images(tmp_path, range(3, 5)), ReadOptions(frame_count=5), cache)
    assert clip.facts.duration_s == 5
    assert read_barcodes(clip.frames) == [0, 1, 2, 3, 4]
    assert clip.facts.fingerprint == read_clip(tmp_path).facts.fingerprint


def test_images_that_change_places_are_another_video(tmp_path: Path) -> None:
    cache = VideoCache()
    before = read_clip(_images(tmp_path, range(2)), None, cache).facts.fingerprint
    (tmp_path / "frame1.png").rename(tmp_path / "x")
    (tmp_path / "frame0.png").rename(tmp_path / "frame1.png")
    (tmp_path / "x").rename(tmp_path / "frame0.png")
    assert read_clip(tmp_path, None, cache).facts.fingerprint != before


def test_a_folder_of_one_image_and_that_image_keep_their_own_fingerprints(tmp_path: Path) -> None:
    folder = _images(tmp_path, range(1))
    paths, cache = (folder, folder / "frame0.png", folder), VideoCache()
    alone = [read_clip(path).facts.fingerprint for path in paths]
    assert [read_clip(path, None, cache).facts.fingerprint for path in paths] == alone
    assert alone[0] != alone[1]


def test_another_video_takes_the_place_of_the_one_before(plain_video: Path, make_video: MakeVideo) -> None:
    cache = VideoCache()
    read_clip(plain_video, None, cache)
    learnt = weakref.ref(cache.of([plain_video]))
    assert learnt() is not None
    read_clip(make_video("vp8-webm"), None, cache)
    assert learnt() is None


def test_what_could_not_be_learnt_is_tried_again(plain_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = VideoCache()
    with monkeypatch.context() as patch:
        patch.setattr(pyav_reader, "read_packets", lambda *_: ([], True))
        with pytest.raises(VideoError):
            read_clip(plain_video, None, cache)
    assert len(read_clip(plain_video, None, cache).times) == 8


def test_a_remembered_video_is_held_to_every_limit(plain_video: Path) -> None:
    cache = VideoCache()
    read_clip(plain_video, None, cache)
    for limits, error in (
        ({"max_coded_pixels": 1000}, VideoTooLarge),
        ({"max_duration_s": 1.0}, VideoTooLong),
        ({"start_s": 5.0}, SelectionOutsideVideo),
    ):
        for look in (read_clip, measure_video):
            with pytest.raises(error):
                look(plain_video, ReadOptions(**limits), cache)


def test_a_remembered_video_that_is_gone_is_not_found(plain_video: Path, tmp_path: Path) -> None:
    path, cache = tmp_path / "video.mp4", VideoCache()
    shutil.copy(plain_video, path)
    read_clip(path, None, cache)
    path.unlink()
    with pytest.raises(VideoNotFound):
        read_clip(path, None, cache)


@pytest.mark.parametrize("name", NAMES)
def test_a_measured_video_lasts_as_long_as_it_is_found_to_last_when_read(name: str, make_video: MakeVideo) -> None:
    path = make_video(name)
    measured, read = measure_video(path), read_clip(path, ReadOptions(frame_count=768)).facts
    assert measured.duration_s == read.duration_s
    assert measured == read or name == "interlaced-mp4"  # which only decoding tells


def test_measured_images_last_as_long_as_they_are_found_to_last_when_read(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    _images(folder, range(7))
    for path in (folder, _animation(tmp_path / "a.webp", 5), _animation(tmp_path / "a.gif", 5), folder / "frame0.png"):
        options = ReadOptions(source_fps=4)
        assert measure_video(path, options) == read_clip(path, options).facts


@needs_decord
@pytest.mark.parametrize("name", ["h264-mp4", "uneven-mkv", "edit-list-mp4", "vp9-webm", "mpeg4-avi"])
def test_decord_s_measure_is_decord_s_own_duration(name: str, make_video: MakeVideo) -> None:
    options = ReadOptions(decoder="decord")
    assert measure_video(make_video(name), options) == read_clip(make_video(name), options).facts


def test_the_worker_measures_and_remembers(plain_video: Path, make_video: MakeVideo, tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    shutil.copy(plain_video, path)
    with VideoWorker() as worker:
        assert worker.measure(path) == measure_video(path)
        for span in SPANS:
            assert _same(worker.read(path, _options(*span)), read_clip(path, _options(*span)))
        shutil.copy(make_video("uneven-mp4"), path)
        assert worker.measure(path) == measure_video(path)
        assert _same(worker.read(path), read_clip(path))
