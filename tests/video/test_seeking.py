"""A seek counts only if it is proved: lying key frames, late landings and broken clocks never yield a wrong frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.video import ReadOptions, read_clip
from lvspec_cli.video.container import open_stream
from lvspec_cli.video.conversion import FrameConverter
from lvspec_cli.video.cursor import FrameCursor
from lvspec_cli.video.index import FrameIndex, build_index
from lvspec_cli.video.packets import PacketFacts, believed_times, read_packets, too_many_strays
from tests.video.barcode import read_barcode, read_barcodes
from tests.video.conftest import MakeVideo

OPTIONS = ReadOptions()


def _index(path: Path) -> FrameIndex:
    container, stream = open_stream(path, OPTIONS)
    with container:
        return build_index(*_packets_of(container, stream))


def _packets_of(container: Any, stream: Any) -> tuple[list[PacketFacts], Any, bool]:
    packets, complete = read_packets(container, stream)
    return packets, stream, complete


class _Misled:
    """A container whose seeks are shifted by so many frames, as by a wrong index."""

    def __init__(self, container: Any, ticks: int) -> None:
        self._container, self._ticks, self.seeks = container, ticks, 0

    def seek(self, offset: int, **options: Any) -> None:
        self.seeks += 1
        self._container.seek(offset + self._ticks, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)


def _numbers(path: Path, wanted: list[int], open_it: Any) -> list[int]:
    """The barcodes of the frames at the wanted places, through a cursor over what ``open_it`` opens."""
    index = _index(path)
    with FrameCursor(open_it, index) as cursor:
        first = cursor.upcoming()
        assert first is not None
        convert = FrameConverter(path, cursor.stream, first[1], OPTIONS)
        found = [cursor.frame_at(index.timestamps[place]) for place in wanted]
        assert [f[0] for f in found if f is not None] == [index.timestamps[place] for place in wanted]
        return [read_barcode(convert(f[1])) for f in found if f is not None]


def _numbers_and_seeks(path: Path, wanted: list[int], frames_off: int = 0) -> tuple[list[int], int]:
    """`_numbers`, and how often it took a seek, if every seek lands so many frames off (at 25 frames a second)."""
    opened: list[_Misled] = []

    def open_misled() -> tuple[Any, Any]:
        container, stream = open_stream(path, OPTIONS)
        assert stream.time_base is not None
        opened.append(_Misled(container, round(frames_off / 25 / stream.time_base)))
        return opened[-1], stream

    return _numbers(path, wanted, open_misled), sum(container.seeks for container in opened)


@pytest.mark.parametrize("frames", [-30, -13, -1, 1, 13, 30])
@pytest.mark.parametrize("name", ["h264-mp4", "open-gop-mkv", "mpeg2-ts", "tiny-gop-mp4"])
def test_a_seek_that_lands_elsewhere_is_noticed(name: str, frames: int, make_video: MakeVideo) -> None:
    numbers, seeks = _numbers_and_seeks(make_video(name), [14, 40, 47], frames)
    assert numbers == [14, 40, 47]
    assert seeks > 0


def test_the_cursor_seeks_over_what_it_does_not_need(make_video: MakeVideo) -> None:
    wanted = [1, 5, 30, 31, 47]
    assert _numbers_and_seeks(make_video("h264-mp4"), wanted) == (wanted, 2)


@pytest.mark.parametrize(("step", "seeks"), [(1, 0), (2, 0), (3, 0), (8, 5)])
def test_frames_that_are_near_are_decoded_on_to(step: int, seeks: int, make_video: MakeVideo) -> None:
    wanted = list(range(0, 48, step))
    assert _numbers_and_seeks(make_video("mjpeg-mov"), wanted) == (wanted, seeks)


def test_frames_flagged_as_keys_by_mistake_are_not_believed(make_video: MakeVideo, tmp_path: Path) -> None:
    lying = tmp_path / "all-keys.mp4"
    with av.open(str(make_video("mpeg4-mp4"))) as source, av.open(str(lying), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream, packet.is_keyframe = stream, True
                target.mux(packet)
    assert len(_index(lying).keys) == 48
    for number in range(0, 48, 5):
        options = ReadOptions(frame_count=1, start_s=number / 25 + 0.01, end_s=number / 25 + 0.03)
        assert read_barcodes(read_clip(lying, options).frames) == [number]


@pytest.mark.parametrize("name", ["h264-ts", "mpeg2-ts", "h264-mkv"])
def test_a_clock_that_starts_again_is_counted_through(name: str, make_video: MakeVideo, tmp_path: Path) -> None:
    twice = tmp_path / make_video(name).name
    twice.write_bytes(make_video(name).read_bytes() * 2)
    clip = read_clip(twice, ReadOptions(frame_count=768))
    assert read_barcodes(clip.frames) == [*range(48), *range(48)]
    assert clip.times == pytest.approx([number / 25 for number in range(96)], abs=0.001)


def test_one_stray_clock_reading_is_passed_over() -> None:
    packets = [PacketFacts(n, n, 1, True, False, None, False) for n in range(50)]
    packets[20] = PacketFacts(9999, 9999, 1, True, False, None, False)
    assert believed_times(packets) == [None if n == 20 else n for n in range(50)]


@given(st.lists(st.one_of(st.none(), st.integers(-50, 50)), min_size=1, max_size=40))
def test_believed_decoding_times_never_descend_and_no_longer_ascent_exists(times: list[int | None]) -> None:
    packets = [PacketFacts(place, time, 1, False, False, None, False) for place, time in enumerate(times)]
    believed = [place for place in believed_times(packets) if place is not None]
    kept = [times[place] for place in believed if times[place] is not None]
    assert kept == sorted(kept)
    assert sum(times[place] is None for place in believed) == times.count(None)
    best: list[int] = []  # longest ascent that ends at each known time, by the textbook recurrence
    known = [time for time in times if time is not None]
    for place, time in enumerate(known):
        best.append(1 + max((best[p] for p in range(place) if known[p] <= time), default=0))
    assert len(kept) == max(best, default=0)


def test_strays_are_tolerated_by_share_and_not_by_habit() -> None:
    assert not too_many_strays(2, 10)
    assert too_many_strays(3, 10)
    assert not too_many_strays(50, 1000)
    assert too_many_strays(400, 1000)


def test_keys_are_tried_from_the_nearest_back_in_growing_steps(make_video: MakeVideo) -> None:
    index = _index(make_video("mjpeg-mov"))
    tried = list(index.earlier_keys(index.timestamps[40]))
    assert [index.timestamps.index(key) for key in tried] == [40, 39, 37, 33, 25, 9]
    assert index.key_at_or_before(index.timestamps[0] - 1) is None
