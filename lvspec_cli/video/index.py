"""When each frame of a stream is shown, learnt from its packets without decoding any."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import accumulate, pairwise

from av.video.stream import VideoStream

from lvspec_cli.video.clock import before_pictures, is_avi, lead_s
from lvspec_cli.video.packets import (
    THE_END,
    PacketFacts,
    PacketIdentity,
    ascends,
    believed_times,
    corrected_times,
    too_many_strays,
    without_long_waits,
)

DEFAULT_FRAME_RATE = Fraction(25)  # of streams that carry neither timestamps nor a rate

COUNTED_WARNING = "presentation times are missing or contradictory; frames were counted from the start instead"
RATE_WARNING = "the stream has no usable timestamps; times were worked out from its frame rate"
CUT_WARNING = "the file could not be read to its end; it is damaged or cut off"


@dataclass(frozen=True)
class FrameIndex:
    """Presentation times of all frames of a stream, in ticks of ``time_base``.

    Of a *counted* index the timestamps are not the packets' own: the k-th frame to leave the decoder is shown at
    ``timestamps[k]``, and reading must start at the beginning.
    """

    timestamps: list[int]  # ascending, no repeats, at least one
    end: int  # when the last frame stops being shown
    time_base: Fraction  # seconds a tick
    counted: bool
    keys: list[int]  # ascending presentation times of the key frames that are shown
    corrected: dict[int, int | None]  # what frames give for their timestamps, wrongly; None: nothing says the right one
    bad_packets: frozenset[PacketIdentity]  # marked corrupt by the demuxer; THE_END if it cannot be reached
    warnings: tuple[str, ...]
    lead: Fraction  # seconds from the beginning of the file to the first timestamp

    def key_at_or_before(self, timestamp: int) -> int | None:
        """The last key frame shown no later than ``timestamp``."""
        place = bisect_right(self.keys, timestamp)
        return self.keys[place - 1] if place else None

    def earlier_keys(self, timestamp: int) -> Iterator[int]:
        """Key frames to try one after another, from the nearest back in doubling steps, the first one left out."""
        place, step = bisect_right(self.keys, timestamp) - 1, 1
        while place > 0:
            yield self.keys[place]
            place, step = place - step, step * 2

    def frames_between(self, earlier: float, later: float) -> int:
        """How many frames appear from ``earlier`` on and before ``later``."""
        return bisect_left(self.timestamps, later) - bisect_left(self.timestamps, earlier)

    def starting_at(self, timestamp: int) -> FrameIndex:
        """The index without frames before ``timestamp``, which cannot be decoded."""
        place = bisect_left(self.timestamps, timestamp)
        if not place:
            return self
        lost = (self.timestamps[place] - self.timestamps[0]) * self.time_base
        return replace(self, timestamps=self.timestamps[place:], lead=self.lead + lost)

    def seconds(self, timestamp: int) -> float:
        """Seconds from the beginning of the file to ``timestamp``."""
        # Whole numbers until the one division: exact to the last bit, and faster than fractions.
        since_first = (timestamp - self.timestamps[0]) * self.time_base.numerator / self.time_base.denominator
        return self.lead_s + since_first

    # All below are worked out once: an index is kept for as long as parts of its video are read.
    @cached_property
    def lead_s(self) -> float:
        """Seconds from the beginning of the file to the first frame; 0 if they are too few to count."""
        return lead_s(self.lead)

    @cached_property
    def times_s(self) -> list[float]:
        """Seconds since the beginning of the file, one per timestamp."""
        return [self.seconds(timestamp) for timestamp in self.timestamps]

    @cached_property
    def known(self) -> frozenset[int]:
        """The timestamps, for asking whether one is among them."""
        return frozenset(self.timestamps)

    @property
    def duration_s(self) -> float:
        """Seconds from the beginning of the file to the last frame's end."""
        return self.seconds(self.end)

    @property
    def average_rate(self) -> float | None:
        """Frames per second from the first frame's time to the last one's; None of a single frame."""
        if len(self.timestamps) == 1:
            return None
        return float((len(self.timestamps) - 1) / ((self.timestamps[-1] - self.timestamps[0]) * self.time_base))


def build_index(packets: list[PacketFacts], stream: VideoStream, complete: bool, trusted: bool = True) -> FrameIndex:
    """The index of a stream.

    Args:
        packets: all of them, in decoding order, at least one.
        complete: whether the file could be read to its end.
        trusted: False where decoding has shown that the packets' presentation times are wrong.
    """
    assert stream.time_base is not None
    times = believed_times(packets)
    corrected: dict[int, int | None] = {}
    if is_avi(stream):
        corrected = corrected_times(times, packets, stream)
        times = without_long_waits(times, packets, corrected)
    right = (corrected.get(time, time) if time is not None else None for time in times)
    shown = [(t, p) for t, p in zip(right, packets, strict=True) if t is not None and not p.is_discarded]
    warnings: list[str] = []
    if trusted and shown and _are_usable(times, packets, stream):
        timestamps, time_base = sorted({time for time, _ in shown}), stream.time_base
    else:
        timestamps, time_base, warnings = _counted_times(packets, stream)
    earliest = _first_of_the_clock(packets, stream) if RATE_WARNING in warnings else timestamps[0]
    if is_avi(stream) and RATE_WARNING not in warnings:
        earliest = timestamps[0] - _wait(packets, timestamps)
    return FrameIndex(
        timestamps=timestamps,
        end=timestamps[-1] + _last_duration(packets, timestamps, stream, time_base),
        time_base=time_base,
        counted=bool(warnings),
        keys=sorted({time for time, packet in shown if packet.is_key}),
        corrected=corrected,
        bad_packets=_bad_packets(packets, complete),
        warnings=tuple(warnings) + (() if complete else (CUT_WARNING,)),
        lead=Fraction(0) if earliest is None else before_pictures(stream, earliest * stream.time_base),
    )


def _bad_packets(packets: list[PacketFacts], complete: bool) -> frozenset[PacketIdentity]:
    marked = frozenset(packet.corrupt for packet in packets if packet.corrupt is not None)
    return marked if complete else marked | {THE_END}


def _are_usable(times: list[int | None], packets: list[PacketFacts], stream: VideoStream) -> bool:
    if too_many_strays(times.count(None), len(times)):
        return False
    shown = [time for time, packet in zip(times, packets, strict=True) if not packet.is_discarded]
    distinct = len(set(shown) - {None})
    if distinct == 0 or 2 * distinct <= len(shown) > 1:
        return False
    # AVI stores no presentation times; for reordered H.264 the demuxer passes decoding order off as such.
    reordered = stream.codec_context.has_b_frames and not all(p.is_key for p in packets)
    made_up = is_avi(stream) and ascends([time for time in times if time is not None])
    return not (reordered and made_up)


def _counted_times(packets: list[PacketFacts], stream: VideoStream) -> tuple[list[int], Fraction, list[str]]:
    """Times for frames in the order in which they leave the decoder.

    The packets' presentation times in ascending order, whichever packet each is of, if hardly two are the same; or else
    their decoding times.
    """
    shown = [p for p in packets if not p.is_discarded] or packets
    presented_at = without_long_waits(believed_times(shown), shown, {})
    told = sorted(time for time in presented_at if time is not None)
    if len(told) == len(shown) and not too_many_strays(len(told) - len(set(told)), len(told)):
        assert stream.time_base is not None
        # A tick keeps those apart that are the same.
        return list(accumulate(told, lambda earlier, time: max(earlier + 1, time))), stream.time_base, [COUNTED_WARNING]
    decoded_at = [p.dts for p in shown if p.dts is not None]
    if len(decoded_at) == len(shown) and len(set(decoded_at)) == len(shown) and ascends(decoded_at):
        assert stream.time_base is not None
        return decoded_at, stream.time_base, [COUNTED_WARNING]
    return list(range(len(shown))), 1 / stream_rate(stream), [RATE_WARNING]


def _first_of_the_clock(packets: list[PacketFacts], stream: VideoStream) -> int | None:
    """What the first packet says of its frame's time, in ticks of the stream, where it is not believed of others."""
    first = _first_shown(packets)
    return first.dts if first.pts is None or is_avi(stream) else first.pts


def _wait(packets: list[PacketFacts], timestamps: list[int]) -> int:
    """Ticks that the first frame of an AVI file waits until the second packet is decoded: a frame at the most.

    AVI has decoding times alone; what is longer is no wait, but sound before the pictures.
    """
    decoded_at = _first_shown(packets).dts
    return 0 if decoded_at is None else max(0, min(timestamps[0] - decoded_at, _usual_gap(timestamps) or 0))


def _first_shown(packets: list[PacketFacts]) -> PacketFacts:
    return next((packet for packet in packets if not packet.is_discarded), packets[0])


def _usual_gap(timestamps: list[int]) -> int | None:
    gaps = sorted(later - earlier for earlier, later in pairwise(timestamps))
    return gaps[len(gaps) // 2] if gaps else None


def stream_rate(stream: VideoStream) -> Fraction:
    """The frame rate that the header states or the demuxer guesses."""
    return stream.average_rate or stream.guessed_rate or DEFAULT_FRAME_RATE


def _last_duration(packets: list[PacketFacts], timestamps: list[int], stream: VideoStream, time_base: Fraction) -> int:
    if time_base == stream.time_base:
        stated = next((p.duration for p in reversed(packets) if p.pts == timestamps[-1]), 0)
        if stated:
            return stated
    return _usual_gap(timestamps) or max(1, round(1 / (stream_rate(stream) * time_base)))
