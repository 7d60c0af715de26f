"""The terminal of people: stderr, through Rich."""

from __future__ import annotations

import traceback
from typing import TextIO

from rich.console import Console
from rich.text import Text

from lvspec_cli.output.sanitize import for_terminal, on_one_line

PREFIX = "lvspec: "


class ErrorConsole(Console):
    """A console that loses its reader without a word: nobody sees it any more, and results matter more."""

    def on_broken_pipe(self) -> None:
        """Say nothing more. Rich itself would point stdout, where the results go, at nothing and end the program."""
        self.quiet = True


def error_console() -> Console:
    """A console on stderr that interprets nothing in what it prints and breaks no lines."""
    return ErrorConsole(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def terminal_console(stream: TextIO, width: int, height: int) -> Console:
    """The same on a stream that is a terminal of so many columns and rows, whatever it says of itself."""
    return ErrorConsole(
        file=stream,
        force_terminal=True,
        color_system="truecolor",
        width=width,
        height=height,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=True,
    )


def line(console: Console, message: str, style: str = "") -> None:
    """Print one line, whatever `message` contains."""
    _show(console, Text(for_terminal(on_one_line(message)), style=style))


def print_error(message: str) -> None:
    """Say what went wrong, in one line."""
    line(error_console(), f"{PREFIX}error: {message}", "red")


def print_traceback(error: BaseException) -> None:
    """Show where an error comes from; what it quotes of paths and files steers no terminal."""
    _show(error_console(), Text(for_terminal("".join(traceback.format_exception(error)).rstrip())))


def say(message: str) -> None:
    """Tell people something that is neither a result nor an error, in one line."""
    line(error_console(), message)


def _show(console: Console, text: Text) -> None:
    try:
        console.print(text)
    except OSError:  # such as a full disk; then the run goes on in silence
        console.quiet = True
