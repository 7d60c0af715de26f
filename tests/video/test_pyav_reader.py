"""The right frame at the right time, for every codec, container and clock in the catalogue."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lvspec_cli.video import ReadOptions, inspect_video, read_clip
from tests.video.barcode import read_barcodes
from tests.video.catalogue import ENCODINGS
from tests.video.conftest import MakeVideo
from tests.video.encoding import Encoding

THEORA = Path(__file__).parent / "data" / "theora.ogv"  # PyAV writes no Theora; see data/README.md
TICK_S = 0.001  # the coarsest clock in the catalogue
NAMES = sorted(ENCODINGS)


def _moments(encoding: Encoding) -> Iterator[tuple[int, float, float]]:
    """Each shown frame, when it appears, and a moment at which it is showing."""
    shown = list(encoding.truth.items())
    ends = [time for _, time in shown[1:]] + [shown[-1][1] + 1 / encoding.rate]
    for (number, time), end in zip(shown, ends, strict=True):
        yield number, time, (time + end) / 2


def _at(moment: float) -> ReadOptions:
    return ReadOptions(frame_count=1, start_s=moment - TICK_S, end_s=moment + TICK_S)


@pytest.mark.parametrize("name", NAMES)
def test_reading_every_slot_yields_every_frame_at_its_time(name: str, make_video: MakeVideo) -> None:
    truth = ENCODINGS[name].truth
    clip = read_clip(make_video(name), ReadOptions(frame_count=768))
    assert read_barcodes(clip.frames) == list(truth)
    assert clip.times == pytest.approx(list(truth.values()), abs=TICK_S)


@pytest.mark.parametrize("name", NAMES)
def test_a_lone_moment_yields_the_frame_showing_then(name: str, make_video: MakeVideo) -> None:
    for number, time, moment in itertools.islice(_moments(ENCODINGS[name]), 0, None, 3):
        clip = read_clip(make_video(name), _at(moment))
        assert read_barcodes(clip.frames) == [number]
        assert clip.times == pytest.approx([time], abs=TICK_S)


@pytest.mark.parametrize("name", NAMES)
def test_the_middles_of_slots_yield_the_frames_showing_then(name: str, make_video: MakeVideo) -> None:
    encoding, slots = ENCODINGS[name], 7
    clip = read_clip(make_video(name), ReadOptions(frame_count=slots))
    middles = [(slot + 0.5) * clip.facts.duration_s / slots for slot in range(slots)]
    showing = [max(n for n, time in encoding.truth.items() if time <= middle + TICK_S) for middle in middles]
    assert read_barcodes(clip.frames) == sorted(set(showing))


@pytest.mark.parametrize("name", ["uneven-mkv", "offset-ts", "edit-list-mp4"])
def test_a_video_lasts_until_its_last_frame_has_been_shown(name: str, make_video: MakeVideo) -> None:
    encoding = ENCODINGS[name]
    end = max(encoding.truth.values()) + 1 / encoding.rate
    assert read_clip(make_video(name)).facts.duration_s == pytest.approx(end, abs=TICK_S)


@pytest.mark.parametrize("name", NAMES)
def test_an_intact_file_has_no_bad_packets(name: str, make_video: MakeVideo) -> None:
    assert read_clip(make_video(name)).facts.bad_packets == 0


@pytest.mark.parametrize("name", ["h264-ts", "vp9-webm", "mpeg2-mpg", "h264-avi", "open-gop-mp4"])
def test_a_rerun_yields_the_same_clip(name: str, make_video: MakeVideo) -> None:
    first, second = (read_clip(make_video(name), ReadOptions(frame_count=5)) for _ in range(2))
    assert np.array_equal(first.frames, second.frames)
    assert (first.times, first.facts) == (second.times, second.facts)


def test_theora_yields_every_frame_at_its_time() -> None:
    clip = read_clip(THEORA, ReadOptions(frame_count=48))
    assert read_barcodes(clip.frames) == list(range(48))
    assert clip.times == pytest.approx([number / 25 for number in range(48)], abs=TICK_S)
    assert clip.facts.codec == "theora"
    for number in range(48):
        assert read_barcodes(read_clip(THEORA, _at((number + 0.5) / 25)).frames) == [number]


@pytest.mark.parametrize(
    ("name", "container", "codec"),
    [
        ("h264-mp4", "mp4", "h264"),
        ("hevc-10bit-mkv", "matroska", "hevc"),
        ("vp8-webm", "webm", "vp8"),
        ("av1-mp4", "mp4", "av1"),
        ("mpeg2-ts", "mpegts", "mpeg2video"),
        ("mpeg4-avi", "avi", "mpeg4"),
        ("prores-mov", "mov", "prores"),
        ("mjpeg-avi", "avi", "mjpeg"),
        ("h264-flv", "flv", "h264"),
        ("mpeg2-mpg", "mpeg", "mpeg2video"),
    ],
)
def test_facts_name_container_codec_and_duration(name: str, container: str, codec: str, make_video: MakeVideo) -> None:
    facts = read_clip(make_video(name)).facts
    assert container in facts.container
    assert codec in facts.codec
    assert facts.duration_s == pytest.approx(48 / 25, abs=2 * TICK_S)
    assert facts.average_frame_rate == pytest.approx(25, rel=0.001)
    assert (facts.width, facts.height, facts.rotation_degrees, facts.sample_aspect_ratio) == (96, 64, 0, "1:1")


@pytest.mark.parametrize("name", ["h264-mp4", "hevc-10bit-mkv", "mpeg2-ts", "vp9-webm"])
def test_inspection_agrees_with_reading(name: str, make_video: MakeVideo) -> None:
    path = make_video(name)
    inspected, read = inspect_video(path), read_clip(path).facts
    assert (inspected.codec, inspected.width, inspected.height) == (read.codec, read.width, read.height)
    assert inspected.fingerprint == read.fingerprint
    assert inspected.duration_s == pytest.approx(read.duration_s, abs=0.1)


def test_a_stream_without_timestamps_says_that_its_times_are_worked_out(make_video: MakeVideo) -> None:
    warnings = read_clip(make_video("h264-bare")).facts.warnings
    assert any("worked out from its frame rate" in warning for warning in warnings)


def test_reordered_video_in_avi_says_that_frames_were_counted(make_video: MakeVideo) -> None:
    assert any("counted from the start" in warning for warning in read_clip(make_video("h264-avi")).facts.warnings)


def test_interlaced_video_is_noted(make_video: MakeVideo, plain_video: Path) -> None:
    assert any("interlaced" in warning for warning in read_clip(make_video("interlaced-mp4")).facts.warnings)
    assert read_clip(plain_video).facts.warnings == ()


def test_a_rate_takes_a_frame_every_period(plain_video: Path) -> None:
    clip = read_clip(plain_video, ReadOptions(frame_count=None, frames_per_second=5))
    assert read_barcodes(clip.frames) == list(range(0, 48, 5))


@pytest.mark.parametrize("name", ["h264-mp4", "h264-mkv", "h264-flv"])
def test_the_rate_of_the_video_itself_takes_every_frame_once(name: str, make_video: MakeVideo) -> None:
    clip = read_clip(make_video(name), ReadOptions(frame_count=None, frames_per_second=25))
    assert read_barcodes(clip.frames) == list(range(48))


def test_a_rate_beyond_the_most_frames_is_spread_over_the_video(plain_video: Path) -> None:
    clip = read_clip(plain_video, ReadOptions(frame_count=None, frames_per_second=25, max_frames=4))
    assert read_barcodes(clip.frames) == [6, 18, 30, 42]
    assert any("4" in warning and "--max-frames" in warning for warning in clip.facts.warnings)


def test_start_and_end_bound_the_selection(plain_video: Path) -> None:
    clip = read_clip(plain_video, ReadOptions(frame_count=768, start_s=0.4, end_s=0.8))
    assert read_barcodes(clip.frames) == list(range(10, 20))
    assert (clip.start_s, clip.end_s) == (0.4, 0.8)


def test_an_end_past_the_video_is_the_end_of_the_video(plain_video: Path) -> None:
    clip = read_clip(plain_video, ReadOptions(frame_count=2, end_s=99))
    assert clip.end_s == pytest.approx(1.92)


def test_fewer_frames_than_asked_for_come_without_repeats(plain_video: Path) -> None:
    clip = read_clip(plain_video, ReadOptions(frame_count=600, start_s=1.0, end_s=1.2))
    assert read_barcodes(clip.frames) == [25, 26, 27, 28, 29]
    assert len(clip.times) == len(clip.frames) == 5
