"""The video worker's own side: a process that reads videos for its parent.

Whatever a file does to the decoder happens here. The process ends when its parent does, when a video takes much longer
than its deadline, and after running out of memory.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from lvspec_cli.errors import LvspecError, SceneDetectorUnavailable
from lvspec_cli.video import VideoCache, find_scenes, inspect_video, measure_video, read_clip
from lvspec_cli.video.clip import Clip
from lvspec_cli.video.scenes import import_detector
from lvspec_cli.video.source import reachable
from lvspec_cli.video.thumbnails import shrunk, thumbnails
from lvspec_cli.video.wire import READY, Request, error_message, read_line, request_of, send_clip, write_line

GRACE_SECONDS = 5.0  # past the deadline; the parent is expected to act before


def main() -> None:
    """Serve requests from standard input until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    answers = _private_stdout()
    requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
    _import_readers()  # before any limit holds, as is this thread
    aside = ThreadPoolExecutor(1, initializer=_step_back)
    aside.submit(int).result()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, requests), daemon=True).start()
    write_line(answers, READY)
    cache = VideoCache()
    while True:
        request = requests.get()
        if request.action == "scenes":
            _import_scene_detector()
        with _limits(request):
            clip = _serve(request, answers, cache)
        # The parent has what it needs and goes on meanwhile.
        pictures = _pictures(clip, aside) if clip is not None and request.pictures else None
        del clip  # the line may wait in the pipe for as long as the models work, and frames are large
        if pictures is not None:
            write_line(answers, {"pictures": pictures})


def _private_stdout() -> BinaryIO:
    """The pipe to the parent, out of reach of libraries that print."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _import_readers() -> None:
    importlib.import_module("lvspec_cli.video.image_reader")
    importlib.import_module("lvspec_cli.video.pyav_reader")
    importlib.import_module("lvspec_cli.video.probe")


def _import_scene_detector() -> None:
    """Import it before the limits hold, like the readers, but only for those who ask for scenes: it is large."""
    _limit_memory(None)
    with contextlib.suppress(SceneDetectorUnavailable):  # told where it is used
        import_detector()


def _receive(stream: BinaryIO, requests: queue.SimpleQueue[Request]) -> None:
    """Take in requests; a thread of its own, so that the end of the parent is noticed at any moment."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            requests.put(request_of(read_line(stream)))
    os._exit(0)


def _serve(request: Request, answers: BinaryIO, cache: VideoCache) -> Clip | None:
    """Answer a request, whatever it does; returns the clip if that was the answer."""
    try:
        _enter_folder(request)
        return _answer(request, answers, cache)
    except LvspecError as error:
        # After running out of memory, what is left of the heap is of no use.
        leaving = isinstance(error.__cause__, MemoryError)
        write_line(answers, {**error_message(error), "leaving": leaving})
        if leaving:
            os._exit(0)
    except Exception as error:
        write_line(answers, {"bug": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()})
    return None


def _answer(request: Request, answers: BinaryIO, cache: VideoCache) -> Clip | None:
    wanted = (request.path, request.options, cache)
    if request.action == "read":
        clip = read_clip(*wanted)
        send_clip(answers, clip)
        return clip
    if request.action == "scenes":
        write_line(answers, {"scenes": find_scenes(*wanted)})
    else:
        look = inspect_video if request.action == "inspect" else measure_video
        write_line(answers, {"facts": vars(look(*wanted))})
    return None


def _pictures(clip: Clip, aside: ThreadPoolExecutor) -> list[str]:
    """Small pictures of its frames, or none: they are not worth an error."""
    with contextlib.suppress(Exception):
        return aside.submit(lambda: thumbnails(shrunk(clip.frames))).result()
    return []


def _step_back() -> None:
    """Let this thread give way to others, such as the models that look at the frames."""
    if sys.platform == "linux":  # where threads have priorities of their own
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def _enter_folder(request: Request) -> None:
    folder = request.folder
    if folder is not None:
        reachable(folder, lambda: os.chdir(folder))


@contextlib.contextmanager
def _limits(request: Request) -> Iterator[None]:
    """Bound the memory and, should the parent be gone or stuck, the time of one request."""
    _limit_memory(request.options.memory_limit_bytes)
    _set_alarm(request.options.deadline_seconds + GRACE_SECONDS)
    try:
        yield
    finally:
        _set_alarm(0.0)


def _limit_memory(limit_bytes: int | None) -> None:
    if sys.platform == "win32":
        return
    import resource

    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = hard if limit_bytes is None else limit_bytes
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(OSError, ValueError):  # macOS knows the limit and does not always accept one
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _set_alarm(seconds: float) -> None:
    if sys.platform == "win32":
        return
    # The default action of the signal is to end the process, even inside a decoder that never returns.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
