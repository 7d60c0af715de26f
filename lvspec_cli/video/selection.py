"""Which frames to take: pure functions of presentation times, never of frame numbers.

A frame is showing from its presentation time until the next frame's. Times here are seconds since the first frame's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lvspec_cli.errors import SelectionOutsideVideo
from lvspec_cli.video.options import ReadOptions

# Containers round timestamps to a tick; a frame due within a tick of the wanted time counts as showing. The cap keeps
# coarse clocks (one tick a frame) from moving the choice by a whole frame.
LARGEST_TICK_S = 0.002


@dataclass(frozen=True)
class Span:
    """The part of a video to select from, half open."""

    start_s: float  # seconds
    end_s: float  # seconds, greater than start_s


def selected_span(options: ReadOptions, duration_s: float) -> Span:
    """The options' span, cut at the end of a video of ``duration_s`` seconds.

    Raises:
        SelectionOutsideVideo: the span begins at or after the end.
    """
    start = options.start_s or 0.0
    if start >= duration_s and start > 0.0:
        raise SelectionOutsideVideo(
            f"--start {start:g} is past the end of the video, which lasts {duration_s:.3f} s: choose an earlier start"
        )
    end = duration_s if options.end_s is None else min(options.end_s, duration_s)
    return Span(start, end)


def wanted_times(options: ReadOptions, span: Span) -> list[float]:
    """The moments to look at, ascending, all in [start, end): slot middles, or every 1/fps."""
    if options.frames_per_second is None:
        assert options.frame_count is not None  # ReadOptions allows exactly one of the two to be None
        return slot_middles(span, options.frame_count)
    count = rate_count(options.frames_per_second, span)
    if count > options.max_frames:
        return slot_middles(span, options.max_frames)
    return [span.start_s + i / options.frames_per_second for i in range(count)]


def slot_middles(span: Span, count: int) -> list[float]:
    """The middles of ``count`` equal slots of the span."""
    slot = (span.end_s - span.start_s) / count
    return [span.start_s + (i + 0.5) * slot for i in range(count)]


def rate_count(frames_per_second: float, span: Span) -> int:
    """How many moments ``start + i / fps`` lie before the end; the first always does."""
    # A span of exactly k periods holds k moments however the division rounds.
    return max(1, math.ceil((span.end_s - span.start_s) * frames_per_second - 1e-6))


def showing(frame_times: Sequence[float], moments: Sequence[float], tick_s: float = 0.0) -> list[int]:
    """Indexes of the frames showing at the moments, ascending, repeats removed.

    Args:
        frame_times: ascending presentation times in seconds, at least one.
        moments: ascending seconds. Before the first frame, the first frame counts as showing.
        tick_s: the clock's resolution in seconds (see LARGEST_TICK_S).
    """
    tolerance = min(tick_s, LARGEST_TICK_S) + 1e-9
    indexes = np.searchsorted(np.asarray(frame_times), np.asarray(moments) + tolerance, side="right") - 1
    return [int(index) for index in np.unique(np.maximum(indexes, 0))]
