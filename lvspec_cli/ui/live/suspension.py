"""Ctrl-Z, while the view is on the terminal: the shell gets a terminal with a cursor, and the view comes back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager


class Suspension:
    """From `begin` to `end`, a stop from the keyboard happens within a block that leaves the terminal to others."""

    def __init__(self, away: Callable[[], AbstractContextManager[None]]) -> None:
        self._away = away
        self._begun = False

    def begin(self) -> None:
        """Take the signal over, where there is one, and nobody else has an eye on it."""
        in_main_thread = threading.current_thread() is threading.main_thread()  # no other one may set handlers
        if in_main_thread and hasattr(signal, "SIGTSTP") and signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
            signal.signal(signal.SIGTSTP, self._stop)
            self._begun = True

    def end(self) -> None:
        """Give the signal back."""
        if self._begun:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            self._begun = False

    def _stop(self, *_: object) -> None:
        with self._away():
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTSTP)  # all threads stand still here until the process is continued
            signal.signal(signal.SIGTSTP, self._stop)
