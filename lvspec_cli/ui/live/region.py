"""The part of a terminal that the view draws on: the last rows, below everything that was printed before.

Why not `rich.live.Live`: it erases every row and writes it anew, which flickers over a slow line and writes some
kilobytes ten times a second. Here only the rows that changed are written, over what they were. Why not the alternate
screen: results may go to the same terminal, notes and finished videos are to stay readable above, and a run over many
videos would flip between two screens. So the rows are ordinary ones, fewer than the terminal has, and are wiped.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import RLock

from rich.console import Console, ConsoleOptions, RenderResult
from rich.control import Control
from rich.segment import ControlType, Segment

from lvspec_cli.ui.live.bystander import Bystander
from lvspec_cli.ui.live.cells import Line, width_of
from lvspec_cli.ui.live.palette import SIXTEEN_COLOURS

_HOME, _BELOW, _RIGHT = "\r", "\x1b[J", "\x1b[K"  # go to the first column; erase what is below, what is right
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
# A line that a terminal takes for wider than it was counted is cut at the edge, and does not break into two.
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"


class Region:
    """Between any two calls the cursor is at the start of the last row. Calls may come from any thread."""

    def __init__(self, console: Console) -> None:
        self._console = console
        # What Rich makes of colours that a terminal does not know is left to it but where they would be too few.
        self._restyled = SIXTEEN_COLOURS if console.color_system in ("standard", "windows") else {}
        self._lock = RLock()
        self._shown: list[Line] = []  # on the terminal now
        self._width = 0  # columns that the terminal had when they were drawn
        self._depth = 0  # of the calls that are under way
        self._taken = False  # whether cursor and stderr are the region's
        self._bystander: Bystander | None = None

    @property
    def up(self) -> bool:
        """Whether anything of it is on the terminal."""
        return bool(self._shown)

    def draw(self, lines: Sequence[Line], width: int, height: int) -> None:
        """Show these lines, at least one and no more than the terminal of so many columns and rows has rows."""
        with self._held():
            if not self._shown:
                self._take_over()
                self._write([_raw(_HIDE_CURSOR + _NO_WRAP), *_all(lines), _raw(_WRAP)])
            elif width != self._width or len(lines) != len(self._shown):
                self._write([*self._to_top(width, height), _raw(_BELOW + _NO_WRAP), *_all(lines), _raw(_WRAP)])
            elif changed := self._changes(lines):
                self._write([_raw(_NO_WRAP), *changed, _raw(_WRAP)])
            self._shown, self._width = list(lines), width

    def hide(self) -> None:
        """Leave the terminal as it was, the cursor where the region began."""
        with self._held():
            self._wipe()
            if self._taken:  # asked apart, so that one who was interrupted in between may try again
                self._write([_raw(_SHOW_CURSOR)])
                self._give_back()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What is printed in the block goes above the region, all at once."""
        with self._held(), self._buffered():
            shown, width = self._shown, self._width
            self._wipe()
            yield
            if shown:
                self.draw(shown, width, len(shown))

    @contextmanager
    def absent(self) -> Iterator[None]:
        """The terminal is another program's for as long as the block takes; a signal's handler may enter it."""
        with self._lock:
            if self._depth:  # in the middle of a call, which goes on afterwards: only the cursor can be seen to
                self._write_past_buffers(_SHOW_CURSOR)
                yield
                self._write_past_buffers(_HIDE_CURSOR if self._taken else "")
                return
            shown, width = self._shown, self._width
            self.hide()
            yield
            if shown:
                self.draw(shown, width, len(shown))

    def print_above(self, text: str) -> None:
        """Print a line above the region."""
        with self.aside():
            self._write([Segment(text + "\n")])

    @contextmanager
    def _held(self) -> Iterator[None]:
        with self._lock:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1

    def _write_past_buffers(self, codes: str) -> None:
        with suppress(OSError, ValueError):  # what is no terminal may have no descriptor
            os.write(self._console.file.fileno(), codes.encode())

    @contextmanager
    def _buffered(self) -> Iterator[None]:
        try:
            with self._console:
                yield
        except OSError:  # such as a full disk; then the run goes on in silence
            self._console.quiet = True

    def _wipe(self) -> None:
        way, self._shown = self._to_top(*self._console.size) if self._shown else [], []
        if way:
            self._write([*way, _raw(_BELOW)])

    def _changes(self, lines: Sequence[Line]) -> list[Segment]:
        """From the last row to every row that changed, and back."""
        at, segments = len(lines) - 1, []
        for row, (old, new) in enumerate(zip(self._shown, lines, strict=True)):
            if old != new:
                segments += [Control.move(0, row - at).segment, *new, _raw(_RIGHT + _HOME)]
                at = row
        return [*segments, Control.move(0, len(lines) - 1 - at).segment] if segments else []

    def _to_top(self, width: int, height: int) -> list[Segment]:
        """To the first row. Most terminals break lines anew that are wider than they have become."""
        cells = [min(width_of(line), self._width) for line in self._shown[:-1]]
        rows = sum(max(1, -(-count // max(width, 1))) for count in cells)
        return [_raw(_HOME), Control.move(0, -min(rows, max(height - 1, 0))).segment]

    def _take_over(self) -> None:
        self._taken = True
        if self._bystander is None and self._console.file is sys.stderr:
            self._console.file = sys.stderr  # whatever takes its place
            self._bystander = Bystander(self)

    def _give_back(self) -> None:
        if self._bystander is not None:
            self._bystander.leave()
            self._bystander = None
        self._taken = False

    def _write(self, segments: Sequence[Segment]) -> None:
        if self._restyled:
            segments = [
                Segment(text, style and self._restyled.get(style, style), codes) for text, style, codes in segments
            ]
        try:
            self._console.print(_Segments(segments), end="", soft_wrap=True)
        except OSError:
            self._console.quiet = True


class _Segments:
    """Segments as they are."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._segments = segments

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        return self._segments


def _all(lines: Sequence[Line]) -> list[Segment]:
    segments = [segment for line in lines for segment in (*line, Segment.line())]
    return [*segments[:-1], _raw(_HOME)]


def _raw(codes: str) -> Segment:
    """Control codes, which take no cell and are left out where nothing is drawn."""
    return Segment(codes, None, [(ControlType.HOME,)])
