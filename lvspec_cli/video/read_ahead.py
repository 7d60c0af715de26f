"""Reading ahead: the frames of the next videos are read in other processes while the models work on this one.

What is expected is read by background threads, each of which waits for one process at a time; what is asked for and was
not expected is read by the thread that asks, in a process of its own if all are busy. Nothing expected, no thread.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from typing import Literal, TypeAlias

from lvspec_cli.errors import VideoNotFound
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.remote import Answer, RemoteReader, request_for
from lvspec_cli.video.source import VideoPath
from lvspec_cli.video.wire import Request
from lvspec_cli.video.worker import VideoWorker, WorkerStopped

Action: TypeAlias = Literal["read", "measure", "scenes"]
_Jobs: TypeAlias = "SimpleQueue[Callable[[], None] | None]"  # None: all who wait go home
THREAD_NAME = "lvspec-read-ahead"


@dataclass(eq=False)
class _Seat:
    """A worker and what is known of it."""

    worker: VideoWorker
    path: str = ""  # of the video that it read last: reading more of that is cheap there
    stopped: bool = False  # it is of no more use

    def stop(self) -> None:
        self.stopped = True
        self.worker.stop()


@dataclass(eq=False)
class _Reading:
    """Something that is expected."""

    request: Request
    answer: Future[Answer] = field(default_factory=Future)
    pictures: Future[list[str]] = field(default_factory=Future)  # done a little later
    seat: _Seat | None = None  # while it is read
    dropped: bool = False  # nobody wants it any more


class ReadAhead(RemoteReader):
    """Reads videos as `VideoWorker` does, and those that are expected before they are asked for. A context manager.

    At most `workers` of what is expected are held at a time, read or being read. What `read` is given must be what
    `expect` was given, options and all; then it takes the clip, or raises the very error, that was found ahead. A video
    that changes on disk between the two is shown as it was read. Not to be shared between threads.
    """

    def __init__(self, workers: int = 2, make_worker: Callable[[], VideoWorker] = VideoWorker) -> None:
        """`workers`: that read ahead at the same time, and how many clips may wait; 1 or more."""
        self._most, self._make_worker = workers, make_worker
        self._lock = threading.Lock()  # over the next four and what they hold; nobody waits for a video under it
        self._expected: dict[Request, _Reading] = {}  # the first that was expected is the first here
        self._idle: list[_Seat] = []  # the one that was used last is the last
        self._busy: list[_Seat] = []
        self._threads: list[threading.Thread] = []
        self._jobs: _Jobs = SimpleQueue()
        self._handing = threading.Lock()  # over the next two
        self._pictures: Callable[[], list[str]] = list  # of the clip that was handed out last
        self._owing: _Seat | None = None  # whose worker makes them, if it does: they come before it is asked again

    def expect(
        self,
        path: VideoPath,
        options: ReadOptions | None = None,
        *,
        pictures: bool = False,
        action: Action = "read",
    ) -> None:
        """Begin to read what will be asked for: by `read`, or as `action` says by another method.

        Nothing is raised here; an error waits until that is asked for. Where `workers` are expected already, the first
        of them makes room: it is stopped, and read when it is asked for after all.
        """
        try:
            request = request_for(action, path, options, pictures)
        except VideoNotFound:  # raised once more by who asks
            return
        with self._lock:
            if request in self._expected:
                return
            if len(self._expected) >= self._most:
                self._drop(self._expected.pop(next(iter(self._expected))))
            reading = self._expected[request] = _Reading(request)
            self._jobs.put(partial(self._read_ahead, reading))
            if len(self._threads) < len(self._expected):
                self._add_thread()

    def ask(self, request: Request) -> Answer:
        """The answer to a request, at once if it was expected long enough ago. Raises what `read` says."""
        self._hand_out(list)
        with self._lock:
            reading = self._expected.get(request)
        if reading is None:
            return self._ask_now(request)
        error = reading.answer.exception()  # whoever interrupts the wait may ask again: it is still expected then
        with self._lock:
            self._expected.pop(request, None)
        if error is not None:
            raise error
        self._hand_out(reading.pictures.result)
        return reading.answer.result()

    def pictures(self) -> list[str]:
        """`thumbnails` of the frames that were handed out last, if `read` was told so and nothing else was asked since.

        [] also where the child ended over them: they are not worth an error.
        """
        with self._handing:
            made, self._pictures, self._owing = self._pictures, list, None
            return made()

    def close(self) -> None:
        """Stop what is being read and end every process and thread, without waiting for any video.

        The reader may be used again: it starts others.
        """
        with self._lock:
            for reading in self._expected.values():
                reading.dropped = True
            self._expected.clear()
            for seat in self._busy:
                seat.stop()
            threads, self._threads = self._threads, []
            jobs, self._jobs = self._jobs, SimpleQueue()
        jobs.put(None)
        for thread in threads:
            thread.join()
        self._hand_out(list)
        for seat in self._idle:
            seat.worker.close()
        self._idle.clear()

    @property
    def process_ids(self) -> list[int]:
        """The process ids of the running children."""
        with self._lock:
            found = [seat.worker.process_id for seat in (*self._idle, *self._busy)]
        return [process_id for process_id in found if process_id is not None]

    def _ask_now(self, request: Request) -> Answer:
        with self._lent(request) as seat:
            answer = seat.worker.ask(request)
            if request.pictures:  # before another may have the worker
                self._hand_out(seat.worker.pictures, seat)
        return answer

    def _read_ahead(self, reading: _Reading) -> None:
        """What a background thread does."""
        try:
            with self._lent(reading.request, reading) as seat:
                self._settle(seat)
                reading.answer.set_result(seat.worker.ask(reading.request))
                reading.pictures.set_result(seat.worker.pictures() if reading.request.pictures else [])
        except BaseException as error:  # for whoever asks; and a thread that dies would leave the next ones waiting
            if not reading.answer.done():
                reading.answer.set_exception(error)
            elif not reading.pictures.done():
                reading.pictures.set_result([])

    @contextmanager
    def _lent(self, request: Request, reading: _Reading | None = None) -> Iterator[_Seat]:
        """A worker for this request alone. Raises WorkerStopped if nobody wants the reading any more."""
        with self._lock:
            if reading is not None and reading.dropped:
                raise WorkerStopped
            seat = self._free_seat(request.path)
            self._busy.append(seat)
            if reading is not None:
                reading.seat = seat
        try:
            yield seat
        finally:
            with self._lock:
                self._busy.remove(seat)
                if reading is not None:
                    reading.seat = None
                surplus = self._take_back(seat)
            if surplus is not None:
                self._settle(surplus)
                surplus.worker.close()

    def _take_back(self, seat: _Seat) -> _Seat | None:
        """One that is not to be kept: this if it is stopped, or the one that was not used for longest if many are."""
        if seat.stopped:
            return seat
        self._idle.append(seat)
        return self._idle.pop(0) if len(self._idle) > self._most else None

    def _free_seat(self, path: str) -> _Seat:
        """The one that knows the video, or else the one that was not used for longest; only then another process."""
        found = next((seat for seat in self._idle if seat.path == path), self._idle[0] if self._idle else None)
        if found is None:
            return _Seat(self._make_worker(), path)
        self._idle.remove(found)
        found.path = path
        return found

    def _drop(self, reading: _Reading) -> None:
        reading.dropped = True
        if reading.seat is not None:
            reading.seat.stop()

    def _settle(self, seat: _Seat) -> None:
        """Take the pictures that a worker still owes of the clip that was handed out last, for its next answer."""
        with self._handing:
            if self._owing is seat:
                made, self._owing = seat.worker.pictures(), None
                self._pictures = lambda: made

    def _hand_out(self, pictures: Callable[[], list[str]], owing: _Seat | None = None) -> None:
        with self._handing:
            self._pictures, self._owing = pictures, owing

    def _add_thread(self) -> None:
        if not self._threads:  # a reader that nobody closes leaves no thread behind
            weakref.finalize(self, self._jobs.put, None).atexit = False
        # The end of the program does not wait for it: its process ends with the program.
        thread = threading.Thread(target=_work, args=(self._jobs,), name=THREAD_NAME, daemon=True)
        self._threads.append(thread)
        thread.start()


def _work(jobs: _Jobs) -> None:
    while (job := jobs.get()) is not None:
        job()
        del job  # and with it what it read
    jobs.put(None)  # for the next thread
