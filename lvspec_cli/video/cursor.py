"""Walking through a stream to the frames shown at given times: seek, verify where that led, decode on.

A seek is a hint at best: demuxers land late, flag packets as key frames that are none, or restart their clocks. So it
counts only if the very key frame that was asked for, shown no later than the wanted frame, comes out of the decoder as
one. Otherwise the seek is repeated further back, and at last the stream is read from its beginning.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from lvspec_cli.video.container import MOST_DECODER_THREADS, decode_packet
from lvspec_cli.video.index import FrameIndex
from lvspec_cli.video.packets import identity, is_hollow, too_many_strays

OpenStream = Callable[[], tuple[InputContainer, VideoStream]]
Shown = tuple[int, VideoFrame]  # a frame and its timestamp
NEVER = -math.inf  # earlier than every timestamp
# A seek throws away what the decoder's threads have begun and leaves them idle until they are filled again: frames that
# are as near as there are threads cost less to decode than to seek over. The same on every machine, whatever it has.
FAR_FRAMES = MOST_DECODER_THREADS


class TimestampsContradict(Exception):
    """The frames leave the decoder with other times than the packets announced."""


class FrameCursor:
    """A position in a stream that moves forward over ascending timestamps. A context manager: closes the file.

    Args:
        open_stream: opens the file afresh at its beginning.
        index: the stream's presentation times.
        may_seek: False to decode everything from the beginning.
    """

    def __init__(self, open_stream: OpenStream, index: FrameIndex, may_seek: bool = True) -> None:
        self._open_stream = open_stream
        self._index = index
        self._may_seek = may_seek and not index.counted
        self.stream: VideoStream  # the stream of the file as now open
        self._container: InputContainer
        self.bad_packets = set(index.bad_packets)  # and those that were refused, each once
        self.stray_frames = 0  # left out because their timestamps contradict the index
        self.unplaced_frames: set[int] = set()  # left out because their times are guesses: these times
        self._decoded = 0  # frames in all, for comparison
        self._held: Shown | None = None  # the frame showing now
        self._ahead: Shown | None = None  # the one after it, where already decoded
        self._open()

    def __enter__(self) -> FrameCursor:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def upcoming(self) -> Shown | None:
        """The frame after the one that ``frame_at`` gave last, at the beginning the first; None if no more come."""
        if self._ahead is None:
            self._ahead = self._next()
        return self._ahead

    def frame_at(self, timestamp: int) -> Shown | None:
        """The frame showing at ``timestamp`` and its own timestamp, or None if nothing can be decoded any more.

        Where that frame is damaged or missing, the one before it goes on showing; before the first frame that can be
        decoded, that one is taken.

        Raises:
            TimestampsContradict: the index is not to be trusted.
        """
        key = self._index.key_at_or_before(timestamp)
        if self._may_seek and key is not None and self._is_far(key):
            self._seek_before(timestamp)
        return self._advance(timestamp)

    @property
    def was_refused(self) -> bool:
        """Whether a packet has been refused on the way to where the decoder is now."""
        return bool(self._refused)

    def _is_far(self, key: int) -> bool:
        return self._index.frames_between(self._reached, key) >= FAR_FRAMES

    @property
    def _reached(self) -> float:
        """Timestamp of the last frame decoded so far; the beginning counts as reaching the first key frame."""
        if self._ahead is not None:
            return self._ahead[0]
        if self._held is not None:
            return self._held[0]
        return self._index.keys[0] if self._at_beginning and self._index.keys else NEVER

    def _advance(self, timestamp: int) -> Shown | None:
        while self._held is None or self._held[0] < timestamp:
            upcoming = self.upcoming()
            if upcoming is None or (self._held is not None and upcoming[0] > timestamp):
                break
            self._held, self._ahead = upcoming, None
        return self._held

    def _seek_before(self, timestamp: int) -> None:
        for key in self._index.earlier_keys(timestamp):
            if self._seek_to_key(key):
                return
        # From here on the stream is read in one go: a damaged file must not cost a full pass for every frame.
        self._may_seek = False
        if not self._at_beginning:
            self._container.close()
            self._open()

    def _seek_to_key(self, key: int) -> bool:
        """Seek and decode to the key frame; whether it was really found there."""
        try:
            self._container.seek(key, stream=self.stream)
        except av.error.FFmpegError:
            return False
        self._begin(at_beginning=False)
        strays = self.stray_frames  # those on the way to the key frame are not missed
        try:
            found = self._next()
            while found is not None and found[0] < key:  # leading pictures, perhaps damaged, or an early landing
                found = self._next()
        except TimestampsContradict:
            return False
        finally:
            self.stray_frames = strays
        self._ahead = found
        return found is not None and found[0] == key and _is_key_frame(found[1])

    def _open(self) -> None:
        self._container, self.stream = self._open_stream()
        self._begin(at_beginning=True)

    def _begin(self, at_beginning: bool) -> None:
        self._frames = self._decode()
        self._at_beginning = at_beginning
        self._refused: list[int] = []  # how many packets came before each that was refused
        self._count = self._lost = 0  # frames that left the decoder; those that were refused before them
        self._last: float = NEVER
        self._held = self._ahead = None

    def _next(self) -> Shown | None:
        for frame in self._frames:
            timestamp = self._counted_time(frame) if self._index.counted else self._own_time(frame)
            if timestamp is not None:
                return timestamp, frame
        return None

    def _counted_time(self, frame: VideoFrame) -> int | None:
        if frame.pts is not None:
            # Before the first one, decoders drop in silence what needs frames that came before the file began.
            lost = bisect_left(self._refused, frame.pts) if self._count else frame.pts
            self._lost = max(self._lost, lost)
        place, counted = self._count + self._lost, self._index.timestamps
        self._count += 1
        return counted[place] if place < len(counted) else None

    def _own_time(self, frame: VideoFrame) -> int | None:
        self._decoded += 1
        timestamp = frame.pts
        if timestamp is not None and timestamp in self._index.corrected:
            right = self._index.corrected[timestamp]
            if right is None:
                self.unplaced_frames.add(timestamp)
                return None
            timestamp = right
        if timestamp is None or timestamp <= self._last or timestamp not in self._index.known:
            self.stray_frames += 1
            if too_many_strays(self.stray_frames, self._decoded):
                raise TimestampsContradict
            return None
        self._last = timestamp
        return timestamp

    def _decode(self) -> Iterator[VideoFrame]:
        number = -1  # of those packets whose frames are shown, as the index counts them
        for packet in self._packets():
            number += packet is None or not packet.is_discard
            if packet is not None and is_hollow(packet, self.stream):
                self.bad_packets.add(identity(packet))
                self._refused.append(number)
                continue
            if packet is not None and self._index.counted:
                packet.pts = number  # which its frame takes over
            frames = decode_packet(self.stream, packet)
            if frames is None:
                # A decoder of several threads refuses a packet when it is given one as many later, after every seek the
                # same: each still counts once, except where the demuxer has marked it, too.
                self.bad_packets.add(identity(packet))
                self._refused.append(number - self.stream.codec_context.thread_count + 1)
            yield from frames or ()

    def _packets(self) -> Iterator[Packet[VideoStream] | None]:
        try:
            yield from self._container.demux(self.stream)
        except av.error.FFmpegError:  # unreadable from here on; the index has counted it
            yield None


def _is_key_frame(frame: VideoFrame) -> bool:
    return frame.key_frame or frame.pict_type == PictureType.I
