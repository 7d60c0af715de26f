"""Tables of results."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from lvspec_cli.output.sanitize import for_terminal, on_one_line

WIDTH_OF_NO_TERMINAL = 200  # columns: a file or a pipe is not narrow


def print_table(
    title: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    note: str,
    *,
    to_stderr: bool = False,
    figures: bool = True,
) -> None:
    """Print a table to stdout or to stderr, aligned left but for the columns of ``figures``, all after the first."""
    stream = sys.stderr if to_stderr else sys.stdout
    width = None if stream.isatty() else WIDTH_OF_NO_TERMINAL
    console = Console(file=stream, width=width, markup=False, emoji=False, highlight=False)
    with console.capture() as capture:
        console.print(_text(title), style="bold")
        console.print(_table(headings, rows, "right" if figures else "left"))
        if note:
            console.print(_text(note), style="dim")
    # Rich fills every line up with spaces, which only swell a file.
    stream.write("\n".join(line.rstrip() for line in capture.get().split("\n")) + "\n")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], justify: JustifyMethod) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for index, heading in enumerate(headings):
        table.add_column(_text(heading), justify=justify if index else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_text, row))
    return table


def _text(content: str) -> Text:
    return Text(for_terminal(on_one_line(content)))
