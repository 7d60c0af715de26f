"""Opening a container safely: only real video files, only this one file, only its real video stream."""

from __future__ import annotations

import os

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from lvspec_cli.errors import NotAVideo, NoVideoStream, VideoTooLarge, VideoUnreadable
from lvspec_cli.video.limits import check_pixels
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.source import VideoPath, file_head, shown

# What may parse a file. Left out on purpose: whatever opens further files (concat, hls, dash, image2), devices, and
# guesses that turn any text into "video" (tty). Sound formats are here so that the message can say what is missing.
VIDEO_DEMUXERS = (
    "mov,matroska,webm,mpegts,mpeg,mpegvideo,avi,flv,ogg,asf,rm,mxf,nut,ivf,obu,h264,hevc,m4v,mjpeg,dv,vc1,"
    "yuv4mpegpipe,wtv"
)
SOUND_DEMUXERS = "mp3,wav,flac,aac,ac3,eac3,aiff,amr,w64,caf"
MEDIA = frozenset(("video", "audio", "subtitle"))  # types of streams that somebody made
MOST_DECODER_THREADS = 4  # more gain little at these lengths and each costs a frame of memory


def open_stream(path: VideoPath, options: ReadOptions) -> tuple[InputContainer, VideoStream]:
    """The opened file, at its beginning, and its main video stream, ready to decode.

    Raises:
        VideoError: as ``open_container`` and ``main_video_stream`` say.
    """
    container = open_container(path)
    try:
        return container, main_video_stream(container, path, options)
    except BaseException:
        container.close()
        raise


def open_container(path: VideoPath) -> InputContainer:
    """Open a file with whitelisted demuxers and no protocol but ``file``.

    Raises:
        NotAVideo: no whitelisted demuxer can make sense of it.
        VideoUnreadable: the system refuses to read it.
    """
    options = {"format_whitelist": f"{VIDEO_DEMUXERS},{SOUND_DEMUXERS}", "protocol_whitelist": "file"}
    try:
        # The prefix keeps names with colons from being taken for a protocol.
        return av.open(f"file:{os.fspath(path)}", container_options=options, metadata_errors="replace")
    except (av.error.PermissionError, av.error.FileNotFoundError) as error:
        raise VideoUnreadable(f"{shown(path)} cannot be read ({error.strerror}): check its permissions") from error
    except av.error.MemoryError as error:
        raise VideoTooLarge(f"{shown(path)} asks for more memory than there is: it is damaged or too large") from error
    except (av.error.FFmpegError, UnicodeError) as error:
        raise NotAVideo(_what_is_wrong(path)) from error


def main_video_stream(container: InputContainer, path: VideoPath, options: ReadOptions) -> VideoStream:
    """The stream that a player would show, ready to decode; cover art is no video.

    Raises:
        NotAVideo: it knows of nothing to see or hear: its index is cut off or damaged.
        NoVideoStream: there is none, or no decoder for it.
        VideoTooLarge: its frames exceed ``options.max_coded_pixels``.
    """
    # FFmpeg opens a file that is cut inside its index and calls what is left of the streams data, or knows none.
    if MEDIA.isdisjoint(stream.type for stream in container.streams):
        raise NotAVideo(_what_is_wrong(path))
    streams = [stream for stream in container.streams.video if not _is_picture(stream)]
    if not streams:
        raise NoVideoStream(f"{shown(path)} has no video stream (sound or cover art only): give a file with pictures")
    decodable = [stream for stream in streams if stream.codec_context is not None]
    if not decodable:
        raise NoVideoStream(
            f"{shown(path)} has a video stream of an unknown codec: convert it to H.264, or copy it again"
        )
    stream = max(decodable, key=lambda s: (bool(s.disposition & Disposition.default), s.width * s.height, -s.index))
    check_pixels(path, stream.width, stream.height, options)
    _set_up_decoding(stream, options)
    return stream


def decode_packet(stream: VideoStream, packet: Packet[VideoStream] | None) -> list[VideoFrame] | None:
    """The frames that leave the decoder after this packet (None: at the end), or None where it refuses the packet."""
    try:
        return stream.codec_context.decode(packet)
    except av.error.MemoryError:
        raise
    except av.error.EOFError:
        return []
    except av.error.FFmpegError:
        return None


def _set_up_decoding(stream: VideoStream, options: ReadOptions) -> None:
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = min(MOST_DECODER_THREADS, os.cpu_count() or 1)
    # The header may lie about the size: the decoder itself must refuse what the bitstream really says.
    stream.codec_context.options = {"max_pixels": str(options.max_coded_pixels)}


def _is_picture(stream: VideoStream) -> bool:
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _what_is_wrong(path: VideoPath) -> str:
    if file_head(path)[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
        return f"{shown(path)} is an MP4 or MOV file without a usable index, probably cut off: record or copy it again"
    return f"{shown(path)} is not a video that can be read: give a video file, or a copy that is not damaged"
