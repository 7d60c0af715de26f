"""SIGTERM, which schedulers and containers send, ends a run as Ctrl-C does: nothing is left half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lvspec_cli.cli.exit_codes import TERMINATED


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise SystemExit in the block, so that cursor, files and processes are seen to on the way out."""
    in_main_thread = threading.current_thread() is threading.main_thread()  # no other one may set handlers
    if not in_main_thread or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends a run that hangs on its way out
    raise SystemExit(TERMINATED)
