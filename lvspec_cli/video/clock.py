"""Where a file's clock begins. Times count from there, as those of players do."""

from __future__ import annotations

from fractions import Fraction

import av
from av.container import Container
from av.video.stream import VideoStream

# Nearly every file begins its sound a little before or after its pictures, by the length of a packet of sound: that is
# no lead, and the first picture's time is 0.
LEAST_LEAD_S = 0.1
TOLD_FROM_S = 0.5  # of a first frame that comes late: less is common, and nobody misses it


def before_pictures(stream: VideoStream, earliest: Fraction) -> Fraction:
    """Seconds from the beginning of the file, with whatever comes first, to that of its pictures; 0 if it does not say.

    ``earliest``: seconds of the clock at which the first picture is shown, whether it can be decoded or not.
    """
    started = getattr(stream.container, "start_time", None)
    if started is None:
        return Fraction(0)
    lead, length = earliest - Fraction(started, av.time_base), _longest(stream.container)
    # Programs of one recording have clocks of their own, and a broken stream has any: no lead is as long as the file.
    return lead if lead > 0 and (length is None or lead < length) else Fraction(0)


def _longest(container: Container) -> Fraction | None:
    """Seconds that a file plays at the most; None if it does not say.

    Of MPEG streams nobody knows more than how long each stream is, and they may come one after another.
    """
    whole = getattr(container, "duration", None)
    streams = [
        Fraction(each.duration * each.time_base) for each in container.streams if each.duration and each.time_base
    ]
    lengths = [*([Fraction(whole, av.time_base)] if whole else []), sum(streams, Fraction(0))]
    return max(lengths) or None


def lead_s(lead: Fraction) -> float:
    """A lead in seconds; 0 if it is so short that it is none."""
    return float(lead) if lead >= LEAST_LEAD_S else 0.0


def late_warnings(first_frame_s: float) -> tuple[str, ...]:
    """What to tell of a first frame that comes so many seconds after the beginning of the file."""
    if first_frame_s < TOLD_FROM_S:
        return ()
    return (f"the first frame that can be shown comes {first_frame_s:.2f} s after the beginning of the file",)


def is_avi(stream: VideoStream) -> bool:
    """Whether a stream is of an AVI file, which has no presentation times."""
    return "avi" in stream.container.format.name
