"""Time 0 is where a player's clock begins, also where the first picture comes later."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.errors import SelectionOutsideVideo
from lvspec_cli.video import ReadOptions, VideoCache, find_scenes, inspect_video, measure_video, read_clip
from lvspec_cli.video.clip import Clip
from lvspec_cli.video.clock import LEAST_LEAD_S, before_pictures, lead_s
from lvspec_cli.video.index import COUNTED_WARNING, RATE_WARNING
from tests.video.barcode import read_barcodes
from tests.video.catalogue import ENCODINGS
from tests.video.conftest import MakeVideo, needs_decord
from tests.video.encoding import FRAMES, RATE, encode
from tests.video.sound import with_sound

EVERYTHING = ReadOptions(frame_count=768)
LATE_S = 3.0  # s of sound before the first picture
LENGTH_S = FRAMES / RATE
SOUND_PACKET_S = 0.03  # s; no sound begins earlier or later than this
DECODERS = ["pyav", pytest.param("decord", marks=needs_decord)]


@pytest.fixture
def late(make_video: MakeVideo, tmp_path: Path) -> Path:
    """A video whose first picture comes after three seconds of sound."""
    return with_sound(make_video("h264-mp4"), tmp_path / "late.mp4", LATE_S, 6)


def _assert_true_times(clip: Clip, lead: float) -> None:
    truth = [lead + number / RATE for number in read_barcodes(clip.frames)]
    assert clip.times == pytest.approx(truth, abs=SOUND_PACKET_S)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "ts", "flv"])
def test_pictures_that_begin_after_the_sound_keep_their_times(
    suffix: str, make_video: MakeVideo, tmp_path: Path
) -> None:
    path = with_sound(make_video("h264-mp4"), tmp_path / f"late.{suffix}", LATE_S, 6)
    clip = read_clip(path, EVERYTHING)
    assert len(clip.times) == FRAMES
    _assert_true_times(clip, LATE_S)
    facts = measure_video(path)
    assert (clip.start_s, clip.end_s) == (facts.first_frame_s, facts.duration_s) == (clip.times[0], clip.end_s)
    assert facts.duration_s == pytest.approx(LATE_S + LENGTH_S, abs=SOUND_PACKET_S)
    assert facts.average_frame_rate == pytest.approx(RATE)


@pytest.mark.parametrize(
    ("name", "suffix"), [("h264-mp4", "mp4"), ("h264-mp4", "mkv"), ("h264-mp4", "ts"), ("vp9-webm", "webm")]
)
def test_where_sound_and_pictures_begin_together_the_first_picture_is_at_0(
    name: str, suffix: str, make_video: MakeVideo, tmp_path: Path
) -> None:
    clip = read_clip(with_sound(make_video(name), tmp_path / f"both.{suffix}", 0.0, 2), EVERYTHING)
    assert (clip.times[0], clip.start_s, clip.facts.warnings) == (0.0, 0.0, ())
    assert clip.times == pytest.approx([number / RATE for number in read_barcodes(clip.frames)], abs=0.001)


def test_a_header_of_pictures_that_begin_late_ends_when_they_end(late: Path) -> None:
    assert inspect_video(late).duration_s == pytest.approx(LATE_S + LENGTH_S, abs=SOUND_PACKET_S)


@pytest.mark.parametrize("decoder", DECODERS)
def test_every_decoder_counts_from_the_same_beginning(decoder: str, late: Path) -> None:
    _assert_true_times(read_clip(late, replace(EVERYTHING, decoder=decoder)), LATE_S)
    assert measure_video(late, ReadOptions(decoder=decoder)).first_frame_s == pytest.approx(LATE_S, abs=SOUND_PACKET_S)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_span_is_of_the_players_clock_and_begins_no_earlier_than_the_pictures(decoder: str, late: Path) -> None:
    def span(start: float | None, end: float | None) -> tuple[float, float]:
        clip = read_clip(late, ReadOptions(frame_count=3, start_s=start, end_s=end, decoder=decoder))
        _assert_true_times(clip, LATE_S)
        assert all(clip.start_s - 1 / RATE < time < clip.end_s for time in clip.times)
        return clip.start_s, clip.end_s

    assert span(3.5, 4.0) == (3.5, 4.0)
    assert span(0.0, 4.0) == pytest.approx((LATE_S, 4.0), abs=SOUND_PACKET_S)
    assert span(None, None) == pytest.approx((LATE_S, LATE_S + LENGTH_S), abs=SOUND_PACKET_S)
    with pytest.raises(SelectionOutsideVideo, match=r"^--end 2 is not after the first frame .* at 3\.\d+ s: choose"):
        span(1.0, 2.0)
    with pytest.raises(SelectionOutsideVideo, match="past the end"):
        span(5.0, None)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_where_frames_are_counted_they_count_from_the_same_beginning(
    suffix: str, make_video: MakeVideo, tmp_path: Path
) -> None:
    path = with_sound(make_video("h264-avi"), tmp_path / f"late.{suffix}", LATE_S, 6)
    clip = read_clip(path, EVERYTHING)
    assert {COUNTED_WARNING, RATE_WARNING} & set(clip.facts.warnings)
    truth = [LATE_S + number / RATE for number in read_barcodes(clip.frames)]
    assert clip.times == pytest.approx(truth, abs=4 / RATE)  # of which the reordering has three
    # Who decodes but the first frame does not know that its time is worth nothing.
    assert measure_video(path).first_frame_s == pytest.approx(clip.facts.first_frame_s, abs=4 / RATE)


@pytest.mark.parametrize(("twice", "off_s"), [(False, 0.001), (True, 0.081)])
def test_frames_that_are_counted_keep_the_clock_however_unevenly_they_come(
    twice: bool, off_s: float, tmp_path: Path
) -> None:
    uneven = tuple(40 * number + (2000 if number >= 12 else 0) + (3000 if number >= 36 else 0) for number in range(48))
    encoding = replace(ENCODINGS["h264-mkv"], options={"bf": "3"}, times_ms=uneven)
    whole, broken = encode(encoding, tmp_path / "whole.mkv"), tmp_path / "broken.mkv"
    with av.open(str(whole)) as source, av.open(str(broken), "w") as target:
        pictures = source.streams.video[0]
        copied = target.add_stream_from_template(pictures)
        packets = [packet for packet in source.demux(pictures) if packet.pts is not None]
        # As copies have them that were made by way of AVI: shown when decoded.
        for packet, time in zip(packets[12:36], sorted(packet.pts for packet in packets[12:36]), strict=True):
            packet.pts = time
        packets[20].pts = packets[19].pts if twice else packets[20].pts
        for packet in packets:
            packet.stream = copied
            target.mux(packet)
    clip = read_clip(broken, EVERYTHING)
    assert COUNTED_WARNING in clip.facts.warnings
    assert clip.facts.duration_s == pytest.approx(uneven[-1] / 1000 + 0.04, abs=off_s)
    assert measure_video(broken).duration_s == pytest.approx(clip.facts.duration_s, abs=off_s)
    for time, number in zip(clip.times, read_barcodes(clip.frames), strict=True):
        if number < 10 or number >= 40:
            assert time == pytest.approx(uneven[number] / 1000, abs=off_s)


def test_pictures_that_an_avi_delays_begin_late(make_video: MakeVideo, tmp_path: Path) -> None:
    path = with_sound(make_video("mjpeg-avi"), tmp_path / "late.avi", 0.0, 6)
    data = bytearray(path.read_bytes())
    header = data.index(b"strh") + 8
    data[header + 28 : header + 32] = round(LATE_S * RATE).to_bytes(4, "little")  # dwStart
    path.write_bytes(data)
    clip = read_clip(path, EVERYTHING)
    # The muxer leaves a slot empty behind the first frame.
    truth = [LATE_S + number / RATE for number in read_barcodes(clip.frames)]
    assert clip.times == pytest.approx(truth, abs=1.01 / RATE)


@pytest.mark.parametrize("name", ["mpeg4-avi", "mpeg2-avi", "h264-avi", "mjpeg-avi"])
@pytest.mark.parametrize("rate", [25, 2])
def test_the_wait_of_a_decoder_is_no_lead(name: str, rate: int, tmp_path: Path) -> None:
    clip = read_clip(encode(replace(ENCODINGS[name], rate=rate), tmp_path / "slow.avi"), EVERYTHING)
    assert (clip.times[0], clip.facts.first_frame_s) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("started", "length", "streams", "lead"),
    [
        (1.4, 20.0, [], 3.0),
        (4.4, 20.0, [], 0.0),
        (1.4, 2.0, [1.0, None], 0.0),
        (1.4, 2.0, [2.0, 2.0], 3.0),  # as long as the longest stream, which is all that an MPEG stream tells
        (-10.0, 12.0, [12.0], 0.0),
        (1.4, None, [None], 3.0),
        (None, 20.0, [20.0], 0.0),
    ],
)
def test_a_lead_as_long_as_all_that_the_file_holds_is_of_another_clock(
    started: float | None, length: float | None, streams: list[float | None], lead: float
) -> None:
    def ticks(seconds: float | None) -> int | None:
        return None if seconds is None else round(seconds * 1_000_000)

    held = [SimpleNamespace(duration=ticks(each), time_base=Fraction(1, 1_000_000)) for each in streams]
    container = SimpleNamespace(start_time=ticks(started), duration=ticks(length), streams=held)
    stream: Any = SimpleNamespace(container=container)
    assert before_pictures(stream, Fraction(44, 10)) == Fraction(lead).limit_denominator(10)


def test_what_is_remembered_of_a_late_video_changes_nothing(late: Path) -> None:
    cache = VideoCache()
    options = [ReadOptions(frame_count=2, start_s=start) for start in (None, 3.5, 4.0, None)]
    remembered = [read_clip(late, each, cache) for each in options]
    afresh = [read_clip(late, each) for each in options]
    assert [clip.times for clip in remembered] == [clip.times for clip in afresh]
    assert [clip.facts for clip in remembered] == [clip.facts for clip in afresh]


def test_scenes_are_found_at_the_players_times(tmp_path: Path) -> None:
    pytest.importorskip("scenedetect")
    from tests.video.test_scenes import CUTS, SCENES

    scenes = encode(SCENES, tmp_path / "scenes.mp4")
    late = with_sound(scenes, tmp_path / "late.mp4", LATE_S, 10)
    begins = measure_video(late).first_frame_s
    assert begins == pytest.approx(LATE_S, abs=SOUND_PACKET_S)
    expected = [begins + cut / RATE for cut in CUTS]
    assert find_scenes(late) == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize(("late_s", "told"), [(0.0, []), (0.3, []), (0.96, ["0.96 s"])])
def test_a_first_picture_that_comes_late_is_told(
    decoder: str, late_s: float, told: list[str], make_video: MakeVideo, tmp_path: Path
) -> None:
    path = with_sound(make_video("h264-mp4"), tmp_path / "late.mp4", late_s, 3)
    clip = read_clip(path, ReadOptions(decoder=decoder))
    expected = r"the first frame that can be shown comes ([\d.]+ s) after the beginning of the file"
    assert [found for warning in clip.facts.warnings for found in re.findall(expected, warning)] == told


@given(st.fractions(0, 100))
def test_a_lead_is_told_exactly_or_is_none(lead: Fraction) -> None:
    assert lead_s(lead) == (float(lead) if lead >= LEAST_LEAD_S else 0.0)
