"""Damaged files give what is left of them, at its own time, and say so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest

from lvspec_cli.errors import NoFrames, VideoError
from lvspec_cli.video import ReadOptions, pyav_reader, read_clip
from lvspec_cli.video.clip import Clip
from lvspec_cli.video.clock import LEAST_LEAD_S
from lvspec_cli.video.index import COUNTED_WARNING
from lvspec_cli.video.packets import read_packets
from lvspec_cli.video.worker import VideoWorker
from tests.video.barcode import barcode_frame, read_barcode
from tests.video.catalogue import ENCODINGS
from tests.video.conftest import MakeVideo, needs_decord
from tests.video.encoding import encode

EVERYTHING = ReadOptions(frame_count=768)
TS_PACKET = 188  # bytes


def _assert_own_times(clip: Clip, first: int) -> None:
    """Each frame stands at the time of its own number; ``first`` is the number at time 0."""
    assert clip.times == pytest.approx([(n - first) / 25 for n in _numbers(clip)], abs=0.001)


def _numbers(clip: Clip) -> list[int]:
    return [read_barcode(frame) for frame in clip.frames]


@pytest.mark.parametrize("name", ["h264-ts", "mpeg2-ts", "hevc-ts", "h264-mkv", "h264-flv", "vp9-webm", "mpeg2-mpg"])
@pytest.mark.parametrize("share", [0.6, 0.8])
def test_a_cut_file_is_read_up_to_the_cut(name: str, share: float, make_video: MakeVideo, tmp_path: Path) -> None:
    data = make_video(name).read_bytes()
    cut = tmp_path / make_video(name).name
    cut.write_bytes(data[: int(len(data) * share)])
    clip = read_clip(cut, EVERYTHING)
    assert 6 < len(clip.times) < 48
    # The group of pictures at the cut lacks references: concealed frames at the very end may carry no clean barcode.
    intact = replace(clip, frames=clip.frames[:-6], times=clip.times[:-6])
    _assert_own_times(intact, first=0)


@pytest.mark.parametrize("name", ["h264-ts", "mpeg2-ts", "hevc-ts", "open-gop-ts"])
def test_a_recording_that_begins_in_the_middle_starts_at_its_first_whole_frame(
    name: str, make_video: MakeVideo, tmp_path: Path
) -> None:
    data = make_video(name).read_bytes()
    begun = tmp_path / "begun.ts"
    begun.write_bytes(data[len(data) // 2 // TS_PACKET * TS_PACKET :])
    clip = read_clip(begun, EVERYTHING)
    first = _numbers(clip)[0]
    assert _numbers(clip) == list(range(first, 48))
    undecodable = first - round((_earliest_s(begun) - _earliest_s(make_video(name))) * 25)
    assert first > 0
    assert 0 <= undecodable < 24
    _assert_own_times(clip, first - (undecodable if undecodable / 25 >= LEAST_LEAD_S else 0))
    assert clip.start_s == clip.times[0]


def _earliest_s(path: Path) -> float:
    """Seconds of the clock at which the first picture is shown that a packet tells of."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
        return min(float(packet.pts * packet.time_base) for packet in packets)


@pytest.mark.parametrize("name", ["h264-ts", "mpeg2-ts"])
def test_lost_transmission_shifts_no_later_frame(name: str, make_video: MakeVideo, tmp_path: Path) -> None:
    data = make_video(name).read_bytes()
    packets = [data[place : place + TS_PACKET] for place in range(0, len(data), TS_PACKET)]
    third = len(packets) // 3
    lossy = tmp_path / "lossy.ts"
    lossy.write_bytes(b"".join(packets[:third] + packets[third + 6 :]))
    clip = read_clip(lossy, EVERYTHING)
    numbers = _numbers(replace(clip, frames=clip.frames[-12:]))
    assert numbers == list(range(36, 48))
    assert clip.times[-12:] == pytest.approx([number / 25 for number in numbers], abs=0.001)


def _with_holes(video: Path, numbers: Iterable[int], path: Path) -> Path:
    """A Motion JPEG file with the data of some frames wiped out."""
    data = bytearray(video.read_bytes())
    starts = [match.start() for match in re.finditer(b"\xff\xd8\xff", data)]
    ends = [match.end() for match in re.finditer(b"\xff\xd9", data)]
    assert len(starts) == len(ends) == 48
    for number in numbers:
        data[starts[number] : ends[number]] = bytes(ends[number] - starts[number])
    path.write_bytes(data)
    return path


def test_refused_packets_are_skipped_counted_and_told(make_video: MakeVideo, tmp_path: Path) -> None:
    clip = read_clip(_with_holes(make_video("mjpeg-mov"), (7, 20, 21), tmp_path / "holes.mov"), EVERYTHING)
    assert clip.facts.bad_packets == 3
    assert any("3 bad packets were skipped" in warning for warning in clip.facts.warnings)
    assert _numbers(clip) == [number for number in range(48) if number not in (7, 20, 21)]
    _assert_own_times(clip, first=0)


def test_a_hole_shows_the_frame_before_it(make_video: MakeVideo, tmp_path: Path) -> None:
    path = _with_holes(make_video("mjpeg-mov"), [24], tmp_path / "hole.mov")
    clip = read_clip(path, ReadOptions(frame_count=1))  # the middle is in frame 24
    assert _numbers(clip) == [23]
    assert clip.times == pytest.approx([23 / 25])
    assert clip.facts.bad_packets == 1  # though the hole was come upon twice: by the seek that it failed, and after


def test_a_packet_that_demuxer_and_decoder_find_bad_counts_once(
    make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Marked:
        """A packet that the demuxer has marked."""

        is_corrupt = True

        def __init__(self, packet: Any) -> None:
            self._packet = packet

        def __getattr__(self, name: str) -> Any:
            return getattr(self._packet, name)

    class MarkingContainer:
        """A container whose demuxer marks two packets: one with a hole and a good one."""

        def __init__(self, container: Any) -> None:
            self._container = container

        def demux(self, stream: Any) -> Iterator[Any]:
            for number, packet in enumerate(self._container.demux(stream)):
                yield Marked(packet) if number in (7, 9) else packet

    def read_marked(container: Any, stream: Any) -> Any:
        return read_packets(cast(Any, MarkingContainer(container)), stream)

    path = _with_holes(make_video("mjpeg-mov"), [7], tmp_path / "hole.mov")
    monkeypatch.setattr(pyav_reader, "read_packets", read_marked)
    assert read_clip(path, EVERYTHING).facts.bad_packets == 2


@pytest.mark.parametrize(("lost", "told"), [(0, []), (12, []), (24, ["0.96 s"])])
def test_a_damaged_beginning_moves_no_later_frame_and_is_told(
    lost: int, told: list[str], make_video: MakeVideo
) -> None:
    clip = read_clip(_hollow(make_video("h264-mp4"), 0, lost), EVERYTHING)
    assert _numbers(clip)[0] == lost
    _assert_own_times(clip, first=0)
    late = [each for each in clip.facts.warnings if each.startswith("the first frame that can be shown comes ")]
    assert [re.findall(r"[\d.]+ s\b", warning) for warning in late] == ([told] if told else [])


def test_nothing_decodable_is_an_error(make_video: MakeVideo, tmp_path: Path) -> None:
    path = _with_holes(make_video("mjpeg-mov"), range(48), tmp_path / "hollow.mov")
    with pytest.raises(NoFrames, match="copy or record it again"):
        read_clip(path)


def _hollow(video: Path, first: int, last: int) -> Path:
    """The video with the data of the packets from the first to before the last wiped out."""
    data, path = bytearray(video.read_bytes()), video.with_name(f"hollow-{video.name}")
    with av.open(str(video)) as container:
        packets = [packet for packet in container.demux(container.streams.video[0]) if packet.size]
    for packet in packets[first:last]:
        assert packet.pos is not None
        start = data.index(bytes(packet), packet.pos)
        data[start : start + packet.size] = bytes(packet.size)
    path.write_bytes(data)
    return path


def _read_span(path: Path, first: int, last: int, **options: Any) -> Clip:
    """The span that begins with one frame and ends before another, at 25 frames per second."""
    return read_clip(path, ReadOptions(start_s=first / 25, end_s=last / 25, **{"frame_count": 4, **options}))


HOLLOW = [
    "mjpeg-avi",
    "mjpeg-mov",
    "h264-mp4",
    "h264-avi",
    "mpeg1-avi",
    "mpeg2-avi",
    "mpeg4-avi",
    "mpeg4-mp4",
    "prores-mov",
    "vp9-webm",
    "hevc-mp4",
    "long-gop-mp4",
]


@pytest.mark.parametrize("name", HOLLOW)
def test_a_span_of_which_nothing_can_be_decoded_is_an_error(name: str, tmp_path: Path) -> None:
    path = _hollow(encode(replace(ENCODINGS[name], frame_count=72), tmp_path / ENCODINGS[name].file_name), 24, 48)
    with pytest.raises(NoFrames, match=r"no frame of .* from 1\.2 s to 1\.6 s can be decoded: it is damaged there"):
        _read_span(path, 30, 40)
    with pytest.raises(NoFrames):
        _read_span(path, 28, 46, frame_count=None, frames_per_second=25)
    assert all(12 / 25 <= time < 20 / 25 for time in _read_span(path, 12, 20).times)
    whole = read_clip(path, EVERYTHING)
    assert whole.facts.bad_packets == 24
    assert not any(30 / 25 <= time < 40 / 25 for time in whole.times)


def test_a_span_of_which_nothing_can_be_decoded_is_an_error_with_the_worker_too(
    make_video: MakeVideo, tmp_path: Path
) -> None:
    path = _with_holes(make_video("mjpeg-mov"), range(12, 36), tmp_path / "hollow.mov")
    with VideoWorker() as worker, pytest.raises(NoFrames, match=r"from 0\.6 s to 1\.2 s"):
        worker.read(str(path), ReadOptions(start_s=0.6, end_s=1.2))


@needs_decord
def test_a_span_of_which_nothing_can_be_decoded_is_an_error_with_decord_too(
    make_video: MakeVideo, tmp_path: Path
) -> None:
    path = _with_holes(make_video("mjpeg-mov"), range(12, 36), tmp_path / "hollow.mov")
    with pytest.raises(NoFrames, match="use --decoder pyav"):
        _read_span(path, 15, 30, decoder="decord")


def test_a_span_is_shown_by_what_can_be_decoded_of_it(make_video: MakeVideo, tmp_path: Path) -> None:
    path = _with_holes(make_video("mjpeg-mov"), range(12, 36), tmp_path / "hollow.mov")
    assert _numbers(_read_span(path, 8, 24)) == [10, 11]  # and nothing stands for what comes later
    assert _numbers(_read_span(path, 20, 40)) == [37]
    assert _numbers(_read_span(path, 20, 40, frame_count=1)) == [36]  # not showing at the middle, but in the span
    assert _numbers(_read_span(path, 36, 37)) == [36]


@pytest.mark.parametrize("name", ["h264-mp4", "h264-avi", "mpeg4-avi", "mjpeg-avi", "vp8-webm", "vp9-webm", "h264-ts"])
def test_a_span_between_two_frames_is_shown_by_the_one_before(name: str, tmp_path: Path) -> None:
    sparse = replace(ENCODINGS[name], frame_count=8, rate=1)
    path = encode(sparse, tmp_path / sparse.file_name)
    for start in (0.25, 2.5, 3.75, 5.1, 6.5):
        clip = read_clip(path, ReadOptions(frame_count=2, start_s=start, end_s=start + 0.2))
        assert _numbers(clip) == [int(start)]


def test_what_is_held_for_long_is_shown_in_every_span_until_the_next_that_is_damaged(tmp_path: Path) -> None:
    held = replace(ENCODINGS["mjpeg-mov"], frame_count=4, times_ms=(0, 20_000, 40_000, 60_000))
    path = encode(held, tmp_path / "held.mov")
    hollow = _hollow(path, 1, 2)
    for start, number in ((5, 0), (19, 0), (25, 1), (45, 2)):
        options = ReadOptions(frame_count=2, start_s=start, end_s=start + 0.5)
        assert _numbers(read_clip(path, options)) == [number]
        if number == 1:
            with pytest.raises(NoFrames):
                read_clip(hollow, options)
        else:
            assert _numbers(read_clip(hollow, options)) == [number]


def test_where_frames_are_counted_those_behind_a_hole_keep_their_times(tmp_path: Path) -> None:
    path = _hollow(encode(replace(ENCODINGS["h264-avi"], frame_count=96), tmp_path / "counted.avi"), 24, 48)
    clip = _read_span(path, 60, 96, frame_count=36)  # a group of pictures behind the hole: barcodes are clean again
    assert _numbers(clip) == list(range(60, 96))
    _assert_own_times(clip, first=0)


@pytest.mark.parametrize("seed", range(25))
def test_random_damage_never_ends_in_anything_but_a_clip_or_a_typed_error(
    seed: int, make_video: MakeVideo, tmp_path: Path
) -> None:
    random = np.random.default_rng(seed)
    name = sorted(ENCODINGS)[int(random.integers(len(ENCODINGS)))]
    data = np.frombuffer(make_video(name).read_bytes(), np.uint8).copy()
    for place in random.integers(0, len(data), size=8):
        data[place : place + 16] = random.integers(0, 256, size=len(data[place : place + 16]))
    path = tmp_path / make_video(name).name
    path.write_bytes(data.tobytes())
    try:
        clip = read_clip(path)
    except VideoError:
        return
    assert len(clip.frames) == len(clip.times) >= 1
    assert list(clip.times) == sorted(set(clip.times))


def test_a_file_with_two_videos_takes_the_larger_one(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = []
        for size in ((96, 64), (192, 128)):
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            streams.append(stream)
        for stream in streams:
            frame = av.VideoFrame.from_ndarray(barcode_frame(stream.width, stream.width, stream.height), format="rgb24")
            container.mux([*stream.encode(frame), *stream.encode(None)])
    assert _numbers(read_clip(path)) == [192]


def test_a_long_gap_between_frames_shows_the_frame_before_it(tmp_path: Path) -> None:
    times = (0, 40, 80, 20_000, 20_040)
    encoding = replace(ENCODINGS["h264-mkv"], frame_count=5, times_ms=times)
    clip = read_clip(encode(encoding, tmp_path / "gap.mkv"), ReadOptions(frame_count=4))
    assert _numbers(clip) == [2]
    assert clip.times == (0.08,)


@pytest.mark.parametrize("first", [23, 24])
@pytest.mark.parametrize("count", [1, 3, 12, 24, 48])
@pytest.mark.parametrize("name", ["mpeg1-avi", "mpeg2-avi", "mpeg4-avi"])
def test_a_frame_before_a_hole_is_not_shown_at_its_end(name: str, count: int, first: int, tmp_path: Path) -> None:
    # AVI has no presentation times: what the demuxer makes up for it is when the hole ends.
    encoding = replace(ENCODINGS[name], file_name="made-up.avi", frame_count=96, group_of_pictures=3)
    path = _hollow(encode(encoding, tmp_path / encoding.file_name), first, first + count)
    clip = read_clip(path, EVERYTHING)
    assert clip.facts.bad_packets == count
    assert any(f"{count} bad packet" in warning for warning in clip.facts.warnings)
    assert read_clip(path, ReadOptions(end_s=0.4)).facts.bad_packets == 0
    last = 24  # frame 24, which comes before those that it is a reference of, is the last one that can be decoded
    before = sum(time < (first - 1) / 25 for time in clip.times)
    assert _numbers(replace(clip, frames=clip.frames[:before])) == list(range(before))
    for time, frame in zip(clip.times[before:], clip.frames[before:], strict=True):
        with suppress(ValueError):  # references are missing: the first ones behind the hole have no clean barcode
            assert read_barcode(frame) != last or time == pytest.approx(last / 25, abs=0.041)
    behind = clip.times[-20:]
    assert behind == pytest.approx([number / 25 for number in range(76, 96)])
    assert _numbers(replace(clip, frames=clip.frames[-20:])) == list(range(76, 96))


@pytest.mark.parametrize(("name", "end"), [("mpeg1-avi", 4), ("mpeg2-avi", 4), ("mpeg4-avi", 4), ("mpeg4-avi", 2)])
def test_a_hole_behind_the_first_frame_shifts_no_later_one(name: str, end: int, tmp_path: Path) -> None:
    encoding = replace(ENCODINGS[name], group_of_pictures=3)
    clip = read_clip(_hollow(encode(encoding, tmp_path / encoding.file_name), 1, end), EVERYTHING)
    assert clip.times[0] == 0.0
    behind = replace(clip, frames=clip.frames[-30:], times=clip.times[-30:])
    assert _numbers(behind) == list(range(18, 48))
    _assert_own_times(behind, first=0)


def test_many_small_holes_keep_frames_at_their_times(tmp_path: Path) -> None:
    path = encode(replace(ENCODINGS["mpeg4-avi"], frame_count=96, group_of_pictures=3), tmp_path / "holes.avi")
    for first in range(6, 90, 7):
        path = _hollow(path, first, first + 1)
    clip = read_clip(path, EVERYTHING)
    assert clip.facts.bad_packets == 12
    assert COUNTED_WARNING not in clip.facts.warnings
    assert _numbers(replace(clip, frames=clip.frames[-6:])) == list(range(90, 96))
    assert clip.times[-6:] == pytest.approx([number / 25 for number in range(90, 96)])
