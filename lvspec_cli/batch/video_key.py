"""Which video it is that was captioned: a path, and whether what is there is still the same."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from lvspec_cli.files import absolute
from lvspec_cli.video.source import IMAGE_SUFFIXES


@dataclass(frozen=True)
class VideoKey:
    """A video as it lies on the disk. Times are compared for being equal and for nothing else: clocks are set back."""

    path: str  # absolute
    size_bytes: int | None  # of all images in a folder; None: it cannot be looked at
    mtime_ns: int | None  # ns since 1970, the last change; of a folder the latest of its images

    @classmethod
    def of(cls, path: str) -> VideoKey:
        """Look at the video of that path."""
        place = absolute(path)
        try:
            status = os.stat(place)
            if not stat.S_ISDIR(status.st_mode):
                return cls(place, status.st_size, status.st_mtime_ns)
            images = _images(place)
        except OSError:
            return cls(place, None, None)
        latest = max((image.st_mtime_ns for image in images), default=status.st_mtime_ns)
        return cls(place, sum(image.st_size for image in images), latest)


def _images(folder: str) -> list[os.stat_result]:
    """Of the images in a folder, and of nothing else that may come and go there, such as results."""
    with os.scandir(folder) as entries:
        images = [entry for entry in entries if entry.name.lower().endswith(IMAGE_SUFFIXES)]
    return [entry.stat() for entry in images if not entry.name.startswith(".") and entry.is_file()]
