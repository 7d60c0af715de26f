"""How far a long measurement is: a line that moves on a terminal, few lines that stay elsewhere."""

from __future__ import annotations

from rich.status import Status

from lvspec_cli.errors import LvspecError
from lvspec_cli.output.sanitize import for_terminal
from lvspec_cli.ui.console import PREFIX, error_console, line

TELLINGS = 5  # lines a stage, where nothing moves


class Stages:
    """Hears of stages and their steps; a context manager, which leaves the terminal as it was."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = error_console()
        self._quiet = quiet
        moves = not quiet and self._console.is_interactive and self._console.file.isatty()
        self._status = Status("", console=self._console) if moves else None

    def __enter__(self) -> Stages:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def step(self, stage: str, done: int, count: int) -> None:
        """``done`` of ``count`` steps of a stage are done."""
        text = f"{stage}: {done} of {count}" if count > 1 else stage
        if self._status is not None:
            self._status.update(for_terminal(text))
        elif not self._quiet and (done in (0, count) or done % -(-count // TELLINGS) == 0):
            line(self._console, text)

    def note(self, message: str) -> None:
        """Something that one must know to read the results rightly."""
        line(self._console, PREFIX + message, "yellow")

    def skipped(self, path: str, error: LvspecError) -> None:
        """An input that is left out."""
        named = path in str(error)
        line(self._console, f"{PREFIX}skipped: {'' if named else f'{path}: '}{error}", "red")
