"""What a path leads to, judged by its first bytes and never by its name."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from enum import Enum
from typing import TypeAlias, TypeVar

from lvspec_cli.errors import NotAVideo, VideoEmpty, VideoNotFound, VideoUnreadable

VideoPath: TypeAlias = str | os.PathLike[str]
Result = TypeVar("Result")

HEAD_BYTES = 512
IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp")  # of the images in a folder
PLAYLIST_HEADS = (b"#EXTM3U", b"ffconcat version", b"[playlist]", b"<asx", b"<ASX", b"<smil", b"[Reference]", b"<MPD")


class SourceKind(Enum):
    """How a video has to be read."""

    CONTAINER = "container"  # by a demuxer and a decoder
    IMAGE = "image"  # by Pillow: GIF, WebP, PNG, JPEG, BMP, one frame or many
    FOLDER = "folder"  # a folder, whose images are the frames


def shown(path: VideoPath) -> str:
    """The path as messages quote it: control characters and broken encodings escaped."""
    return repr(os.fspath(path))


def source_kind(path: VideoPath) -> SourceKind:
    """How to read what the path leads to.

    Raises:
        VideoNotFound, VideoUnreadable, VideoEmpty: as they say.
        NotAVideo: a device, pipe or socket, or a playlist that names other files.
    """
    mode = _mode(path)
    if stat.S_ISDIR(mode):
        return SourceKind.FOLDER
    if not stat.S_ISREG(mode):
        raise NotAVideo(f"{shown(path)} is a device, pipe or socket, not a file: save the video to a file first")
    head = file_head(path)
    if not head:
        raise VideoEmpty(f"{shown(path)} is empty: copy or record it again")
    if _is_playlist(head):
        raise NotAVideo(f"{shown(path)} is a playlist, not a video: give the video files that it names")
    return SourceKind.IMAGE if _is_image(head, path) else SourceKind.CONTAINER


def _mode(path: VideoPath) -> int:
    return reachable(path, lambda: os.stat(path).st_mode)


def file_head(path: VideoPath) -> bytes:
    """The first HEAD_BYTES of a file; fewer of a shorter one.

    Raises:
        VideoNotFound, VideoUnreadable: it cannot be read.
    """

    def read() -> bytes:
        # O_NONBLOCK: should a pipe have taken the file's place since the check, opening it must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            return file.read(HEAD_BYTES)

    return reachable(path, read)


def reachable(path: VideoPath, look: Callable[[], Result]) -> Result:
    """What ``look`` finds at the path.

    Raises:
        VideoNotFound: there is nothing.
        VideoUnreadable: the system refuses, or the disk fails.
    """
    try:
        return look()
    except (FileNotFoundError, NotADirectoryError) as error:
        if "://" in os.fspath(path):
            raise VideoNotFound(f"{shown(path)} is an address, not a file: download the video first") from error
        raise VideoNotFound(f"there is no file {shown(path)}: check the path") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VideoUnreadable(f"{shown(path)} cannot be read ({reason}): check its permissions and its disk") from error


def _is_playlist(head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return text.startswith(PLAYLIST_HEADS) or (text.startswith(b"<?xml") and b"<MPD" in text)


def _is_image(head: bytes, path: VideoPath) -> bool:
    if head.startswith((b"GIF87a", b"GIF89a", b"\x89PNG\r\n\x1a\n")) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return True
    if head.startswith(b"\xff\xd8\xff"):  # a raw Motion JPEG stream begins like a photograph
        return not os.fspath(path).lower().endswith((".mjpeg", ".mjpg"))
    return head.startswith(b"BM") and head[6:10] == b"\0\0\0\0"
