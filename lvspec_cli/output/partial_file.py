"""The file that results grow in before they have their name: nothing in it is ever torn."""

from __future__ import annotations

import os
from io import TextIOBase
from pathlib import Path
from typing import BinaryIO, cast

from lvspec_cli.errors import LvspecError
from lvspec_cli.file_lock import lock, unlock
from lvspec_cli.files import append_whole, in_place

_CHUNK = 1 << 16  # bytes that are read together


class PartialFile(TextIOBase):
    """A text file whose every write is in it as a whole or not at all, also on a disk that is full.

    Nothing is held back in between: a writer that fails has nothing left to try again. What an earlier run left in the
    file stays until there is something new to write.
    """

    def __init__(self, path: Path, name: str) -> None:
        """``name``: what the user called the file that this one is to become. Raises OSError."""
        self._path, self._name = path, name
        # For appending: that does not empty the file.
        self._file = open(path, "ab+", buffering=0)  # noqa: SIM115 - closed by `close`
        self._is_locked = False  # by this process
        self._torn_from: int | None = None  # bytes before what is to be cut off before anything is written
        self.begun = False  # whether what is in it is what this run leaves, and not what it found

    @property
    def size(self) -> int:
        """Bytes that are in it."""
        return os.fstat(self._file.fileno()).st_size

    @property
    def in_place(self) -> bool:
        """Whether it still has its name; another run may have given it its last one, or removed it."""
        return in_place(cast(BinaryIO, self._file), self._path)

    def take(self) -> bool:
        """Whether this process alone may write it until it is closed; on a disk that knows no locks, it may."""
        try:
            self._is_locked = lock(cast(BinaryIO, self._file))
        except OSError:
            return True
        return self._is_locked

    def go_on(self) -> bytes:
        """Keep the lines that are in it, but for one that was torn off; return the last whole one.

        If there is none, what there is of the first.
        """
        start, tail = self.size, b""
        while start and tail.count(b"\n") < 2:
            length = min(start, max(_CHUNK, len(tail)))
            start -= length
            self._file.seek(start)
            tail = self._file.read(length) + tail
        whole, end, _ = tail.rpartition(b"\n")
        self._torn_from, self.begun = start + len(whole + end), True
        return whole.rpartition(b"\n")[2] if end else tail

    def cut_torn(self) -> None:
        """Cut off the line that was torn off, if there is one. Raises LvspecError."""
        if self._torn_from is None:
            return
        try:
            if self._torn_from < self.size:
                self._file.truncate(self._torn_from)
        except OSError as error:
            raise LvspecError(f"{self._name} cannot be written: {error.strerror}; choose another place") from error
        self._torn_from = None

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Write all of the text. Raises LvspecError, which tells where what was written before is."""
        if text:
            self.cut_torn()
            self._append(text.encode("utf-8", errors="surrogateescape"))
        return len(text)

    def close(self) -> None:
        """Close the file; it stays where it is."""
        if self._is_locked:
            unlock(cast(BinaryIO, self._file))
            self._is_locked = False
        self._file.close()
        super().close()

    def _append(self, data: bytes) -> None:
        whole = 0
        try:
            if not self.begun:
                self._file.truncate(0)
                self.begun = True
            whole = self._file.seek(0, 2)
            append_whole(cast(BinaryIO, self._file), data)
        except OSError as error:
            kept = f"; what was finished before is whole in {self._path}" if whole else ""
            reason = f"{self._name} cannot be written: {error.strerror}{kept}"
            raise LvspecError(f"{reason}: make room, or choose another place") from error
