"""Arranges the panels on a screen: side by side where it is wide, below each other where it is not.

What is shown where depends on the size of the terminal, the method and the number of videos only, so nothing moves
while a caption grows. The less important panels go first where rows are few.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from rich.control import Control
from rich.segment import Segment

from lvspec_cli.ui.live.caption_panel import caption_panel, legend
from lvspec_cli.ui.live.cells import BLANK, Line, filled, padded
from lvspec_cli.ui.live.figures_panel import (
    acceptance_panel,
    acceptance_rows,
    chart_panel,
    facts_line,
    figures_line,
    speed_panel,
    speed_rows,
)
from lvspec_cli.ui.live.glyphs import Glyphs
from lvspec_cli.ui.live.header import progress_line, status_line, title_line, videos_line
from lvspec_cli.ui.live.known import Known, RunSetup
from lvspec_cli.ui.live.palette import PLAIN
from lvspec_cli.ui.live.round_panel import round_panel
from lvspec_cli.ui.live.wrapping import CaptionWrap

SMALLEST = (60, 12)  # columns and rows of a terminal that has room for panels
_WIDE = (120, 24)  # columns and rows from which there are two columns of panels
_GAP = 3  # cells between two columns
_CELLS_OF_A_TOKEN = 5  # more than most tokens take
_CAPTION_ROWS = (4, 24)  # of the caption, where rows are plenty
_CHAIN_ROWS = 2  # of the tokens of a round, where rows are plenty
_CHART_ROWS = (4, 8)


@dataclass(frozen=True)
class Plan:
    """What of the narrow arrangement there is room for, in rows without headings; 0 where it is left out."""

    caption_rows: int
    chain_rows: int = 0  # of the last round's tokens
    videos: int = 0  # 1: a line about all videos
    figures_line: int = 0
    panels: int = 0  # 1: panels of speed and acceptance, instead of the line of figures and the legend
    legend: int = 0
    facts: int = 0
    gaps: int = 0  # blank lines between panels, from the top on


def compose(known: Known, width: int, height: int, glyphs: Glyphs, wrap: CaptionWrap | None = None) -> list[Line]:
    """The screen for a terminal of this size: fewer lines than it has rows, none wider than it is.

    ``wrap`` spares the work of breaking the caption again that it broke for the last screen.
    """
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return [status_line(known, width - 1, glyphs)] if width > 1 else [BLANK]
    arrange = _wide if width >= _WIDE[0] and height >= _WIDE[1] else _narrow
    # One row stays free for what was there before; the last column too, for not all terminals break lines alike.
    lines = arrange(known, width - 2, height - 1, glyphs, wrap or CaptionWrap(glyphs))
    return [(Segment(" ", PLAIN), *line) if line else BLANK for line in lines]


def _narrow(known: Known, width: int, rows: int, glyphs: Glyphs, wrap: CaptionWrap) -> list[Line]:
    plan = plan_of(known.setup, known.videos.count > 1, width, rows)
    top = [title_line(known, width, glyphs)]
    top += [facts_line(known, width, glyphs)] if plan.facts else []
    top += [progress_line(known, width, glyphs)]
    top += [videos_line(known, width, glyphs)] if plan.videos else []
    blocks = [top, caption_panel(known, width, plan.caption_rows, glyphs, wrap)]
    if plan.legend:
        blocks[-1].append(legend(known, width, glyphs))
    if plan.chain_rows:
        blocks.append(round_panel(known, width, plan.chain_rows, glyphs))
    if plan.panels:
        blocks.append(_figures(known, width, glyphs))
    elif plan.figures_line:
        blocks.append([figures_line(known, width, glyphs)])
    return _stacked(blocks, plan.gaps)


@lru_cache(maxsize=16)
def plan_of(setup: RunSetup, several: bool, width: int, rows: int) -> Plan:
    """Spend the rows on what matters most."""
    best = Plan(caption_rows=2)
    for better in _wishes(setup, several, caption_rows(setup, width)):
        changed = Plan(**{**vars(best), **better})
        if _rows(changed, setup) <= rows:
            best = changed
    return best


def _wishes(setup: RunSetup, several: bool, caption: int) -> list[dict[str, int]]:
    """Changes to the plan, in the order of their importance; each is made if there is room."""
    drafts, gaps = setup.drafts, 2 + setup.drafts
    chain = [{"chain_rows": count} for count in range(1, _CHAIN_ROWS + 1)] if drafts else []
    return [
        *([{"videos": 1}] if several else []),
        {"figures_line": 1},
        *chain[:1],
        *([{"legend": 1}] if drafts else []),
        {"caption_rows": 3},
        {"caption_rows": 4},
        {"panels": 1, "figures_line": 0, "legend": 0},
        {"facts": 1},
        *chain[1:2],
        *({"gaps": count} for count in range(1, gaps + 1)),
        *({"caption_rows": count} for count in range(5, caption + 1)),
        *chain[2:],
    ]


def _rows(plan: Plan, setup: RunSetup) -> int:
    """Rows that a plan takes."""
    top = 2 + plan.videos + plan.facts
    chain = plan.chain_rows + 1 if plan.chain_rows else 0
    return top + 1 + plan.caption_rows + plan.legend + chain + _figures_rows(plan, setup) + plan.gaps


def _figures_rows(plan: Plan, setup: RunSetup) -> int:
    if not plan.panels:
        return plan.figures_line
    return max(speed_rows(setup, spark=True), acceptance_rows(setup))


def caption_rows(setup: RunSetup, width: int) -> int:
    """Rows in which the longest caption has room, within bounds."""
    least, most = _CAPTION_ROWS
    if setup.max_tokens is None:
        return most
    return min(max(-(-setup.max_tokens * _CELLS_OF_A_TOKEN // width) + 1, least), most)


def _figures(known: Known, width: int, glyphs: Glyphs) -> list[Line]:
    """Speed and acceptance side by side, or speed alone."""
    if not known.setup.drafts:
        return speed_panel(known, width, glyphs, spark=False)
    left = (width - _GAP) // 2
    return _beside(
        speed_panel(known, left, glyphs, spark=True), acceptance_panel(known, width - left - _GAP, glyphs), left
    )


def _wide(known: Known, width: int, rows: int, glyphs: Glyphs, wrap: CaptionWrap) -> list[Line]:
    top = [title_line(known, width, glyphs), facts_line(known, width, glyphs), progress_line(known, width, glyphs)]
    top += [videos_line(known, width, glyphs)] if known.videos.count > 1 else []
    right = min(max(width * 3 // 10, 44), 60)
    left = width - right - _GAP
    chain = _CHAIN_ROWS + 2 if known.setup.drafts else 0  # heading and gap
    wanted = max(1 + caption_rows(known.setup, left) + chain, _side_rows(known.setup))
    room = min(rows - len(top) - 1, wanted)
    main = caption_panel(known, left, room - chain - 1, glyphs, wrap)
    if known.setup.drafts:
        main += [BLANK, *round_panel(known, left, _CHAIN_ROWS, glyphs)]
    return [*top, BLANK, *_beside(main, _side(known, right, room, glyphs), left)]


def _side_rows(setup: RunSetup) -> int:
    """Rows of the column of numbers."""
    if not setup.drafts:
        return speed_rows(setup, spark=False)
    return speed_rows(setup, spark=False) + acceptance_rows(setup) + 1 + _CHART_ROWS[0] + 2  # two gaps


def _side(known: Known, width: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """The column of numbers; what of its rows is left is the chart's."""
    blocks = [speed_panel(known, width, glyphs, spark=False)]
    if known.setup.drafts:
        more = rows - _side_rows(known.setup)
        least, most = _CHART_ROWS
        blocks += [acceptance_panel(known, width, glyphs)]
        blocks += [chart_panel(known, width, min(max(least + more, 1), most), glyphs)]
    return _stacked(blocks, len(blocks) - 1)[:rows]


def _stacked(blocks: list[list[Line]], gaps: int) -> list[Line]:
    """Blocks below each other, the first of them with a blank line after it."""
    lines: list[Line] = []
    for index, block in enumerate(blocks):
        lines += block
        lines += [BLANK] if index < min(gaps, len(blocks) - 1) else []
    return lines


def _beside(left: list[Line], right: list[Line], width: int) -> list[Line]:
    """Two columns. A terminal that counts some character of the left one otherwise still has the right one in line."""
    rows = max(len(left), len(right))
    there = Control.move_to_column(width + _GAP + 1).segment
    return [
        (*padded(one, width + _GAP), there, *other) if other else one
        for one, other in zip(filled(left, rows), filled(right, rows), strict=True)
    ]
