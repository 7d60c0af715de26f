"""Which frames to take: pure functions of presentation times, never of frame numbers.

A frame is showing from its presentation time until the next frame's. Times here are seconds since the beginning of the
file, as players have it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from lvspec_cli.errors import SelectionOutsideVideo
from lvspec_cli.video.options import ReadOptions

# Containers round timestamps to a tick; a frame due within a tick of the wanted time counts as showing. The cap keeps
# coarse clocks (one tick a frame) from moving the choice by a whole frame.
LARGEST_TICK_S = 0.002


@dataclass(frozen=True)
class Selection:
    """Which moments of a video to look at."""

    start_s: float  # seconds, no earlier than the first frame; the selected span is [start_s, end_s)
    end_s: float  # seconds, no later than the end of the video
    moments: list[float]  # seconds, ascending, all within the span
    is_part: bool  # whether it was asked for by its start or end
    warnings: tuple[str, ...] = ()


def select(options: ReadOptions, duration_s: float, first_frame_s: float = 0.0) -> Selection:
    """The moments that the options ask for, of a video of ``duration_s`` seconds. None is before the first frame.

    Raises:
        SelectionOutsideVideo: the span begins at or after the end, or is over when the first frame comes.
    """
    start = max(options.start_s or 0.0, first_frame_s)
    if start >= duration_s and start > 0.0:
        raise SelectionOutsideVideo(
            f"--start {start:g} is past the end of the video, which lasts {duration_s:.3f} s: choose an earlier start"
        )
    if options.end_s is not None and options.end_s <= first_frame_s:
        raise SelectionOutsideVideo(
            f"--end {options.end_s:g} is not after the first frame that can be shown, which comes at "
            f"{first_frame_s:.3f} s: choose a later end"
        )
    end = duration_s if options.end_s is None else min(options.end_s, duration_s)
    is_part = options.start_s is not None or options.end_s is not None
    if options.frames_per_second is None:
        assert options.frame_count is not None  # ReadOptions allows exactly one of the two to be None
        return Selection(start, end, slot_middles(start, end, options.frame_count), is_part)
    wanted = rate_count(start, end, options.frames_per_second)
    if wanted <= options.max_frames:
        return Selection(start, end, [start + i / options.frames_per_second for i in range(wanted)], is_part)
    warning = f"--fps asks for {wanted} frames; {options.max_frames} (--max-frames) were spread evenly instead"
    return Selection(start, end, slot_middles(start, end, options.max_frames), is_part, (warning,))


def slot_middles(start_s: float, end_s: float, count: int) -> list[float]:
    """The middles of ``count`` equal slots of [start, end)."""
    slot = (end_s - start_s) / count
    return [start_s + (i + 0.5) * slot for i in range(count)]


def rate_count(start_s: float, end_s: float, frames_per_second: float) -> int:
    """How many moments ``start + i / fps`` lie before the end; the first always does."""
    # A span of exactly k periods holds k moments however the division rounds.
    return max(1, math.ceil((end_s - start_s) * frames_per_second - 1e-6))


def showing(frame_times: Sequence[float], moments: Sequence[float], tick_s: float = 0.0) -> list[int]:
    """Indexes of the frames showing at the moments, ascending, repeats removed.

    Args:
        frame_times: ascending presentation times in seconds, at least one.
        moments: ascending seconds. Before the first frame, the first frame counts as showing.
        tick_s: the clock's resolution in seconds (see LARGEST_TICK_S).
    """
    tolerance = min(tick_s, LARGEST_TICK_S) + 1e-9
    return sorted({max(0, bisect_right(frame_times, moment + tolerance) - 1) for moment in moments})
