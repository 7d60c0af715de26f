"""A file that one run at a time may write. The lock goes with the process, however that ends."""

from __future__ import annotations

import sys
from typing import BinaryIO


def lock(file: BinaryIO) -> bool:
    """Take the file for this process, without waiting; False if another process has it.

    Raises OSError where it cannot be locked at all, as on some disks of clusters.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            # A byte far behind the content, which others can read then.
            file.seek(1 << 40)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        if sys.platform == "win32":
            return False
        raise
    return True
