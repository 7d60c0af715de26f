"""One run after another, each killed at some moment (`kill -9`), as a program of its own.

It has everything imported and forks for every run, which makes one cost a few hundredths of a second. `lead_lives` says
how it is used.
"""

from __future__ import annotations

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


def lead_lives(folder, preset, lives) -> list[int]:
    """Let runs come and go in a folder; returns how each ended: with its exit code, or -9 if it was killed.

    A life is a list of the arguments of `lvspec caption`, and a death. A death is ``{"change": n}``, just before the
    n-th time (from 0) that the run changes something on the disk, and in the middle of what it writes;
    ``{"bytes": n, "of": path}``, as soon as a file has grown by so many bytes; ``{"seconds": t}``, so long after it
    began; or ``{}``, none.
    """
    given = ["caption", "--preset", str(preset), "-q"]
    told = json.dumps([([*given, *map(str, arguments)], death) for arguments, death in lives])
    command = [sys.executable, "-m", "tests.batch.deaths", str(preset)]
    done = subprocess.run(
        command, cwd=folder, env=with_tests(), input=told, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


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
    replace_captioner()
    with tempfile.TemporaryDirectory() as warm:  # what a run imports is imported before the first one
        video = Path(warm, "warm.mp4")
        video.write_text("warm")
        main(["caption", str(video), "-q", "-o", f"{warm}/", "--preset", sys.argv[1]])
    print(json.dumps([_live(arguments, death) for arguments, death in json.load(sys.stdin)]))
