"""What a single video may cost, and the sentences for one that asks for more."""

from __future__ import annotations

from dataclasses import dataclass

from lvspec_cli.errors import NoFrames, VideoTooLarge, VideoTooLong
from lvspec_cli.video.geometry import scaled_to
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.selection import Selection
from lvspec_cli.video.source import VideoPath, shown

BYTES_PER_PIXEL = 3  # RGB
LEAST_PIXELS = 64 * 64  # pixels; where memory leaves a frame fewer, there is nothing to be made out in it


@dataclass(frozen=True)
class OutputBox:
    """The one size at which all frames of a clip are returned."""

    width: int  # pixels
    height: int  # pixels
    warnings: tuple[str, ...] = ()  # a sentence if memory has made it smaller

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.width, self.height


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


def output_box(path: VideoPath, display_size: tuple[int, int], count: int, options: ReadOptions) -> OutputBox:
    """How large ``count`` frames of (width, height) ``display_size`` can be: never larger, aspect kept.

    Each has at most ``options.max_frame_pixels``, and together they fill at most half of the memory limit; decoding
    needs the rest.

    Raises:
        VideoTooLarge: memory leaves each of them fewer than LEAST_PIXELS.
    """
    wanted = scaled_to(display_size, options.max_frame_pixels)
    box = scaled_to(display_size, min(options.max_frame_pixels, _affordable_pixels(count, options)))
    if box == wanted:
        return OutputBox(*box)
    if box[0] * box[1] < LEAST_PIXELS:
        raise VideoTooLarge(
            f"{count} frames of {shown(path)} fit into half of the memory limit only at {box[0]}x{box[1]} pixels, too "
            "small to see anything: select fewer frames"
        )
    warning = f"frames were scaled down to {box[0]}x{box[1]} so that all {count} fit into half of the memory limit"
    return OutputBox(*box, (warning,))


def _affordable_pixels(count: int, options: ReadOptions) -> int:
    if options.memory_limit_bytes is None:
        return options.max_frame_pixels
    return max(1, options.memory_limit_bytes // 2 // BYTES_PER_PIXEL // count)


def no_frames(path: VideoPath, span: Selection | None = None) -> NoFrames:
    """The error for a file of which nothing can be decoded, or nothing in a span of it."""
    if span is not None and span.is_part:
        return NoFrames(
            f"no frame of {shown(path)} from {span.start_s:g} s to {span.end_s:g} s can be decoded: it is damaged "
            "there; choose another part, or copy or record it again"
        )
    return NoFrames(
        f"no frame of {shown(path)} can be decoded: it is damaged, cut off or absurdly large; copy or record it again"
    )
