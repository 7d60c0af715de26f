"""Frame times as a model with temporal positions takes them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor
from transformers.video_utils import VideoMetadata

_TICKS = 1000  # a second
_CLOCK_TOLERANCE = 1e-3  # positions; what rounding of times written as decimal or binary fractions may cost


def written_times(frames: Tensor, times: Sequence[float]) -> VideoMetadata:
    """Frames [n, 3, height, width] and their times in seconds for a processor that writes times into the prompt.

    Such processors divide a frame's number by a rate: here, the number of milliseconds by a thousand.
    """
    return VideoMetadata(
        total_num_frames=len(times),
        fps=float(_TICKS),
        width=frames.shape[-1],
        height=frames.shape[-2],
        duration=times[-1],
        frames_indices=[round(_TICKS * time) for time in times],
    )


def mean_spacing(times: Sequence[float]) -> float:
    """Seconds from one frame to the next on average; 1 for a single frame, which has no spacing."""
    return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1.0


def temporal_positions(times: Sequence[float], patch: int, positions_per_second: float) -> tuple[int, ...]:
    """The position on the time axis of each temporal patch, counted from the first.

    ``times``: seconds, strictly increasing, one a frame; ``patch``: frames a temporal patch (the last may be short).
    A patch lies where its first frame does: floor(positions_per_second * seconds since the first frame), as in
    Qwen2.5-VL (arXiv 2502.13923, section 2.1.2). For evenly spaced frames these are the positions that transformers
    computes from one interval; uneven times, which one interval cannot express, keep their own positions.

    A reader shows the frame that is on screen at the moment asked for, so times are late by up to a frame. A position
    that the floor would lose to that jitter, and no more than half a position, is given back.
    """
    spacing = mean_spacing(times)
    deviations = [time - times[0] - index * spacing for index, time in enumerate(times)]
    jitter = max(deviations) - min(deviations)  # s
    tolerance = min(0.5, positions_per_second * jitter + _CLOCK_TOLERANCE)
    return tuple(math.floor(positions_per_second * (time - times[0]) + tolerance) for time in times[::patch])
