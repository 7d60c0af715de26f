"""Breaks the growing caption into lines, going on where it left off.

Greedy from the start of the text, so that no line that is once full ever changes; only what was added is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len

from lvspec_cli.decoding.events import Origin
from lvspec_cli.ui.live.glyphs import Glyphs
from lvspec_cli.ui.live.known import Piece

Run = tuple[str, Origin | None]  # text of one look
_PARTS = re.compile(r"\n|[^\S\n]+|\S+")


class CaptionWrap:
    """Remembers how it broke a caption, and begins anew when the width or the text before has changed."""

    def __init__(self, glyphs: Glyphs) -> None:
        self._glyphs = glyphs
        self._taken: int = 0  # pieces
        self._last: Piece | None = None  # of those
        self._begin(0)

    def last_lines(self, pieces: Sequence[Piece], width: int, count: int) -> list[list[Run]]:
        """The last lines of a text, none wider than ``width`` cells. Runs of one look are not split needlessly."""
        if width != self._width or not self._goes_on(pieces):
            self._begin(width)
        for piece in pieces[self._taken :]:
            self._add(self._glyphs.of_caption(piece.text), piece.origin)
        self._taken = len(pieces)
        self._last = pieces[-1] if pieces else None
        return self._with_open_word()[-count:] if count > 0 else []

    def _begin(self, width: int) -> None:
        self._width = width
        self._taken = 0
        self._lines: list[list[Run]] = [[]]
        self._filled = 0  # cells of the last line
        self._space: Run | None = None  # between the last line and the word
        self._word: list[Run] = []  # which may go on with the next piece
        self._word_cells = 0

    def _goes_on(self, pieces: Sequence[Piece]) -> bool:
        return len(pieces) >= self._taken and (self._taken == 0 or pieces[self._taken - 1] is self._last)

    def _add(self, text: str, origin: Origin | None) -> None:
        for part in _PARTS.findall(text):
            if part == "\n":
                self._place_word()
                self._break_line()
            elif part.isspace():
                self._place_word()
                self._space = (" ", origin)
            else:
                self._add_to_word(part, origin)

    def _add_to_word(self, text: str, origin: Origin | None) -> None:
        """Texts without spaces, such as Chinese ones, may be broken between any two wide characters."""
        if cell_len(text) == len(text):
            self._word.append((text, origin))
            self._word_cells += len(text)
            return
        for character in text:
            cells = cell_len(character)
            if cells > 1:
                self._place_word()
            self._word.append((character, origin))
            self._word_cells += cells

    def _place_word(self) -> None:
        """Put the open word on the last line, or on the next one if there is no room for it."""
        if not self._word:
            return
        word, cells, space = self._word, self._word_cells, self._space
        self._word, self._word_cells, self._space = [], 0, None
        if self._filled + (space is not None) + cells > self._width and self._filled:
            self._break_line()
        elif space is not None and self._filled:
            self._put(*space)
        for text, origin in word:
            self._put_chopped(text, origin)

    def _put_chopped(self, text: str, origin: Origin | None) -> None:
        """Put a text on the last line; what is too long for a line of its own is cut where the line ends."""
        if self._filled + cell_len(text) <= self._width:
            self._put(text, origin)
            return
        for character in text:
            if self._filled + cell_len(character) > self._width:
                self._break_line()
            if cell_len(character) <= self._width:
                self._put(character, origin)

    def _put(self, text: str, origin: Origin | None) -> None:
        line = self._lines[-1]
        self._filled += cell_len(text)
        if line and line[-1][1] is origin:
            line[-1] = (line[-1][0] + text, origin)
        elif line and text == " ":  # what is between two looks has none
            line.append((text, None))
        else:
            line.append((text, origin))

    def _break_line(self) -> None:
        self._lines.append([])
        self._filled, self._space = 0, None

    def _with_open_word(self) -> list[list[Run]]:
        """The lines as if the open word ended here."""
        kept = list(self._lines[-1]), self._filled, self._space, self._word, self._word_cells
        count = len(self._lines)
        self._place_word()
        shown = list(self._lines)
        del self._lines[count:]
        self._lines[-1], self._filled, self._space, self._word, self._word_cells = kept
        return shown
