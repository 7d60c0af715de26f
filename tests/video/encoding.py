"""Small videos of barcode frames in any codec and container that PyAV can write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tests.video.barcode import HEIGHT, WIDTH, barcode_frame

FRAMES = 48
RATE = 25


@dataclass(frozen=True)
class Encoding:
    """How to write a video, and when its frames are shown."""

    file_name: str
    codec: str
    pixel_format: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)  # of the encoder
    container_options: dict[str, str] = field(default_factory=dict)
    format: str | None = None  # muxer; None: by the file name
    frame_count: int = FRAMES
    rate: int = RATE  # frames per second
    group_of_pictures: int = 12  # frames
    b_frames: int | None = None  # for encoders that have no option of that name
    size: tuple[int, int] = (WIDTH, HEIGHT)  # pixels
    times_ms: tuple[int, ...] | None = None  # when each frame is shown; None: evenly at the rate
    shift: int = 0  # frames by which packets are shifted in time before muxing; those before zero are not shown
    picture: Callable[[int, int, int], NDArray[np.uint8]] = barcode_frame  # of a number, a width and a height
    adjust: Callable[[VideoStream], Any] | None = None  # a last touch to the stream before encoding

    @property
    def truth(self) -> dict[int, float]:
        """The frames that are shown, and the seconds since the first of them at which each appears."""
        if self.times_ms is not None:
            return {number: (time - self.times_ms[0]) / 1000 for number, time in enumerate(self.times_ms)}
        hidden = max(0, -self.shift)
        return {number: (number - hidden) / self.rate for number in range(hidden, self.frame_count)}


def encode(encoding: Encoding, path: Path) -> Path:
    """Write the video: frame k shows barcode k, or whatever picture the encoding makes of k."""
    container = av.open(str(path), "w", format=encoding.format, options=encoding.container_options)
    with container:
        stream = _stream(container, encoding)
        for number in range(encoding.frame_count):
            frame = av.VideoFrame.from_ndarray(encoding.picture(number, *encoding.size), format="rgb24")
            if encoding.times_ms is not None:
                frame.pts, frame.time_base = encoding.times_ms[number], Fraction(1, 1000)
            else:
                frame.pts, frame.time_base = number, Fraction(1, encoding.rate)
            _mux(container, stream.encode(frame), encoding)
        _mux(container, stream.encode(None), encoding)
    return path


def _stream(container: OutputContainer, encoding: Encoding) -> VideoStream:
    stream = container.add_stream(encoding.codec, rate=encoding.rate, options=encoding.options)
    stream.width, stream.height = encoding.size
    stream.pix_fmt = encoding.pixel_format
    stream.codec_context.gop_size = encoding.group_of_pictures
    stream.codec_context.thread_count = 1
    if encoding.b_frames is not None:
        stream.codec_context.max_b_frames = encoding.b_frames
    if encoding.times_ms is not None:
        stream.codec_context.time_base = Fraction(1, 1000)
    if encoding.adjust is not None:
        encoding.adjust(stream)
    return stream


def _mux(container: OutputContainer, packets: list[Packet[VideoStream]], encoding: Encoding) -> None:
    for packet in packets:
        if encoding.shift:
            ticks = round(encoding.shift / encoding.rate / packet.time_base)
            packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
        container.mux(packet)
