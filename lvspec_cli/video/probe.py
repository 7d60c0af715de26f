"""What a container's header says of its video, and its first frame: facts that cost next to nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from lvspec_cli.video.cache import VideoCache
from lvspec_cli.video.clip import VideoFacts
from lvspec_cli.video.clock import before_pictures, is_avi, lead_s
from lvspec_cli.video.container import decode_packet, open_stream
from lvspec_cli.video.conversion import FrameConverter
from lvspec_cli.video.fingerprint import file_fingerprint
from lvspec_cli.video.geometry import Geometry
from lvspec_cli.video.index import stream_rate
from lvspec_cli.video.limits import no_frames
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.source import VideoPath


def inspect_container(path: VideoPath, options: ReadOptions, cache: VideoCache) -> VideoFacts:
    """The facts of a container file as its header and its first frame have them.

    Raises:
        VideoError: as ``read_clip`` says.
    """
    fingerprint = cache.of([path]).recall("fingerprint", lambda: file_fingerprint(path))
    container, stream = open_stream(path, options)
    with container:
        first = _first_frame(container, stream)
        if first is None:
            raise no_frames(path)
        converter = FrameConverter(path, stream, first, options)
        return replace(
            header_facts(path, stream, converter.geometry, fingerprint),
            first_frame_s=_lead_s(stream, first.pts),
            warnings=converter.warnings,
        )


def header_facts(path: VideoPath, stream: VideoStream, geometry: Geometry, fingerprint: str) -> VideoFacts:
    """The facts of a stream as its header has them; a duration of 0 means that the header has none."""
    width, height = geometry.display_size
    return VideoFacts(
        path=os.fspath(path),
        fingerprint=fingerprint,
        container=stream.container.format.name,
        codec=stream.codec_context.name,
        width=width,
        height=height,
        rotation_degrees=geometry.orientation.rotation_degrees,
        sample_aspect_ratio=f"{geometry.sample_aspect.numerator}:{geometry.sample_aspect.denominator}",
        duration_s=_header_duration(stream),
        average_frame_rate=float(stream.average_rate) if stream.average_rate else None,
        bad_packets=0,
        decoder="pyav",
        warnings=(),
    )


def _header_duration(stream: VideoStream) -> float:
    whole = getattr(stream.container, "duration", None)
    whole_s = float(Fraction(whole, av.time_base)) if whole else 0.0
    if not (stream.duration and stream.time_base):
        return whole_s
    pictures_s = float(stream.duration * stream.time_base) + _lead_s(stream, stream.start_time)
    # Some containers count the lead in; of MPEG streams FFmpeg takes the longest stream for the whole.
    is_guess = not whole_s or stream.container.format.name in ("mpegts", "mpeg")
    return pictures_s if is_guess else min(pictures_s, whole_s)


def _lead_s(stream: VideoStream, first: int | None) -> float:
    """Seconds from the beginning of the file to what is shown at ``first``, in ticks of the stream."""
    if first is None or stream.time_base is None:
        return 0.0
    # The first frame of AVI waits for the second packet; here nobody has looked whether it does.
    wait = 1 / stream_rate(stream) if is_avi(stream) else Fraction(0)
    return lead_s(before_pictures(stream, first * stream.time_base - wait))


def _first_frame(container: InputContainer, stream: VideoStream) -> VideoFrame | None:
    try:
        for packet in container.demux(stream):
            for frame in decode_packet(stream, packet) or ():
                return frame
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError:
        return None
    return None
