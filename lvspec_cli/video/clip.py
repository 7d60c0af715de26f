"""What reading a video yields: the selected frames, when they are shown, and the facts of the file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class VideoFacts:
    """What is known of a video apart from its frames."""

    path: str  # as the caller gave it
    fingerprint: str  # of the content: see fingerprint.py
    container: str  # demuxer, image format, or "images" for a folder
    codec: str  # decoder's name of the codec
    width: int  # pixels, as displayed: after rotation and sample aspect, before max_frame_pixels
    height: int  # pixels, as displayed
    rotation_degrees: int  # clockwise turn that was applied: 0, 90, 180 or 270
    sample_aspect_ratio: str  # "num:den" of a coded pixel, "1:1" when square or unknown
    duration_s: float  # seconds from the beginning of the file to the last frame's end
    average_frame_rate: float | None  # frames per second; None when there is but one frame or nobody knows
    bad_packets: int  # packets marked corrupt or refused by the decoder, among those read
    decoder: str  # "pyav", "decord" or "pillow"
    warnings: tuple[str, ...]  # sentences on what a reader of the result should know
    first_frame_s: float = 0.0  # seconds from the beginning of the file to the first frame that can be shown


@dataclass(frozen=True, eq=False)
class Clip:
    """The selected frames of one video.

    Times strictly increase. Where the video has fewer distinct frames than were asked for, repeats are left out, so
    ``len(times)`` may be smaller than the frame count of the options.
    """

    frames: NDArray[np.uint8]  # [n, height, width, 3], RGB, n >= 1
    times: tuple[float, ...]  # n seconds since the beginning of the file, as players have it
    start_s: float  # seconds; start of the selected span
    end_s: float  # seconds; end of the selected span
    facts: VideoFacts
