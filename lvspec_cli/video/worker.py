"""Reading videos in a child process: a crash, a hang or a bomb costs that video and nothing else."""

from __future__ import annotations

import os
import threading
from typing import Any

from lvspec_cli.errors import VideoNotFound, VideoTimeout, VideoWorkerCrashed
from lvspec_cli.video.child import DeadlinePassed, ProcessEnded, ReaderProcess, started_reader
from lvspec_cli.video.clip import Clip, VideoFacts
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.segmentation import check_scene_detector
from lvspec_cli.video.source import VideoPath, shown
from lvspec_cli.video.wire import Request, error_of, facts_of

ATTEMPTS = 2


class VideoWorker:
    """Reads videos one after another in one child process, started on first use. A context manager.

    A child that crashes is started anew and tries the same video once more; a child that passes the deadline is
    killed, and the next video gets a new one. Threads may share a worker: their videos take turns.
    """

    def __init__(self) -> None:
        self._process: ReaderProcess | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> VideoWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, path: VideoPath, options: ReadOptions | None = None, *, pictures: bool = False) -> Clip:
        """``read_clip`` in the child, which remembers the index of the last video for reading more of it.

        ``pictures``: let the child go on and make small pictures of the frames, for `pictures`.

        Raises:
            LvspecError: what ``read_clip`` raises.
            VideoTimeout: it took longer than ``options.deadline_seconds``.
            VideoWorkerCrashed: the decoder crashed on both attempts.
            VideoWorkerNotStarted: the child cannot start.
        """
        clip = self._ask("read", path, options or ReadOptions(), pictures)[1]
        assert clip is not None
        return clip

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

    def inspect(self, path: VideoPath, options: ReadOptions | None = None) -> VideoFacts:
        """``inspect_video`` in the child; raises as ``read`` does."""
        return facts_of(self._ask("inspect", path, options or ReadOptions())[0])

    def measure(self, path: VideoPath, options: ReadOptions | None = None) -> VideoFacts:
        """``measure_video`` in the child; raises as ``read`` does."""
        return facts_of(self._ask("measure", path, options or ReadOptions())[0])

    def scenes(self, path: VideoPath, options: ReadOptions | None = None) -> tuple[float, ...]:
        """``find_scenes`` in the child; raises as ``read`` does.

        Raises:
            SceneDetectorUnavailable: what finds scenes is not installed; nothing is started then.
        """
        check_scene_detector()
        return tuple(self._ask("scenes", path, options or ReadOptions())[0]["scenes"])

    def close(self) -> None:
        """End the child, if there is one. The worker may be used again: it starts another."""
        with self._lock:
            self._end()

    @property
    def process_id(self) -> int | None:
        """The running child's process id."""
        return self._process.pid if self._process is not None and self._process.is_running else None

    def _ask(
        self, action: str, path: VideoPath, options: ReadOptions, pictures: bool = False
    ) -> tuple[dict[str, Any], Clip | None]:
        request = Request(action, os.fspath(path), _starting_folder(path), options, pictures)
        ending = ""
        with self._lock:
            for _ in range(ATTEMPTS):
                try:
                    return self._answer(request)
                except ProcessEnded as ended:
                    ending = str(ended)
        raise VideoWorkerCrashed(
            f"the decoder crashed on {shown(path)} ({ending}): convert the video, or try another --decoder"
        )

    def _answer(self, request: Request) -> tuple[dict[str, Any], Clip | None]:
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
        if self._process is None:
            self._process = started_reader()
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None


def _too_long(request: Request) -> str:
    took = f"{shown(request.path)} took longer than {request.options.deadline_seconds:g} s"
    if request.action == "scenes":
        return f"finding the scenes of {took}, for every frame is decoded: raise --timeout, or give --segment seconds"
    return f"reading {took}: cut the video, or raise --timeout"


def _starting_folder(path: VideoPath) -> str | None:
    """The folder from which the path starts; None of an absolute path, which needs none to be there."""
    if os.path.isabs(path):
        return None
    try:
        return os.getcwd()
    except OSError as error:
        raise VideoNotFound(
            f"{shown(path)} starts from the working directory, which is gone: give an absolute path"
        ) from error
