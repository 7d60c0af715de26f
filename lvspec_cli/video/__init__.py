"""Reading videos: frames chosen by time, facts, and typed errors.

The functions here work in this process; ``worker.VideoWorker`` does the same in a child with a deadline and a memory
limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lvspec_cli.errors import VideoTooLarge
from lvspec_cli.video.cache import VideoCache
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.source import SourceKind, VideoPath, shown, source_kind

if TYPE_CHECKING:
    from lvspec_cli.video.clip import Clip, VideoFacts

__all__ = ["ReadOptions", "VideoCache", "find_scenes", "inspect_video", "measure_video", "read_clip"]


@dataclass(frozen=True)
class _Reader:
    """The functions for one kind of video; they do what the public ones of these names say."""

    read_clip: Callable[[VideoPath, ReadOptions, VideoCache], Clip]
    measure_video: Callable[[VideoPath, ReadOptions, VideoCache], VideoFacts]
    inspect_video: Callable[[VideoPath, ReadOptions, VideoCache], VideoFacts]


def read_clip(path: VideoPath, options: ReadOptions | None = None, cache: VideoCache | None = None) -> Clip:
    """The selected frames of a video file, an animated or still image, or a folder of images.

    ``deadline_seconds`` is not kept here and ``memory_limit_bytes`` only bounds the size of the frames returned;
    ``VideoWorker`` keeps both. Whoever reads many parts of one video gives the same ``cache`` each time: the clips
    are the same, and all but the first cost no more than their frames.

    Raises:
        VideoError: the video cannot be read; its subclasses say why. VideoTooLarge also where memory runs out, then
            with the MemoryError as its cause.
        SelectionOutsideVideo: ``start_s`` is past the end.
        DecoderUnavailable: ``decoder`` is not installed.
    """
    options = options or ReadOptions()
    with _memory_errors_told(path):
        return _reader(path, options).read_clip(path, options, cache or VideoCache())


def find_scenes(
    path: VideoPath, options: ReadOptions | None = None, cache: VideoCache | None = None
) -> tuple[float, ...]:
    """Seconds into the video at which new scenes begin within the span of the options; () if there are none.

    Every frame of the span is decoded.

    Raises:
        SceneDetectorUnavailable: PySceneDetect is not installed.
        VideoError, SelectionOutsideVideo: as ``read_clip`` says.
    """
    from lvspec_cli.video.scenes import scene_starts

    with _memory_errors_told(path):
        return scene_starts(path, options or ReadOptions(), cache or VideoCache())


def measure_video(path: VideoPath, options: ReadOptions | None = None, cache: VideoCache | None = None) -> VideoFacts:
    """The facts of a video with the very duration that ``read_clip`` finds, at the cost of an index: no frames.

    Damage that only decoding shows is not in them; where it makes ``read_clip`` doubt the timestamps, the clip's own
    duration may be another one.

    Raises:
        VideoError, SelectionOutsideVideo, DecoderUnavailable: as ``read_clip`` says.
    """
    options = options or ReadOptions()
    with _memory_errors_told(path):
        return _reader(path, options).measure_video(path, options, cache or VideoCache())


def inspect_video(path: VideoPath, options: ReadOptions | None = None, cache: VideoCache | None = None) -> VideoFacts:
    """The facts of a video from its header and first frame; the header's duration, which may be 0 for unknown.

    Raises:
        VideoError: the video cannot be read; its subclasses say why. VideoTooLarge as ``read_clip`` says.
    """
    options = options or ReadOptions()
    with _memory_errors_told(path):
        return _reader(path, options).inspect_video(path, options, cache or VideoCache())


# The readers are imported when they are needed: the command line imports this package to check its options.
def _reader(path: VideoPath, options: ReadOptions) -> _Reader:
    kind = source_kind(path)
    if kind is not SourceKind.CONTAINER:
        from lvspec_cli.video.image_reader import inspect_images, measure_images, read_images

        return _Reader(partial(read_images, kind), partial(measure_images, kind), partial(inspect_images, kind))
    from lvspec_cli.video.probe import inspect_container

    if options.decoder == "decord":
        from lvspec_cli.video.decord_reader import measure_with_decord, read_with_decord

        return _Reader(read_with_decord, measure_with_decord, inspect_container)
    from lvspec_cli.video.pyav_reader import measure_with_pyav, read_with_pyav

    return _Reader(read_with_pyav, measure_with_pyav, inspect_container)


@contextmanager
def _memory_errors_told(path: VideoPath) -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise VideoTooLarge(f"there is not enough memory to read {shown(path)}: scale the video down first") from error
