"""The reader behind ``decoder="decord"``: frames are picked by time here, decord decodes them.

decord ignores edit lists and returns frames of another group of pictures, in silence, from MPEG-TS and MPEG-PS, which
are refused here, and from some open-GOP files; that is why it is not the default.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lvspec_cli.errors import DecoderUnavailable, NoFrames
from lvspec_cli.video.cache import VideoCache
from lvspec_cli.video.clip import Clip, VideoFacts
from lvspec_cli.video.clock import before_pictures, late_warnings, lead_s
from lvspec_cli.video.container import open_stream
from lvspec_cli.video.limits import check_duration, output_box
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.probe import inspect_container
from lvspec_cli.video.selection import select, showing
from lvspec_cli.video.source import VideoPath, shown

THREADS = 2  # decord fails on some VP9 files with its default and with more
TICK_S = 0.001  # its times are 32-bit floats: this is their resolution after some hours
WRONG_FRAMES = ("mpegts", "mpeg")  # containers whose frames it gives for one another
TIMES_WARNING = "decord gave no usable times; they were worked out from the frame rate"


@dataclass(frozen=True)
class Timeline:
    """When decord's frames are shown."""

    times_s: NDArray[np.float64]  # seconds into the video, ascending
    duration_s: float  # seconds until the last one's end
    warnings: tuple[str, ...]

    @property
    def first_frame_s(self) -> float:
        """Seconds into the video of the first frame."""
        return float(self.times_s[0])


def read_with_decord(path: VideoPath, options: ReadOptions, cache: VideoCache) -> Clip:
    """The selected frames of a container file, decoded by decord. Only the fingerprint is remembered.

    Raises:
        DecoderUnavailable: decord is not installed.
        VideoError: as ``read_clip`` says.
    """
    with _opened(path, options, cache) as (reader, timeline, facts):
        selection = select(options, timeline.duration_s, timeline.first_frame_s)
        chosen = showing(timeline.times_s.tolist(), selection.moments, TICK_S)
        box = output_box(path, (facts.width, facts.height), len(chosen), options)
        frames = np.empty((len(chosen), box.height, box.width, 3), np.uint8)
        for place, index in enumerate(chosen):
            frames[place] = _resized(reader[index].asnumpy(), box.width, box.height)
    warnings = selection.warnings + timeline.warnings + box.warnings
    times = tuple(float(timeline.times_s[index]) for index in chosen)
    return Clip(frames, times, selection.start_s, selection.end_s, _facts(facts, timeline, warnings))


def measure_with_decord(path: VideoPath, options: ReadOptions, cache: VideoCache) -> VideoFacts:
    """The facts of a container file, with its duration as decord has it. Raises as ``read_with_decord`` does."""
    with _opened(path, options, cache) as (_, timeline, facts):
        selection = select(options, timeline.duration_s, timeline.first_frame_s)
    return _facts(facts, timeline, selection.warnings + timeline.warnings)


@contextmanager
def _opened(path: VideoPath, options: ReadOptions, cache: VideoCache) -> Iterator[tuple[Any, Timeline, VideoFacts]]:
    """decord's reader, when its frames are shown, and the facts of the header; decord's errors become NoFrames."""
    decord = _import_decord()
    facts = inspect_container(path, options, cache)  # PyAV vets it: decord would follow a playlist to other files
    if facts.container in WRONG_FRAMES:
        raise NoFrames(f"decord takes frames of {shown(path)}, an MPEG stream, for one another: use --decoder pyav")
    try:
        reader = decord.VideoReader(f"file:{os.fspath(path)}", ctx=decord.cpu(0), num_threads=THREADS)
        timeline = _timeline(reader, _lead_s(path, options))
        check_duration(path, timeline.duration_s, options)
        yield reader, timeline, facts
    except (decord.DECORDError, RuntimeError, IndexError) as error:
        raise NoFrames(f"decord cannot decode {shown(path)}: use --decoder pyav") from error


def _import_decord() -> Any:
    try:
        import decord
    except ImportError as error:
        raise DecoderUnavailable("--decoder decord needs the package decord: install it, or use pyav") from error
    return decord


def _lead_s(path: VideoPath, options: ReadOptions) -> float:
    """Seconds into the video of the first packet's frame, which decord takes for the first."""
    container, stream = open_stream(path, options)
    with container:
        for packet in container.demux(stream):
            if packet.pts is not None and packet.time_base is not None:
                return lead_s(before_pictures(stream, packet.pts * packet.time_base))
    return 0.0


def _timeline(reader: Any, first_s: float) -> Timeline:
    # [n, 2]: seconds at which each frame appears and disappears.
    spans = np.asarray(reader.get_frame_timestamp(range(len(reader))), np.float64).reshape(-1, 2)
    times = spans[:, 0] - spans[0, 0]
    if np.isfinite(spans).all() and (np.diff(times) > 0).all() and spans[0, 0] >= 0:
        return Timeline(first_s + times, first_s + max(float(spans[-1, 1] - spans[0, 0]), float(times[-1])), ())
    rate = reader.get_avg_fps()
    if not rate > 0:
        raise RuntimeError("neither times nor a frame rate")
    return Timeline(first_s + np.arange(len(reader)) / rate, first_s + len(reader) / rate, (TIMES_WARNING,))


def _resized(frame: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The frame [h, w, 3], which decord has already turned upright, at [height, width, 3]."""
    if frame.shape[:2] == (height, width):
        return frame
    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC))


def _facts(facts: VideoFacts, timeline: Timeline, warnings: tuple[str, ...]) -> VideoFacts:
    times = timeline.times_s
    return replace(
        facts,
        duration_s=timeline.duration_s,
        first_frame_s=timeline.first_frame_s,
        average_frame_rate=(len(times) - 1) / float(times[-1] - times[0]) if len(times) > 1 else None,
        decoder="decord",
        warnings=warnings + late_warnings(timeline.first_frame_s) + facts.warnings,
    )
