"""The default reader: PyAV, frames chosen by presentation time, every seek verified."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lvspec_cli.video.clip import Clip, VideoFacts
from lvspec_cli.video.container import open_stream
from lvspec_cli.video.conversion import FrameConverter
from lvspec_cli.video.cursor import FrameCursor, TimestampsContradict
from lvspec_cli.video.index import FrameIndex, build_index
from lvspec_cli.video.limits import check_duration, no_frames
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.packets import read_packets
from lvspec_cli.video.probe import header_facts
from lvspec_cli.video.selection import Selection, select, showing
from lvspec_cli.video.source import VideoPath


@dataclass(frozen=True)
class Trust:
    """How far the timestamps of a file are believed."""

    timestamps: bool  # packets say when their frames are shown
    seeking: bool  # a seek keeps the clock


ATTEMPTS = (Trust(True, True), Trust(True, False), Trust(False, False))  # each believes less


def read_with_pyav(path: VideoPath, options: ReadOptions) -> Clip:
    """The selected frames of a container file.

    Raises:
        VideoError: as ``read_clip`` says.
    """
    container, stream = open_stream(path, options)
    with container:
        packets, complete = read_packets(container, stream)
        for trust in ATTEMPTS if packets else ():
            index = build_index(packets, stream, complete, trust.timestamps)
            try:
                return _read_clip(path, options, index, trust.seeking)
            except TimestampsContradict:
                continue
    raise no_frames(path)


def _read_clip(path: VideoPath, options: ReadOptions, index: FrameIndex, may_seek: bool) -> Clip:
    with FrameCursor(partial(open_stream, path, options), index, may_seek) as cursor:
        first = cursor.first()
        if first is None:
            raise no_frames(path)
        index = index.starting_at(first[0])
        check_duration(path, index.duration_s, options)
        selection = select(options, index.duration_s)
        chosen = showing(index.times_s, selection.moments, float(index.time_base))
        converter = FrameConverter(path, cursor.stream, first[1], options, len(chosen))
        frames = np.empty((len(chosen), converter.box.height, converter.box.width, 3), np.uint8)
        timestamps = _fill(frames, [index.timestamps[place] for place in chosen], cursor, converter)
        if not timestamps:
            raise no_frames(path)
        facts = _facts(path, cursor, index, selection, converter)
    times = tuple(index.seconds(timestamp) for timestamp in timestamps)
    return Clip(frames[: len(times)], times, selection.start_s, selection.end_s, facts)


def _fill(frames: NDArray[np.uint8], wanted: list[int], cursor: FrameCursor, converter: FrameConverter) -> list[int]:
    """Write the frames showing at the wanted timestamps, repeats left out, and return their own timestamps."""
    timestamps: list[int] = []
    for timestamp in wanted:
        found = cursor.frame_at(timestamp)
        # A frame may be damaged or never shown: then the one before it is still showing.
        if found is not None and (not timestamps or found[0] > timestamps[-1]):
            frames[len(timestamps)] = converter(found[1])
            timestamps.append(found[0])
    return timestamps


def _facts(
    path: VideoPath, cursor: FrameCursor, index: FrameIndex, selection: Selection, converter: FrameConverter
) -> VideoFacts:
    bad_packets = len(cursor.bad_packets)
    damage = [f"{bad_packets} bad packets were skipped"] if bad_packets else []
    if cursor.stray_frames:
        damage.append(f"{cursor.stray_frames} frames with contradictory times were left out")
    return replace(
        header_facts(path, cursor.stream, converter.geometry),
        duration_s=index.duration_s,
        average_frame_rate=index.average_rate,
        bad_packets=bad_packets,
        warnings=(*selection.warnings, *index.warnings, *damage, *converter.warnings),
    )
