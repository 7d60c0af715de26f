"""What a stream's packets say of its frames, read without decoding any, and how much of it to believe."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

# What tells a packet from the others of its stream, however often it is read: its position in the file, or else its
# decoding time.
PacketIdentity: TypeAlias = tuple[int | None, int | None]
THE_END: PacketIdentity = (None, None)  # stands for whatever keeps a file from being read to its end

# A stray timestamp, from a damaged packet, is passed over; more of them than this mean that the clock is wrong.
STRAYS = 2
STRAY_SHARE = 0.05
MOST_HELD = 17  # packets in a decoder before the frame of the first one is shown; H.264 and HEVC allow for no more

# Every picture of these codecs begins with a start code, except for those placeholders for none that DivX writes.
START_CODE = b"\0\0\1"
CODECS_WITH_START_CODES = frozenset(("mpeg1video", "mpeg2video", "mpeg4"))
PLACEHOLDER_BYTES = 1


@dataclass(frozen=True, slots=True)  # slots: a day of video has millions of packets
class PacketFacts:
    """What the index needs of one packet; times in ticks of the stream's time base."""

    pts: int | None  # when its frame is shown
    dts: int | None  # when it is decoded
    duration: int  # how long its frame is shown, 0 when unknown
    is_key: bool  # whether decoding can start here
    is_discarded: bool  # decoded but never shown (edit lists)
    corrupt: PacketIdentity | None  # which packet it is if the demuxer marked it corrupt, else None
    is_hollow: bool  # wiped out: no picture can be in it


def read_packets(container: InputContainer, stream: VideoStream) -> tuple[list[PacketFacts], bool]:
    """All packets of a stream in decoding order, and whether the file could be read to its end.

    Consumes the container.
    """
    packets: list[PacketFacts] = []
    try:
        for p in container.demux(stream):
            if p.pts is None and p.dts is None and p.size == 0:
                continue  # the end marker
            hollow = is_hollow(p, stream)
            corrupt = identity(p) if p.is_corrupt else None
            packets.append(PacketFacts(p.pts, p.dts, p.duration or 0, p.is_keyframe, p.is_discard, corrupt, hollow))
    except av.error.FFmpegError:  # out of memory, too: damaged sizes make the demuxer ask for the impossible
        return packets, False
    return packets, True


def identity(packet: Packet[VideoStream] | None) -> PacketIdentity:
    """Which packet it is; None is the end."""
    if packet is None:
        return THE_END
    return packet.pos, None if packet.pos is not None else packet.dts


def is_hollow(packet: Packet[VideoStream], stream: VideoStream) -> bool:
    """Whether the packet's data show that no picture is in it. Some decoders accept such a packet without a word."""
    if stream.codec_context.name not in CODECS_WITH_START_CODES or packet.size <= PLACEHOLDER_BYTES:
        return False
    return START_CODE not in bytes(packet)


def too_many_strays(strays: int, total: int) -> bool:
    """Whether so many stray timestamps among so many mean that none should be believed."""
    return strays > STRAYS + STRAY_SHARE * total


def believed_times(packets: list[PacketFacts]) -> list[int | None]:
    """Each packet's presentation time, None where it is missing or where the decoding clock jumps out of order."""
    steady = _longest_ascent([p.dts for p in packets])
    return [p.pts if is_steady else None for p, is_steady in zip(packets, steady, strict=True)]


def without_long_waits(
    times: list[int | None], packets: list[PacketFacts], corrected: dict[int, int | None]
) -> list[int | None]:
    """The times without those of packets that would be shown only after more later ones than a decoder ever holds.

    AVI has no presentation times: the demuxer makes them from what follows, and what follows may be a hole.
    """
    decoded_at = [packet.dts for packet in packets[MOST_HELD:]]
    guesses = {
        time
        for time, later in zip(times, decoded_at, strict=False)
        if time is not None and later is not None and later < time and time not in corrected
    }
    return [None if time in guesses else time for time in times]


def corrected_times(times: list[int | None], packets: list[PacketFacts], stream: VideoStream) -> dict[int, int | None]:
    """Which times the demuxer of AVI gets wrong, and the right ones; None where nothing tells.

    It takes a reference frame to be shown when the next one is decoded, and hollow packets for no references. Where it
    went by these, the time is believed only if frames of this video wait as long as a rule. The first frame is shown
    when the second packet is decoded: of MPEG-1 the demuxer learns only from that one that frames wait.
    """
    if stream.codec_context.name not in CODECS_WITH_START_CODES or len(packets) == 1:
        return {}
    holes = sorted(packet.dts for packet in packets if packet.is_hollow and packet.dts is not None)
    waits: Counter[int] = Counter()  # ticks from decoding to showing
    doubtful: list[tuple[int, int]] = []  # times, and such waits
    for time, packet in zip(times, packets, strict=True):
        if packet.is_hollow or time is None or packet.dts is None or time <= packet.dts:
            continue
        if bisect_right(holes, packet.dts) < bisect_right(holes, time):
            doubtful.append((time, time - packet.dts))
        else:
            waits[time - packet.dts] += 1
    usual = max(waits, key=waits.__getitem__, default=0)
    corrected: dict[int, int | None] = {time: None for time, wait in doubtful if wait != usual}
    first, second = packets[:2]
    if times[0] is not None and second.dts is not None:
        waits_unseen = times[0] == first.dts and second.pts is not None and second.dts < second.pts
        if waits_unseen or (times[0], times[0] - (first.dts or 0)) in doubtful:
            corrected[times[0]] = second.dts
    return corrected


def ascends(times: list[int]) -> bool:
    """Whether no time is earlier than the one before it."""
    return all(earlier <= later for earlier, later in pairwise(times))


def _longest_ascent(times: list[int | None]) -> list[bool]:
    """Which times belong to the longest subsequence that never descends; unknown ones do not disturb it."""
    if ascends([time for time in times if time is not None]):
        return [True] * len(times)
    ends: list[int] = []  # ends[n]: the least time in which an ascent of n + 1 times can end,
    places: list[int] = []  # and its place
    previous = [-1] * len(times)
    for place, time in enumerate(times):
        if time is not None:
            length = bisect_right(ends, time)
            previous[place] = places[length - 1] if length else -1
            ends[length : length + 1], places[length : length + 1] = [time], [place]
    belongs = [time is None for time in times]
    place = places[-1]
    while place >= 0:
        belongs[place], place = True, previous[place]
    return belongs
