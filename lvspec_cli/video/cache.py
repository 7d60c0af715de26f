"""What was learnt of the last video, so that reading another part of it costs no more than its frames.

A process that reads many parts of one video indexes and fingerprints it once. Only the last video is remembered, and
only as long as nothing about its files has changed: whoever reads another video pays for that one alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar, cast

from lvspec_cli.video.source import VideoPath, reachable

# Of one file: its name, device, inode, size in bytes, and when its content and its inode last changed, in nanoseconds.
FileStamp: TypeAlias = tuple[str, int, int, int, int, int]
Result = TypeVar("Result")


class Learnt:
    """What is known of one version of a video."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def recall(self, name: str, learn: Callable[[], Result]) -> Result:
        """The value of that name; ``learn`` finds it out the first time. What ``learn`` raises is not remembered."""
        if name not in self._values:
            self._values[name] = learn()
        return cast(Result, self._values[name])


class VideoCache:
    """Remembers what was learnt of one video until another one is asked for, or until it changes."""

    def __init__(self) -> None:
        self._stamps: list[FileStamp] = []
        self._learnt = Learnt()

    def of(self, files: Sequence[VideoPath]) -> Learnt:
        """What is known of the video that consists of these files, in this order.

        Raises:
            VideoNotFound, VideoUnreadable: one of them is not there any more.
        """
        stamps = [_stamp(file) for file in files]
        if stamps != self._stamps:
            self._stamps, self._learnt = stamps, Learnt()
        return self._learnt


def _stamp(file: VideoPath) -> FileStamp:
    status = reachable(file, lambda: os.stat(file))
    name = os.path.basename(os.fspath(file))
    # The inode's own time shows what the content's hides: a file changed in place whose time was then set back.
    return (name, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
