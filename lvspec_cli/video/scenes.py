"""Where new scenes begin: PySceneDetect's adaptive detector, shown our own frames at their own times.

It is given every frame of the span, made small, with the time at which it is presented; so cuts are right also where
frames come unevenly, the clock does not begin at 0, or packets are damaged. Frames are decoded by PyAV or Pillow,
whatever ``ReadOptions.decoder`` says.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lvspec_cli.errors import SceneDetectorUnavailable
from lvspec_cli.parsing import SCENES
from lvspec_cli.video.cache import VideoCache
from lvspec_cli.video.conversion import FAST_SCALING, FrameConverter
from lvspec_cli.video.image_reader import fitted
from lvspec_cli.video.image_sequence import ImageSequence, open_sequence
from lvspec_cli.video.limits import check_duration, output_box
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.pyav_reader import OpenedVideo, with_opened
from lvspec_cli.video.segmentation import SHORTEST_SCENE_S
from lvspec_cli.video.selection import Selection, select, showing
from lvspec_cli.video.source import SourceKind, VideoPath, source_kind

ENOUGH_PIXELS = 256 * 144  # pixels of a frame for telling scenes apart; PySceneDetect makes frames as small
NANOSECONDS = 10**9  # a second; the clock that the detector is given
REMEMBERED_FRAMES = 16  # whose exact times are kept; the detector names a frame two frames later

TimedFrame: TypeAlias = tuple[float, NDArray[np.uint8]]  # seconds into the video; [height, width, 3] RGB


def import_detector() -> tuple[Any, Any]:
    """PySceneDetect's modules of detectors and of times.

    Raises:
        SceneDetectorUnavailable: they, or OpenCV below them, cannot be imported.
    """
    try:
        from scenedetect import common, detectors
    except Exception as error:  # OpenCV raises whatever comes to hand where its parts do not fit one another
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SceneDetectorUnavailable(
            f"--segment {SCENES} needs PySceneDetect 0.7 or later, which cannot be imported ({reason}): "
            "pip install 'lvspec[scenes]'"
        ) from error
    return detectors, common


def scene_starts(path: VideoPath, options: ReadOptions, cache: VideoCache) -> tuple[float, ...]:
    """Seconds at which new scenes begin between the start and the end of the options, both left out; ascending.

    Raises:
        SceneDetectorUnavailable: as ``import_detector`` says.
        VideoError: as ``read_clip`` says.
    """
    import_detector()
    small = replace(options, max_frame_pixels=min(options.max_frame_pixels, ENOUGH_PIXELS))
    kind = source_kind(path)
    if kind is SourceKind.CONTAINER:
        return with_opened(path, small, cache, lambda video, _: _cuts(_stream_frames(path, video, small)))
    with open_sequence(path, kind, small, cache) as sequence:
        check_duration(path, sequence.end_s, small)
        return _cuts(_image_frames(path, sequence, small))


def _cuts(frames: Iterable[TimedFrame]) -> tuple[float, ...]:
    """The times of those frames that begin a scene."""
    detectors, common = import_detector()
    detector = detectors.AdaptiveDetector(min_scene_len=SHORTEST_SCENE_S)
    recent: deque[tuple[int, float]] = deque(maxlen=REMEMBERED_FRAMES)  # nanoseconds, seconds
    cuts: list[float] = []
    for time_s, frame in frames:
        recent.append((round(time_s * NANOSECONDS), time_s))
        timecode = common.Timecode(recent[-1][0], Fraction(1, NANOSECONDS))
        found = detector.process_frame(
            common.FrameTimecode(timecode, fps=Fraction(NANOSECONDS)), np.ascontiguousarray(frame[..., ::-1])
        )
        if found:
            exact = dict(recent)
            cuts.extend(exact[cut.pts] for cut in found)
    return tuple(cuts)


def _stream_frames(path: VideoPath, video: OpenedVideo, options: ReadOptions) -> Iterator[TimedFrame]:
    index = video.index
    converter = FrameConverter(path, video.cursor.stream, video.first, options, scaling=FAST_SCALING)
    last: int | None = None
    for timestamp in index.timestamps[_places(index.times_s, select(options, index.duration_s, index.lead_s))]:
        found = video.cursor.frame_at(timestamp)
        # Where a frame is damaged, the one before it is still showing.
        if found is not None and found[0] != last:
            last = found[0]
            yield index.seconds(last), converter(found[1])


def _image_frames(path: VideoPath, sequence: ImageSequence, options: ReadOptions) -> Iterator[TimedFrame]:
    size: tuple[int, int] | None = None
    for place in range(len(sequence.times_s))[_places(sequence.times_s, select(options, sequence.end_s))]:
        image = sequence.load(place)
        if image is not None:
            size = size or output_box(path, image.size, 1, options).size
            yield sequence.times_s[place], fitted(image, size)


def _places(times_s: list[float], selection: Selection) -> slice:
    """Those frames that are showing in the selected span."""
    return slice(showing(times_s, [selection.start_s])[0], bisect_left(times_s, selection.end_s))
