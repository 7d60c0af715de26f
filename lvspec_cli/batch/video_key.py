"""Which video it is that was captioned: a path, and whether what is there is still the same."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass


@dataclass(frozen=True)
class VideoKey:
    """A video as it lies on the disk. Times are compared for being equal and for nothing else: clocks are set back."""

    path: str  # absolute
    size_bytes: int | None  # of all images in a folder; None: it cannot be looked at
    mtime_ns: int | None  # ns since 1970, the last change; of a folder the latest of its images' and its own

    @classmethod
    def of(cls, path: str) -> VideoKey:
        """Look at the video of that path."""
        place = os.path.abspath(path)
        try:
            status = os.stat(place)
            if not stat.S_ISDIR(status.st_mode):
                return cls(place, status.st_size, status.st_mtime_ns)
            images = [entry.stat() for entry in os.scandir(place)]
        except OSError:
            return cls(place, None, None)
        latest = max(status.st_mtime_ns, *(image.st_mtime_ns for image in images), 0)
        return cls(place, sum(image.st_size for image in images), latest)
