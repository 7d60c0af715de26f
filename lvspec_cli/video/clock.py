"""Where a file's clock begins. Times count from there, as those of players do."""

from __future__ import annotations

from fractions import Fraction

import av
from av.video.stream import VideoStream

# Nearly every file begins its sound a little before or after its pictures, by the length of a packet of sound: that is
# no lead, and the first picture's time is 0.
LEAST_LEAD_S = 0.1


def beginning_s(stream: VideoStream) -> Fraction | None:
    """Seconds of the clock at which the file begins, with whatever comes first; None if the file does not say.

    AVI has no presentation times: those that are made up for its pictures are late by the wait of the decoder.
    """
    started = getattr(stream.container, "start_time", None)
    return None if started is None or is_avi(stream) else Fraction(started, av.time_base)


def lead_s(beginning: Fraction, first: Fraction) -> float:
    """Seconds from the file's beginning to its first picture, both in seconds of the clock; 0 if it is no lead."""
    lead = float(first - beginning)
    return lead if lead >= LEAST_LEAD_S else 0.0


def is_avi(stream: VideoStream) -> bool:
    """Whether a stream is of an AVI file."""
    return "avi" in stream.container.format.name
