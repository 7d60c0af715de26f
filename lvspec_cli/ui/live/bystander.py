"""Takes the place of stderr while the view is on the terminal: what others print goes above the view."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from rich.text import Text

from lvspec_cli.output.sanitize import for_terminal

if TYPE_CHECKING:
    from lvspec_cli.ui.live.region import Region


class Bystander(io.TextIOBase):
    """A text stream of whole lines. It says that it is no terminal, so that nobody draws on it."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._stream = sys.stderr
        self._open_line = ""
        sys.stderr = self

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The terminal's."""
        return self._stream.encoding

    def leave(self) -> None:
        """Give stderr its place back."""
        if sys.stderr is self:
            sys.stderr = self._stream

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The terminal's, for processes that are started."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """No."""
        return False

    def write(self, text: str) -> int:
        """Print every line that is complete."""
        *lines, self._open_line = (self._open_line + text).split("\n")
        for line in lines:
            self._region.print_above(for_terminal(Text.from_ansi(line).plain))
        return len(text)
