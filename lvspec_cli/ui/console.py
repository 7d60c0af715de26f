"""The terminal of people: stderr, through Rich."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from lvspec_cli.output.sanitize import for_terminal, on_one_line

PREFIX = "lvspec: "


def error_console() -> Console:
    """A console on stderr that interprets nothing in what it prints and breaks no lines."""
    return Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def line(console: Console, message: str, style: str = "") -> None:
    """Print one line, whatever `message` contains."""
    console.print(Text(for_terminal(on_one_line(message)), style=style))


def print_error(message: str) -> None:
    """Say what went wrong, in one line."""
    line(error_console(), f"{PREFIX}error: {message}", "red")


def say(message: str) -> None:
    """Tell people something that is neither a result nor an error, in one line."""
    line(error_console(), message)
