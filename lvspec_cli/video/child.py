"""One child process that reads videos, as its parent handles it: start, ask, end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import lvspec_cli
from lvspec_cli.errors import VideoWorkerNotStarted
from lvspec_cli.video.clip import Clip
from lvspec_cli.video.wire import READY, Request, read_line, receive_clip, request_message, write_line

START_SECONDS = 60.0  # for the child to import what it needs, even from a slow disk
PIPE_BYTES = 1024 * 1024  # frames are large; so should the pipe's buffer be

# Not ``-m``: that would put the working directory, which may be anybody's, before the standard library.
BOOT = """
import sys
sys.path = [place for place in sys.path if place]
sys.path.insert(0, {root!r})
import lvspec_cli
sys.path.remove({root!r})
from lvspec_cli.video.worker_process import main
main()
"""


class ProcessEnded(Exception):
    """The child is gone; the message says how it ended."""


class DeadlinePassed(Exception):
    """The child took too long and was killed."""


@contextlib.contextmanager
def explained_start() -> Iterator[None]:
    """Around what begins a child and waits until it is ready.

    Raises:
        VideoWorkerNotStarted: it cannot start; the message says why.
    """
    try:
        yield
    except ProcessEnded as ended:
        raise VideoWorkerNotStarted(f"the video reader cannot start ({ended}): reinstall lvspec") from ended
    except DeadlinePassed as passed:
        raise VideoWorkerNotStarted(
            f"the video reader cannot start (not ready after {START_SECONDS:g} s): run lvspec on a less busy machine"
        ) from passed
    except OSError as error:  # of the system, before there is a child
        raise VideoWorkerNotStarted(
            f"the video reader cannot start ({error.strerror}): end other programs and try again"
        ) from error


class ReaderProcess:
    """A child that runs and may be killed; it can be asked once it is ready. Raises OSError where none can begin."""

    def __init__(self) -> None:
        # What libraries print, to be quoted if the child crashes.
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the child
        self._process = subprocess.Popen(
            [sys.executable, "-c", BOOT.format(root=str(Path(lvspec_cli.__file__).resolve().parents[1]))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        self._requests = cast(BinaryIO, self._process.stdin)
        self._answers = cast(BinaryIO, self._process.stdout)
        self._owes_pictures = False  # a line that nobody has read is on its way
        _enlarge_pipe(self._answers)

    def wait_until_ready(self) -> None:
        """To be called once, before anything is asked.

        Raises:
            ProcessEnded: it ended before it was ready.
            DeadlinePassed: it was not ready in time; it was killed.
        """
        with self._deadline(START_SECONDS):
            if read_line(self._answers) != READY:
                raise ProcessEnded("it spoke out of turn")

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the child can still be asked."""
        return self._process.poll() is None

    def ask(self, request: Request, seconds: float) -> tuple[dict[str, Any], Clip | None]:
        """The answer's head, and the clip if it has one.

        Raises:
            ProcessEnded: the child ended instead.
            DeadlinePassed: no whole answer came within ``seconds``; the child was killed.
        """
        if self._owes_pictures:  # nobody took them, and they are no part of this answer
            with self._deadline(seconds):
                self.pictures()
        with self._deadline(seconds):
            write_line(self._requests, request_message(request))
            message = read_line(self._answers)
            clip = receive_clip(self._answers, message) if "clip" in message else None
        self._owes_pictures = clip is not None and request.pictures
        return message, clip

    def pictures(self) -> list[str]:
        """Those of the frames that came with the last answer, if it was asked for them; [] once they were handed out.

        There is no deadline: they are there long before anybody wants them, and its thread would cost more than they.

        Raises:
            EOFError: the child ended instead.
        """
        if not self._owes_pictures:
            return []
        pictures = read_line(self._answers).get("pictures", ())
        self._owes_pictures = False
        return list(pictures)

    def kill(self) -> None:
        """Kill the child, from any thread: whoever waits for its answer learns that it ended."""
        self._process.kill()

    def end(self) -> None:
        """Kill the child and free what it held."""
        self.kill()
        self._process.wait()
        for stream in (self._requests, self._answers, self._stderr):
            with contextlib.suppress(OSError):
                stream.close()

    @contextlib.contextmanager
    def _deadline(self, seconds: float) -> Iterator[None]:
        passed = threading.Event()

        def kill() -> None:
            passed.set()
            self._process.kill()

        timer = threading.Timer(seconds, kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (EOFError, OSError) as error:
            if passed.is_set():
                raise DeadlinePassed from error
            raise ProcessEnded(self._how_it_ended()) from error
        except ValueError as error:  # no JSON: something prints where only answers belong
            raise ProcessEnded("it spoke out of turn") from error
        finally:
            timer.cancel()

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        how = f"signal {_signal_name(-code)}" if code < 0 else f"exit code {code}"
        self._stderr.seek(0)
        printed = self._stderr.read().decode(errors="replace").strip().splitlines()
        return f"{how}: {printed[-1]}" if printed else how


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _enlarge_pipe(stream: BinaryIO) -> None:
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):  # a user may be out of pipe memory
            fcntl.fcntl(stream.fileno(), getattr(fcntl, "F_SETPIPE_SZ", 1031), PIPE_BYTES)
