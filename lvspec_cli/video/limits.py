"""What a single video may cost, and the sentences for one that asks for more."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lvspec_cli.errors import NoFrames, VideoTooLarge, VideoTooLong
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.source import VideoPath, shown


def check_pixels(path: VideoPath, width: int, height: int, options: ReadOptions) -> None:
    """Refuse absurd dimensions before anything is allocated for them.

    Raises:
        VideoTooLarge: more than ``options.max_coded_pixels``.
    """
    if width * height > options.max_coded_pixels:
        raise VideoTooLarge(
            f"{shown(path)} has frames of {width}x{height} pixels, more than the {options.max_coded_pixels} allowed: "
            "scale the video down first"
        )


def check_duration(path: VideoPath, duration_s: float, options: ReadOptions) -> None:
    """Refuse a video that is too long.

    Raises:
        VideoTooLong: longer than ``options.max_duration_s``.
    """
    if duration_s > options.max_duration_s:
        raise VideoTooLong(
            f"{shown(path)} lasts {duration_s:.0f} s, more than the {options.max_duration_s:.0f} s allowed: "
            "cut it first"
        )


def empty_frames(path: VideoPath, count: int, height: int, width: int, options: ReadOptions) -> NDArray[np.uint8]:
    """Room for the frames, uint8 [count, height, width, 3].

    Raises:
        VideoTooLarge: more than half of the memory limit; decoding needs the rest.
    """
    size = count * height * width * 3
    if options.memory_limit_bytes is not None and size > options.memory_limit_bytes // 2:
        raise VideoTooLarge(
            f"{count} frames of {width}x{height} pixels of {shown(path)} take {size / 2**30:.2f} GiB, more than half "
            "of the memory limit: select fewer frames or smaller ones"
        )
    return np.empty((count, height, width, 3), np.uint8)


def no_frames(path: VideoPath) -> NoFrames:
    """The error for a file of which nothing can be decoded."""
    return NoFrames(
        f"no frame of {shown(path)} can be decoded: it is damaged, cut off or absurdly large; copy or record it again"
    )
