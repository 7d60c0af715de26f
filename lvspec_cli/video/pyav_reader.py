"""The default reader: PyAV, frames chosen by presentation time, every seek verified."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from lvspec_cli.video.cache import Learnt, VideoCache
from lvspec_cli.video.clip import Clip, VideoFacts
from lvspec_cli.video.clock import late_warnings
from lvspec_cli.video.container import open_stream
from lvspec_cli.video.conversion import FrameConverter
from lvspec_cli.video.cursor import FrameCursor, Shown, TimestampsContradict
from lvspec_cli.video.fingerprint import file_fingerprint
from lvspec_cli.video.index import FrameIndex, build_index
from lvspec_cli.video.limits import check_duration, no_frames
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.packets import read_packets
from lvspec_cli.video.probe import header_facts
from lvspec_cli.video.selection import Selection, select, showing
from lvspec_cli.video.source import VideoPath

Result = TypeVar("Result")


@dataclass(frozen=True)
class Trust:
    """How far the timestamps of a file are believed."""

    timestamps: bool  # packets say when their frames are shown
    seeking: bool  # a seek keeps the clock


ATTEMPTS = (Trust(True, True), Trust(True, False), Trust(False, False))  # each believes less


@dataclass(frozen=True)
class OpenedVideo:
    """A stream at its first frame, and when its frames are shown."""

    cursor: FrameCursor
    first: VideoFrame  # that can be decoded
    index: FrameIndex  # from that frame on


def read_with_pyav(path: VideoPath, options: ReadOptions, cache: VideoCache) -> Clip:
    """The selected frames of a container file.

    Raises:
        VideoError: as ``read_clip`` says.
    """

    def read(video: OpenedVideo, learnt: Learnt) -> Clip:
        index = video.index
        selection = select(options, index.duration_s, index.lead_s)
        chosen = showing(index.times_s, selection.moments, float(index.time_base))
        converter = FrameConverter(path, video.cursor.stream, video.first, options, len(chosen))
        frames = np.empty((len(chosen), converter.box.height, converter.box.width, 3), np.uint8)
        timestamps = _fill(frames, [index.timestamps[place] for place in chosen], video, selection, converter)
        if not timestamps:
            raise no_frames(path, selection)
        facts = _facts(path, video, learnt, selection, converter)
        times = tuple(index.seconds(timestamp) for timestamp in timestamps)
        return Clip(frames[: len(times)], times, selection.start_s, selection.end_s, facts)

    return with_opened(path, options, cache, read)


def measure_with_pyav(path: VideoPath, options: ReadOptions, cache: VideoCache) -> VideoFacts:
    """The facts of a container file with its true duration, without decoding more than its first frame.

    Raises:
        VideoError: as ``read_clip`` says.
    """

    def measure(video: OpenedVideo, learnt: Learnt) -> VideoFacts:
        selection = select(options, video.index.duration_s, video.index.lead_s)
        converter = FrameConverter(path, video.cursor.stream, video.first, options)
        return _facts(path, video, learnt, selection, converter)

    return with_opened(path, options, cache, measure)


def with_opened(
    path: VideoPath, options: ReadOptions, cache: VideoCache, use: Callable[[OpenedVideo, Learnt], Result]
) -> Result:
    """What ``use`` makes of the opened video; it is called anew, with less trust, where timestamps contradict.

    Raises:
        VideoError: as ``read_clip`` says.
    """
    learnt = cache.of([path])
    for trust in ATTEMPTS:
        name = "index" if trust.timestamps else "index without timestamps"
        index = learnt.recall(name, partial(_index, path, options, trust.timestamps))
        try:
            with FrameCursor(partial(open_stream, path, options), index, trust.seeking) as cursor:
                first = cursor.upcoming()
                if first is None:
                    raise no_frames(path)
                index = learnt.recall(f"{name} from the first frame", partial(index.starting_at, first[0]))
                check_duration(path, index.duration_s, options)
                return use(OpenedVideo(cursor, first[1], index), learnt)
        except TimestampsContradict:
            continue
    raise no_frames(path)


def _index(path: VideoPath, options: ReadOptions, trusted: bool) -> FrameIndex:
    container, stream = open_stream(path, options)
    with container:
        packets, complete = read_packets(container, stream)
        if not packets:
            raise no_frames(path)
        return build_index(packets, stream, complete, trusted)


def _fill(
    frames: NDArray[np.uint8], wanted: list[int], video: OpenedVideo, selection: Selection, converter: FrameConverter
) -> list[int]:
    """Write the frames showing at the wanted timestamps, repeats left out, and return their own timestamps.

    None of them was over before the selected span began. Where the decoder refused all that was wanted, the first frame
    behind it is taken that is shown within the span, if there is one.
    """
    cursor, index = video.cursor, video.index
    earliest = index.timestamps[showing(index.times_s, [selection.start_s], float(index.time_base))[0]]
    timestamps: list[int] = []

    def take(found: Shown) -> None:
        frames[len(timestamps)] = converter(found[1])
        timestamps.append(found[0])

    for timestamp in wanted:
        found = cursor.frame_at(timestamp)
        # A frame may be damaged or never shown: then the one before it is still showing. Packets of frames that are
        # never shown look like others, and only what the decoder refused has hidden a frame that would have come.
        is_over = found is not None and found[0] < earliest and cursor.was_refused
        if found is not None and not is_over and (not timestamps or found[0] > timestamps[-1]):
            take(found)
    if not timestamps:
        upcoming = cursor.upcoming()
        if upcoming is not None and index.seconds(upcoming[0]) < selection.end_s:
            take(upcoming)
    return timestamps


def _facts(
    path: VideoPath, video: OpenedVideo, learnt: Learnt, selection: Selection, converter: FrameConverter
) -> VideoFacts:
    cursor, index = video.cursor, video.index
    bad_packets = len(cursor.bad_packets)
    damage = [f"{_were(bad_packets, 'bad packet')} skipped"] if bad_packets else []
    if cursor.stray_frames:
        damage.append(f"{_were(cursor.stray_frames, 'frame')} left out for contradictory times")
    if cursor.unplaced_frames:
        lost = _were(len(cursor.unplaced_frames), "frame")
        damage.append(f"{lost} left out before damage: when to show such frames is lost")
    fingerprint = learnt.recall("fingerprint", partial(file_fingerprint, path))
    return replace(
        header_facts(path, cursor.stream, converter.geometry, fingerprint),
        duration_s=index.duration_s,
        first_frame_s=index.lead_s,
        average_frame_rate=index.average_rate,
        bad_packets=bad_packets,
        warnings=(*selection.warnings, *index.warnings, *late_warnings(index.lead_s), *damage, *converter.warnings),
    )


def _were(count: int, name: str) -> str:
    return f"{count} {name} was" if count == 1 else f"{count} {name}s were"
