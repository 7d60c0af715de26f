"""Small charts of characters: bars that stand, and bars that lie."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style

from lvspec_cli.ui.live.cells import Line, words
from lvspec_cli.ui.live.glyphs import Glyphs
from lvspec_cli.ui.live.palette import DONE, QUIET


def columns(values: Sequence[int], highest: int, width: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """The last values that fit as standing bars, one cell each; a value of 0 is a bar that is just seen."""
    levels = len(glyphs.levels)
    shown = values[-width:] if width > 0 else ()
    heights = [max(1, round(min(value / max(highest, 1), 1) * rows * levels)) for value in shown]
    return [
        (words("".join(_cell(height - row * levels, glyphs.levels) for height in heights), DONE),)
        for row in reversed(range(rows))
    ]


def _cell(height: int, levels: str) -> str:
    return " " if height <= 0 else levels[min(height, len(levels)) - 1]


def bar(share: float, width: int, glyphs: Glyphs, style: Style = DONE, *, rest: bool = True) -> Line:
    """A lying bar that is full at a share of 1; with ``rest``, what is missing is seen as well."""
    full = min(max(round(share * width), 0), max(width, 0))
    if share > 0 and full == 0 < width:
        full = 1
    missing = glyphs.rest if rest else " "
    return words(glyphs.bar * full, style), words(missing * (width - full), QUIET)


def moving_bar(seconds: float, width: int, glyphs: Glyphs) -> Line:
    """A bar of something whose end nobody knows: a short piece that goes to and fro."""
    size = max(width // 6, 1)
    way = max(width - size, 0)
    turn = seconds * 0.4 % 2  # once there and back in five seconds
    at = round(way * (turn if turn <= 1 else 2 - turn))
    rest = width - at - size
    return words(glyphs.rest * at, QUIET), words(glyphs.bar * size, DONE), words(glyphs.rest * max(rest, 0), QUIET)
