"""The file that results grow in before they have their name: nothing in it is ever torn."""

from __future__ import annotations

from io import TextIOBase
from pathlib import Path
from typing import BinaryIO, cast

from lvspec_cli.errors import LvspecError
from lvspec_cli.files import append_whole


class PartialFile(TextIOBase):
    """A text file whose every write is in it as a whole or not at all, also on a disk that is full.

    Nothing is held back in between: a writer that fails has nothing left to try again. What an earlier run left in the
    file stays until there is something new to write.
    """

    def __init__(self, path: Path, name: str) -> None:
        """``name``: what the user called the file that this one is to become. Raises OSError."""
        self._path, self._name = path, name
        # For appending: that does not empty the file.
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - closed by `close`
        self.begun = False  # whether anything was written

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, text: str) -> int:
        """Write all of the text. Raises LvspecError, which tells where what was written before is."""
        if text:
            self._append(text.encode("utf-8", errors="surrogateescape"))
        return len(text)

    def close(self) -> None:
        """Close the file; it stays where it is."""
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
