"""Room on disks, and sizes of files as people read them."""

from __future__ import annotations

import shutil
from pathlib import Path


def size_text(count: int) -> str:
    """Bytes as disks and downloads count them, in powers of 1000: ``987 bytes``, ``12.3 MB``, ``146.8 GB``."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def free_bytes(folder: Path) -> int:
    """Free bytes of the disk that a folder is on, or would be on if it existed."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free
