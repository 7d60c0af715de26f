"""The view for a terminal: a status line while a video is worked on, then its plain line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from lvspec_cli.output.sanitize import for_terminal, on_one_line
from lvspec_cli.ui.plain import PlainView
from lvspec_cli.ui.stage_names import STAGE_NAMES

if TYPE_CHECKING:
    from lvspec_cli.caption import Caption, Failure, Progress
    from lvspec_cli.output.recorded import RecordedCaption


class StatusView(PlainView):
    """The status line is gone whenever a result is written, so that stdout may be the same terminal."""

    def __init__(self, console: Console, verbose: bool) -> None:
        super().__init__(console, verbose)
        self._live: Live | None = None
        self._title = ""
        self._tokens = 0

    def __exit__(self, *_: object) -> None:
        """Take the status line away, however the run ended."""
        self._stop()

    @property
    def active(self) -> bool:
        """Whether the status line is on the terminal."""
        return self._live is not None

    def begin(self, path: str, index: int, count: int) -> None:
        """Show the status line."""
        self._stop()
        self._title = (f"[{index + 1}/{count}] " if count > 1 else "") + for_terminal(on_one_line(path))
        self._tokens = 0
        self._spinner = Spinner("dots", Text(self._title, overflow="ellipsis", no_wrap=True))
        # Rich would take stdout over as well, and results meant for a pipe would land on the terminal.
        self._live = Live(
            self._spinner, console=self._console, transient=True, redirect_stdout=False, refresh_per_second=8
        )
        self._live.start()

    def progress(self, progress: Progress) -> None:
        """Say what is going on."""
        if progress.stage == "reading":  # perhaps once more, with fewer frames
            self._tokens = 0
        if progress.round is not None:
            self._tokens += len(progress.round.tokens)
        said = progress.stage in ("decoding", "done")
        state = f"{self._tokens} tokens" if said else STAGE_NAMES[progress.stage]
        if self._live is not None:
            self._spinner.update(text=Text(f"{self._title}: {state}", overflow="ellipsis", no_wrap=True))
            if progress.round is None:  # a new stage is shown at once, rounds with the next turn of the spinner
                self._live.refresh()

    def make_way(self) -> None:
        """Take the status line away."""
        self._stop()

    def finished(self, caption: Caption | RecordedCaption) -> None:
        """Replace the status line by the plain one."""
        self._stop()
        super().finished(caption)

    def failed(self, failure: Failure) -> None:
        """Replace the status line by the error."""
        self._stop()
        super().failed(failure)

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
