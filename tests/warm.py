"""Programs that start at once: real processes, forked from one that has imported what models need.

To import it takes every other program some seconds. A program has a process, streams, a folder and an environment of
its own. Only what Python does as it starts is not done again: it is given no closed descriptor, for example.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import shlex
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from tests import warm_program
from tests.warm_program import MESSAGE_BYTES, WarmProgram, begin

IMPORTED = (
    "lvspec_cli.batch.local",
    "lvspec_cli.captioner",
    "lvspec_cli.cli.app",
    "lvspec_cli.cli.run",
    "lvspec_cli.models.disk",
    "lvspec_cli.models.pair",
    "lvspec_cli.models.qwen2_5_vl",
    "lvspec_cli.preset_reader",
    "lvspec_cli.session",
    "lvspec_cli.ui.live.view",
    "pydantic",
    "tokenizers",
    "transformers.models.qwen2_5_vl.modeling_qwen2_5_vl",
)


class Warm:
    """The process that programs are forked from. A context manager; it ends with whoever made it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._address = os.path.join(self._folder.name, "orders")
        command = [sys.executable, "-m", "tests.warm", self._address]
        root = str(Path(__file__).parents[1])
        self._process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._folder.cleanup()

    def start(
        self,
        *arguments: object,
        stdout: Any = subprocess.DEVNULL,
        stderr: Any = subprocess.DEVNULL,
        cwd: str | os.PathLike[str] | None = None,
        env: dict[str, str] | None = None,
        pipesize: int = -1,
    ) -> WarmProgram:
        """Begin `lvspec` with these arguments and an empty stdin.

        ``stdout``, ``stderr``: as `subprocess.Popen` takes them: PIPE, DEVNULL, a descriptor or a file.
        """
        order = {
            "arguments": list(map(str, arguments)),
            "cwd": os.fspath(cwd or os.getcwd()),
            "env": dict(os.environ if env is None else env),
        }
        (out, out_there), (err, err_there) = (_opened(stream, pipesize) for stream in (stdout, stderr))
        with open(os.devnull, "rb") as nothing, out_there, err_there:
            streams = [nothing.fileno(), out_there.fileno(), err_there.fileno()]
            return WarmProgram(*begin(self._address, order, streams), out, err)

    def script(self) -> str:
        """The text of a script that is `lvspec` to a shell."""
        words = [sys.executable, "-IS", warm_program.__file__, self._address]
        return f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n'


def _opened(stream: Any, pipesize: int) -> tuple[IO[Any] | None, IO[bytes]]:
    """Our end of a pipe, if it is to be one, and what the program writes to."""
    if stream == subprocess.DEVNULL:
        return None, open(os.devnull, "wb")
    if stream != subprocess.PIPE:
        return None, open(os.dup(stream if isinstance(stream, int) else stream.fileno()), "wb")
    read, write = os.pipe()
    if pipesize > 0:
        import fcntl

        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, pipesize)
    return open(read, "rb"), open(write, "wb")


def _serve(address: str) -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # what is imported stays in memory that programs share
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as orders:
        orders.bind(address)
        orders.listen()
        print("ready", flush=True)
        while True:
            ready, _, _ = select.select([orders, 0], [], [])
            if 0 in ready:  # whoever made this has ended
                return
            line, _ = orders.accept()
            with line:
                message, streams, _, _ = socket.recv_fds(line, MESSAGE_BYTES, 3)
                if os.fork() == 0:
                    orders.close()
                    _lead(json.loads(message), streams, line)
            for descriptor in streams:
                os.close(descriptor)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:  # those whose programs ended meanwhile
                    pass


def _lead(order: dict[str, Any], streams: list[int], ending: socket.socket) -> None:
    """Begin the program and tell how it ends."""
    program = os.fork()
    if program == 0:
        ending.close()
        _become(order, streams)
        runpy.run_module("lvspec_cli", run_name="__main__")
    for descriptor in (0, 1, *streams):  # a pipe ends when the program does
        os.close(descriptor)
    ending.send(str(program).encode())
    _, status = os.waitpid(program, 0)
    with contextlib.suppress(OSError):  # nobody waits for it any more
        ending.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(order: dict[str, Any], streams: list[int]) -> None:
    for place, descriptor in enumerate(streams):
        os.dup2(descriptor, place)
    for descriptor in {*streams} - {0, 1, 2}:
        os.close(descriptor)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = ["lvspec", *order["arguments"]]
    sys.stdin = sys.__stdin__ = _text(0, "r", "strict")  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _text(1, "w", "strict")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(2, "w", "backslashreplace", buffering=1)  # type: ignore[misc]


def _text(descriptor: int, mode: str, errors: str, buffering: int = -1) -> IO[Any]:
    return open(descriptor, mode, buffering, encoding="utf-8", errors=errors, closefd=False)


if __name__ == "__main__":
    _serve(sys.argv[1])
