"""Lines of a screen: styled text whose width is counted in cells, so that wide and combining characters fit."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from lvspec_cli.ui.live.glyphs import Glyphs
from lvspec_cli.ui.live.palette import PLAIN, QUIET, TITLE

Line = tuple[Segment, ...]
BLANK: Line = ()
_GAP = 2  # cells between what stands left and right on a line, at least


def words(text: str, style: Style = PLAIN) -> Segment:
    """A piece of a line."""
    return Segment(text, style)


def width_of(line: Sequence[Segment]) -> int:
    """Cells that a line takes."""
    width = 0
    for text, _, control in line:
        if control is None:
            width += len(text) if text.isascii() and text.isprintable() else cell_len(text)
    return width


def cut(line: Sequence[Segment], width: int, glyphs: Glyphs) -> Line:
    """A line that is no wider than this; what is cut off leaves an ellipsis."""
    if width <= 0:
        return BLANK
    if width_of(line) <= width:
        return tuple(line)
    room, kept = width - cell_len(glyphs.ellipsis), []
    for segment in line:
        size = cell_len(segment.text)
        if size > room:
            kept.append(Segment(set_cell_size(segment.text, max(room, 0)), segment.style))
            break
        kept.append(segment)
        room -= size
    return (*kept, Segment(set_cell_size(glyphs.ellipsis, min(width, cell_len(glyphs.ellipsis))), QUIET))


def cut_front(text: str, width: int, glyphs: Glyphs) -> str:
    """A text of which the end matters, such as a path, in no more cells than this."""
    if cell_len(text) <= width:
        return text
    kept = text
    while kept and cell_len(kept) > width - cell_len(glyphs.ellipsis):
        kept = kept[max(1, (len(kept) - width) // 2) :]
    return glyphs.ellipsis + kept if width > 0 else ""


def padded(line: Line, width: int) -> Line:
    """A line filled up with spaces."""
    missing = width - width_of(line)
    return (*line, Segment(" " * missing, PLAIN)) if missing > 0 else line


def spread(left: Line, right: Line, width: int, glyphs: Glyphs) -> Line:
    """One part at either end of a line; the right one goes first where there is no room for both."""
    right = cut(right, width, glyphs)
    room = width - width_of(right) - _GAP
    return (*padded(cut(left, room, glyphs), room + _GAP), *right) if room > 0 else right


def heading(title: str, right: Line, width: int, glyphs: Glyphs) -> Line:
    """The first line of a panel: its title, a rule, and what matters most at the end of it."""
    right = cut(right, width - cell_len(title) - 4, glyphs) if width_of(right) else BLANK
    rule = width - cell_len(title) - 1 - (width_of(right) + 1 if right else 0)
    tail = (Segment(" ", PLAIN), *right) if right else BLANK
    return Segment(title, TITLE), Segment(" ", PLAIN), Segment(glyphs.rule * max(rule, 0), QUIET), *tail


def filled(lines: Sequence[Line], rows: int) -> list[Line]:
    """Exactly so many lines: cut off or filled up at the end."""
    return [*lines[:rows], *[BLANK] * (rows - len(lines))]
