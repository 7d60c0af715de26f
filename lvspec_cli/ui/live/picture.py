"""A picture of the live view as SVG, which needs nothing from anywhere: no font, no script, no network."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.segment import Segment
from rich.terminal_theme import TerminalTheme

from lvspec_cli.ui.live.cells import Line
from lvspec_cli.ui.live.glyphs import glyphs_for
from lvspec_cli.ui.live.known import Known
from lvspec_cli.ui.live.layout import compose
from lvspec_cli.ui.live.ledger import Ledger

if TYPE_CHECKING:
    from lvspec_cli.caption import Progress
    from lvspec_cli.settings import Settings

_UNUSED = [(0, 0, 0)] * 8  # colours by number
DARK = TerminalTheme((24, 27, 33), (222, 224, 228), _UNUSED)
LIGHT = TerminalTheme((255, 255, 255), (36, 41, 47), _UNUSED)

# Rich's own frame would fetch fonts from a server. A viewer's own fonts do: each text is told how wide it has to be.
_FORMAT = """\
<svg class="lvspec-screen" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
  <style>
    .{unique_id}-matrix {{
      font-family: ui-monospace, "DejaVu Sans Mono", "SF Mono", Menlo, Consolas, monospace;
      font-size: {char_height}px;
      line-height: {line_height}px;
    }}
    .{unique_id}-title {{ font-family: sans-serif; font-size: 16px; }}
    {styles}
  </style>
  <defs>
    <clipPath id="{unique_id}-clip-terminal">
      <rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
    </clipPath>
    {lines}
  </defs>
  {chrome}
  <g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
    {backgrounds}
    <g class="{unique_id}-matrix">
    {matrix}
    </g>
  </g>
</svg>
"""


def half_way(settings: Settings, name: str, steps: Sequence[tuple[float, Progress]]) -> Known:
    """What was known in the middle of the decoding of a video. ``steps``: of its caption, with their times in s."""
    ledger = Ledger()
    ledger.settle(settings)
    ledger.begin(steps[0][0], name, 0, 1)
    rounds = [index for index, (_, step) in enumerate(steps) if step.round is not None]
    middle = rounds[len(rounds) // 2]
    for at, step in steps[: middle + 1]:
        ledger.take(at, step)
    return ledger.known(steps[middle][0])


def picture(known: Known, width: int, height: int, title: str, *, light: bool = False) -> str:
    """The screen of a terminal of so many columns and rows, as the text of an SVG file."""
    return as_svg(compose(known, width, height, glyphs_for("utf-8")), width, title, LIGHT if light else DARK)


def as_svg(lines: list[Line], width: int, title: str, theme: TerminalTheme = DARK) -> str:
    """Lines of a screen as the text of an SVG file."""
    console = Console(record=True, width=width, file=io.StringIO(), color_system="truecolor", no_color=False)
    console.print(_Screen(lines), soft_wrap=True)
    return console.export_svg(title=title, theme=theme, code_format=_FORMAT, unique_id="lvspec")


class _Screen:
    """Lines as Rich prints them."""

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines

    def __rich_console__(self, *_: object) -> list[Segment]:
        shown = [segment for line in self._lines for segment in (*line, Segment.line())]
        return [segment for segment in shown if not segment.is_control]
