"""The live view: hears of everything as any view does, and draws it now and then from a thread of its own.

What the decoding loop calls only puts things aside; reading tokens, laying out and writing happen in the thread. A
thread also keeps the clock on the screen going while the loop is silent, for prefilling may take minutes. Its work is
Python's and so takes turns with the loop's, but it waits for at least a hundred times as long as it worked.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, RLock, Thread
from time import monotonic, thread_time
from typing import TYPE_CHECKING, Any

from rich.console import Console

from lvspec_cli.ui.live.glyphs import glyphs_for
from lvspec_cli.ui.live.layout import compose
from lvspec_cli.ui.live.ledger import Ledger
from lvspec_cli.ui.live.region import Region
from lvspec_cli.ui.live.suspension import Suspension
from lvspec_cli.ui.live.wrapping import CaptionWrap
from lvspec_cli.ui.plain import PlainView

if TYPE_CHECKING:
    from lvspec_cli.caption import Caption, Failure, Progress
    from lvspec_cli.output.recorded import RecordedCaption
    from lvspec_cli.settings import Settings

REFRESHES = 10  # in any second, at most
_INTERVAL = 0.16  # s between refreshes; what that leaves of the ten is for the beginnings of videos
_SHARE = 0.01  # of a core's time that drawing may take


class LiveView(PlainView):
    """Shows the caption as it comes to be; its plain line stays above when the video is done."""

    def __init__(
        self,
        console: Console,
        verbose: bool,
        clock: Callable[[], float] = monotonic,
        work_clock: Callable[[], float] = thread_time,
    ) -> None:
        """``clock``: seconds that pass; ``work_clock``: seconds that the calling thread has worked."""
        super().__init__(console, verbose)
        self._clock, self._work_clock = clock, work_clock
        self._lock = RLock()
        self._ledger = Ledger()
        self._heard: deque[tuple[float, Progress]] = deque()  # and not yet looked at
        self._region = Region(console)
        self._glyphs = glyphs_for(console.encoding)
        self._wrap = CaptionWrap(self._glyphs)
        self._drawn: deque[float] = deque(maxlen=REFRESHES)  # when
        self._due = 0.0  # of the clock
        self._working = False  # whether there is a video to show
        self._thread: _Ticker | None = None
        self._suspension = Suspension(self._away)
        self.drawing_seconds = 0.0  # s of a core's time

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was, however the run ended."""
        if self._thread is not None:
            self._thread.stop()
            self._thread = None
        self._suspension.end()
        self._wipe()

    @property
    def active(self) -> bool:
        """Whether the view is on the terminal."""
        return self._region.up

    def settings(self, settings: Settings) -> None:
        """What the layout depends on is known."""
        super().settings(settings)
        with self._lock:
            self._ledger.settle(settings)

    def begin(self, path: str, index: int, count: int) -> None:
        """Show the next video."""
        self._suspension.begin()  # before the cursor is hidden
        with self._lock:
            self._heard.clear()
            self._ledger.begin(self._clock(), path, index, count)
            self._working = True
            if not self._region.up:  # else what is known of the last video may stay for a moment
                self._draw()
        if self._thread is None:
            self._thread = _Ticker(self.tick)
            self._thread.start()

    def progress(self, progress: Progress) -> None:
        """Remember the step for the next refresh."""
        self._heard.append((self._clock(), progress))

    def tick(self) -> None:
        """Draw if it is time to."""
        with self._lock:
            if self._working and self._clock() >= self._due:
                self._draw()

    def make_way(self) -> None:
        """Leave the terminal to a result, if that is where it goes."""
        if sys.stdout.isatty():
            self._wipe()

    def note(self, message: str) -> None:
        """Above the view."""
        with self._region.aside():
            super().note(message)

    def finished(self, caption: Caption | RecordedCaption) -> None:
        """The plain line, above the view, which shows the whole caption for as long as there is no other."""
        self._end(failed=False)
        with self._region.aside():
            super().finished(caption)

    def failed(self, failure: Failure) -> None:
        """The error, above the view."""
        self._end(failed=True)
        with self._region.aside():
            super().failed(failure)

    def summary(self, *counts: Any, **named: Any) -> None:
        """Instead of the view."""
        self._wipe()
        super().summary(*counts, **named)

    def _end(self, *, failed: bool) -> None:
        with self._lock:
            if self._working:
                self._draw()
            self._ledger.end(self._clock(), failed=failed)

    @contextmanager
    def _away(self) -> Iterator[None]:
        """The terminal is somebody else's for as long as the block takes."""
        with self._lock, self._region.absent():
            yield

    def _wipe(self) -> None:
        with self._lock:
            self._working = False
            self._region.hide()

    def _draw(self) -> None:
        now = self._clock()
        if len(self._drawn) == REFRESHES and now - self._drawn[0] < 1:
            return
        self._drawn.append(now)
        began = self._work_clock()
        while self._heard:
            self._ledger.take(*self._heard.popleft())
        width, height = self._console.size
        self._region.draw(compose(self._ledger.known(now), width, height, self._glyphs, self._wrap), width, height)
        worked = self._work_clock() - began
        self.drawing_seconds += worked
        self._due = now + max(_INTERVAL, worked / _SHARE)


class _Ticker(Thread):
    """Calls again and again until it is stopped; how often anything is drawn is not its concern."""

    def __init__(self, tick: Callable[[], None]) -> None:
        super().__init__(name="live view", daemon=True)
        self._tick = tick
        self._ended = Event()

    def run(self) -> None:
        while not self._ended.wait(_INTERVAL):
            self._tick()

    def stop(self) -> None:
        """Return when the last call has."""
        self._ended.set()
        self.join()
