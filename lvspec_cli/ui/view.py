"""What people see of a run. The base class is the quietest view: notes and errors only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from lvspec_cli.ui.console import PREFIX, line

if TYPE_CHECKING:
    from lvspec_cli.caption import Caption, Failure, Progress
    from lvspec_cli.output.recorded import RecordedCaption
    from lvspec_cli.settings import Settings


class View:
    """Hears of everything that happens in a run, and prints what must never be missed."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> View:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""

    def note(self, message: str) -> None:
        """Something that one must know to read the results rightly."""
        line(self._console, PREFIX + message, "yellow")

    def failed(self, failure: Failure) -> None:
        """An input of which there is no caption."""
        message = failure.trouble.message
        named = repr(failure.path) in message
        line(self._console, f"{PREFIX}error: {'' if named else f'{failure.path}: '}{message}", "red")

    def settings(self, settings: Settings) -> None:
        """The settings of the run, known before anything is loaded."""

    def begin(self, path: str, index: int, count: int) -> None:
        """The input number `index`, counted from 0, of `count` for which there is work is next."""

    def progress(self, progress: Progress) -> None:
        """A step of the current input."""

    def make_way(self) -> None:
        """A result is about to be written, perhaps to the same terminal."""

    def finished(self, caption: Caption | RecordedCaption) -> None:
        """The current input has its caption: tell what was odd about the video."""
        for warning in caption.facts.warnings:
            self.note(f"{caption.path}: {warning}")
        if caption.shrunk_from is not None:
            shown = f"{len(caption.frame_times)} of the {caption.shrunk_from} frames"
            self.note(f"{caption.path}: there was not enough memory for more than {shown}")

    def summary(self, captioned: int, failed: int, skipped: int = 0) -> None:
        """The run is over."""
