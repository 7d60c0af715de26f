"""Reading videos in a child process: a crash, a hang or a bomb costs that video and nothing else."""

from __future__ import annotations

import threading

from lvspec_cli.errors import VideoTimeout, VideoWorkerCrashed
from lvspec_cli.video.child import DeadlinePassed, ProcessEnded, ReaderProcess, explained_start
from lvspec_cli.video.remote import Answer, RemoteReader
from lvspec_cli.video.source import shown
from lvspec_cli.video.wire import Request, error_of

ATTEMPTS = 2


class WorkerStopped(Exception):
    """Somebody stopped the worker before the answer was there."""


class VideoWorker(RemoteReader):
    """Reads videos one after another in one child process, started on first use. A context manager.

    A child that crashes is started anew and tries the same video once more; a child that passes the deadline is
    killed, and the next video gets a new one. Threads may share a worker: their videos take turns.
    """

    def __init__(self) -> None:
        self._process: ReaderProcess | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def ask(self, request: Request) -> Answer:
        """The answer to a request. Raises what `read` says, and WorkerStopped."""
        ending = ""
        with self._lock:
            for _ in range(ATTEMPTS):
                try:
                    return self._answer(request)
                except ProcessEnded as ended:
                    ending = str(ended)
            self._check_not_stopped()
        raise VideoWorkerCrashed(
            f"the decoder crashed on {shown(request.path)} ({ending}): convert the video, or try another --decoder"
        )

    def pictures(self) -> list[str]:
        """`thumbnails` of the frames that were read last, if `read` was told so and nothing else was asked since.

        [] also where the child ended over them: they are not worth an error.
        """
        with self._lock:
            try:
                return self._process.pictures() if self._process is not None else []
            except (EOFError, OSError, ValueError):
                self._end()
                return []
            except BaseException:  # an interrupt: half a line may still be on its way
                self._end()
                raise

    def stop(self) -> None:
        """End the child for good, from any thread and without waiting for what it is asked: that raises WorkerStopped.

        The thread that asked frees what the child held; `close` does where there is none.
        """
        # In this order: whoever starts a child looks at the mark once there is something to kill.
        self._stopped = True
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the child, if there is one. The worker may be used again unless it was stopped: it starts another."""
        with self._lock:
            self._end()

    @property
    def process_id(self) -> int | None:
        """The running child's process id."""
        return self._process.pid if self._process is not None and self._process.is_running else None

    def _answer(self, request: Request) -> Answer:
        try:
            message, clip = self._running().ask(request, request.options.deadline_seconds)
        except DeadlinePassed:
            self._end()
            raise VideoTimeout(_too_long(request)) from None
        except BaseException:  # also an interrupt: half an answer may still be on its way
            self._end()
            raise
        if message.get("leaving"):
            self._end()
        if "error" in message:
            raise error_of(message)
        if "bug" in message:
            cause = RuntimeError(message["traceback"])
            raise VideoWorkerCrashed(
                f"reading {shown(request.path)} failed unexpectedly ({message['bug']}): convert the video"
            ) from cause
        return message, clip

    def _running(self) -> ReaderProcess:
        if self._process is not None and not self._process.is_running:
            self._end()
        self._check_not_stopped()
        if self._process is None:
            with explained_start():
                self._process = ReaderProcess()
                self._check_not_stopped()
                self._process.wait_until_ready()
        return self._process

    def _check_not_stopped(self) -> None:
        if self._stopped:
            raise WorkerStopped

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None


def _too_long(request: Request) -> str:
    took = f"{shown(request.path)} took longer than {request.options.deadline_seconds:g} s"
    if request.action == "scenes":
        return f"finding the scenes of {took}, for every frame is decoded: raise --timeout, or give --segment seconds"
    return f"reading {took}: cut the video, or raise --timeout"
