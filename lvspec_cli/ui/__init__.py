"""All that people see while lvspec works: on stderr, through Rich, and nowhere else in the package."""

from __future__ import annotations

from lvspec_cli.errors import UsageError
from lvspec_cli.ui.console import error_console, print_error, print_traceback, say
from lvspec_cli.ui.live.layout import SMALLEST
from lvspec_cli.ui.live.view import LiveView
from lvspec_cli.ui.plain import PlainView
from lvspec_cli.ui.stages import Stages
from lvspec_cli.ui.status import StatusView
from lvspec_cli.ui.table import print_table
from lvspec_cli.ui.view import View

MODES = ("auto", "live", "plain", "none")

__all__ = ["MODES", "Stages", "View", "make_view", "print_error", "print_table", "print_traceback", "say"]


def make_view(mode: str, *, quiet: bool = False, verbose: bool = False, name: str = "--ui") -> View:
    """The view for a mode; `auto` moves on a terminal, as far as there is room, and is plain elsewhere.

    An unknown mode raises UsageError, which calls the setting by the `name` that its user wrote.
    """
    if mode not in MODES:
        raise UsageError(f"{name} must be one of {', '.join(MODES)}, not {mode!r}")
    console = error_console()
    if quiet or mode == "none":
        return View(console)
    # FORCE_COLOR makes Rich see a terminal where there is none; colours are welcome there, animation is not.
    moves = mode != "plain" and console.is_interactive and console.file.isatty()
    if not moves:
        view = PlainView(console, verbose)
        if mode == "live":
            view.note(f"{name} live needs a terminal on stderr that can move its cursor: plain lines take its place")
        return view
    width, height = console.size
    roomy = mode == "live" or (width >= SMALLEST[0] and height >= SMALLEST[1])
    return LiveView(console, verbose) if roomy and not console.legacy_windows else StatusView(console, verbose)
