"""A file that one run at a time may write. The lock goes with the process, however that ends."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import BinaryIO

_BEHIND = 1 << 40  # bytes: far behind the content, which others can read then
_TRIES, _PAUSE_SECONDS = 1000, 0.001  # while somebody only looks whether it is taken, which takes microseconds


def lock(file: BinaryIO) -> bool:
    """Take the file for this process; False if another process has it. Those who only look do not hinder it.

    Raises OSError where it cannot be locked at all, as on some disks of clusters.
    """
    if sys.platform == "win32":
        import msvcrt

        file.seek(_BEHIND)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    for _ in range(_TRIES):
        if _flock(file, shared=False):
            return True
        if not _flock(file, shared=True):
            return False  # a run has it: who only looks shares it
        release(file)
        time.sleep(_PAUSE_SECONDS)
    return False


def release(file: BinaryIO) -> None:
    """Give the file back. Closing it would not while a child that has just begun holds a copy of it."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_UN)


def is_locked(path: Path) -> bool | None:
    """Whether a run has the file, without disturbing one that begins; None: that cannot be known here."""
    try:
        with open(path, "rb") as file:
            if sys.platform == "win32":
                file.seek(_BEHIND)
                try:
                    file.read(1)
                except PermissionError:
                    return True
                return False
            return not _flock(file, shared=True)  # closing gives it back
    except OSError:
        return None


def _flock(file: BinaryIO, *, shared: bool) -> bool:
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
