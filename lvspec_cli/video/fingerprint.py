"""A content fingerprint that costs the same for a gigabyte as for a megabyte.

SHA-256 over the size and three samples of 64 KiB: head, middle and tail (a file no larger than the three together is
hashed whole). It tells renamed and changed videos apart for caches and journals; it is no proof against an adversary
who edits bytes between the samples. A folder of images is the digest of its files' names and fingerprints in order.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from lvspec_cli.video.source import VideoPath, reachable

SAMPLE_BYTES = 64 * 1024
PREFIX = "sampled-sha256:"


def file_fingerprint(path: VideoPath) -> str:
    """The fingerprint of one regular file.

    Raises:
        VideoNotFound, VideoUnreadable: it cannot be read.
    """
    return PREFIX + reachable(path, lambda: _sampled_digest(path))


def files_fingerprint(paths: Iterable[Path]) -> str:
    """The fingerprint of several files as one video, in the given order.

    Raises:
        VideoNotFound, VideoUnreadable: a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        digest.update(os.fsencode(path.name) + b"\0" + file_fingerprint(path).encode() + b"\0")
    return PREFIX + digest.hexdigest()


def _sampled_digest(path: VideoPath) -> str:
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest = hashlib.sha256(size.to_bytes(8, "big"))
        for offset, length in _samples(size):
            file.seek(offset)
            digest.update(file.read(length))
    return digest.hexdigest()


def _samples(size: int) -> list[tuple[int, int]]:
    """(offset, length) of what is hashed of a file of ``size`` bytes."""
    if size <= 3 * SAMPLE_BYTES:
        return [(0, size)]
    return [(0, SAMPLE_BYTES), ((size - SAMPLE_BYTES) // 2, SAMPLE_BYTES), (size - SAMPLE_BYTES, SAMPLE_BYTES)]
