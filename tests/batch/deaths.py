"""One run after another, each killed at some moment (`kill -9`), as a program of its own.

A process has everything imported that a run without models needs, and forks for every run, which makes one cost a few
hundredths of a second. The fixture `lead_lives` is how it is used.
"""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lvspec_cli.batch import journal
from lvspec_cli.cli import main
from lvspec_cli.output import partial_file
from tests.batch.fake_run import replace_captioner, with_tests


class Fates:
    """The process that runs come from, and end in. A context manager; it ends with whoever made it."""

    def __init__(self, preset) -> None:
        self._preset = str(preset)
        command = [sys.executable, "-m", "tests.batch.deaths", self._preset]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, env=with_tests(), **pipes)

    def __enter__(self) -> Fates:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def lead_lives(self, folder, lives) -> list[int]:
        """Let runs come and go in a folder; returns how each ended: with its exit code, or -9 if it was killed.

        A life is a list of the arguments of `lvspec caption`, and a death. A death is ``{"change": n}``, just before
        the n-th time (from 0) that the run changes something on the disk, and in the middle of what it writes;
        ``{"bytes": n, "of": path}``, as soon as a file has grown by so many bytes; ``{"seconds": t}``, so long after
        it began; or ``{}``, none.
        """
        given = ["caption", "--preset", self._preset, "-q"]
        told = [([*given, *map(str, arguments)], death) for arguments, death in lives]
        order = {"folder": str(folder), "environment": dict(os.environ), "lives": told}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


def _serve(preset) -> None:
    replace_captioner()
    with tempfile.TemporaryDirectory() as warm:  # what a run imports is imported before the first one
        video = Path(warm, "warm.mp4")
        video.write_text("warm")
        main(["caption", str(video), "-q", "-o", f"{warm}/", "--preset", preset])
    gc.freeze()  # and stays in memory that they share
    for line in sys.stdin:
        order = json.loads(line)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environment"])
        print(json.dumps([_live(arguments, death) for arguments, death in order["lives"]]), flush=True)


def _live(arguments, death) -> int:
    """One run in a child, to its end or to its death."""
    grows, began = Path(death.get("of", os.devnull)), time.monotonic()
    enough = _size(grows) + death.get("bytes", float("inf"))
    child = os.fork()
    if child == 0:
        if "change" in death:
            _doom(death["change"])
        os.dup2(2, 1)
        code = main(arguments)
        os._exit(code)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if _size(grows) >= enough or time.monotonic() - began >= death.get("seconds", float("inf")):
            os.kill(child, signal.SIGKILL)
        time.sleep(0.0005)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _doom(changes: int) -> None:
    """Let this process die before it has changed the disk once more than that."""
    left = changes

    def strikes() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def heard(event, arguments) -> None:
        opens = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (opens or event in ("os.rename", "os.remove", "os.mkdir")) and strikes():
            die()

    def fsync(descriptor) -> None:
        if strikes():
            die()

    class HalfWritten(io.FileIO):
        def write(self, data):
            if strikes():
                super().write(bytes(data)[: len(data) // 2])
                die()
            return super().write(data)

    os.fsync = fsync
    for module in (journal, partial_file):
        module.open = lambda path, mode, buffering: HalfWritten(path, mode.replace("b", ""))
    sys.addaudithook(heard)


if __name__ == "__main__":
    _serve(sys.argv[1])
