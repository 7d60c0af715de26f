"""How a video is to be read: one frozen value, checked once, before any file is touched."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lvspec_cli.errors import UsageError
from lvspec_cli.preset import LARGEST_FRAME_PIXELS

DECODERS = ("pyav", "decord")
DEFAULT_IMAGE_RATE = 1.0  # images per second of a folder whose rate nobody gave: times then count images


@dataclass(frozen=True)
class ReadOptions:
    """Which frames to take from a video, and what a video may cost.

    Exactly one of ``frame_count`` and ``frames_per_second`` is set. With a frame count N the selected span is cut into
    N equal slots and the frame showing at the middle of each is taken; with a rate F the frames showing at
    ``start, start + 1/F, ...`` are taken, or ``max_frames`` slot middles where that would be more than ``max_frames``.

    Raises:
        UsageError: a value makes no sense; the sentence names the command-line flag.
    """

    frame_count: int | None = 8  # frames; None when frames_per_second is set
    frames_per_second: float | None = None  # selected frames per second of video
    start_s: float | None = None  # seconds into the video; None: its beginning
    end_s: float | None = None  # seconds likewise, exclusive; None: the end
    max_frames: int = 768  # frames; the most that are ever returned
    max_frame_pixels: int = LARGEST_FRAME_PIXELS  # pixels; larger frames are scaled down, or to what memory allows
    max_coded_pixels: int = 64 * 1024 * 1024  # pixels; a larger coded frame is refused before it is decoded
    max_duration_s: float = 86_400.0  # seconds; a longer video is refused
    decoder: str = "pyav"  # one of DECODERS; containers only, images are always read by Pillow
    source_fps: float | None = None  # images per second of a folder of images; None: DEFAULT_IMAGE_RATE
    deadline_seconds: float = 120.0  # wall clock for one video; kept by VideoWorker, not by read_clip
    memory_limit_bytes: int | None = 4 * 1024**3  # address space of the worker; frames fill up to half; None: no limit

    def __post_init__(self) -> None:
        self._check_selection()
        self._check_limits()
        if self.decoder not in DECODERS:
            raise UsageError(f"--decoder must be one of {', '.join(DECODERS)}, not {self.decoder!r}")

    def _check_selection(self) -> None:
        if (self.frame_count is None) == (self.frames_per_second is None):
            raise UsageError("give exactly one of --frames and --fps")
        _at_least_one("--max-frames", self.max_frames)
        if self.frame_count is not None:
            _at_least_one("--frames", self.frame_count)
            if self.frame_count > self.max_frames:
                raise UsageError(
                    f"--frames {self.frame_count} is more than --max-frames {self.max_frames}: "
                    "ask for fewer frames or raise --max-frames"
                )
        _positive("--fps", self.frames_per_second)
        _positive("--source-fps", self.source_fps)
        if self.start_s is not None and not (math.isfinite(self.start_s) and self.start_s >= 0):
            raise UsageError(f"--start must be 0 or more seconds, not {self.start_s}")
        _positive("--end", self.end_s)
        if self.end_s is not None and self.end_s <= (self.start_s or 0.0):
            raise UsageError(f"--end {self.end_s:g} must be later than --start {self.start_s or 0.0:g}")

    def _check_limits(self) -> None:
        _at_least_one("the most pixels of a frame (max_frame_pixels)", self.max_frame_pixels)
        _at_least_one("the most coded pixels of a frame (max_coded_pixels)", self.max_coded_pixels)
        _positive("the longest duration (max_duration_s)", self.max_duration_s)
        _positive("--timeout (the deadline of a video)", self.deadline_seconds)
        if self.memory_limit_bytes is not None:
            _at_least_one("the memory limit (memory_limit_bytes)", self.memory_limit_bytes)


def _at_least_one(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{name} must be a whole number of at least 1, not {value}")


def _positive(name: str, value: float | None) -> None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise UsageError(f"{name} must be a number greater than 0, not {value}")
