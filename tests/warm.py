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
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

IMPORTED = ("lvspec_cli.captioner", "lvspec_cli.models.pair", "lvspec_cli.session", "lvspec_cli.ui.live.view")
MESSAGE_BYTES = 1 << 20


class WarmProgram:
    """A running `lvspec`; what it offers, it offers as `subprocess.Popen` does."""

    def __init__(self, pid: int, ending: socket.socket, stdout: IO[bytes] | None, stderr: IO[bytes] | None) -> None:
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self.returncode: int | None = None
        self._ending = ending  # tells how it ended

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._ending], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("lvspec", timeout or 0)
            self.returncode = int(self._ending.recv(100))
            self._ending.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[bytes | None, bytes | None]:
        """All that is still to come of stdout and stderr, once it has ended; None of those that are no pipes."""
        taken: dict[str, bytes] = {}

        def take(name: str, stream: IO[bytes]) -> None:
            with stream:
                taken[name] = stream.read()

        deadline = None if timeout is None else time.monotonic() + timeout
        streams = {name: stream for name, stream in (("out", self.stdout), ("err", self.stderr)) if stream is not None}
        readers = [threading.Thread(target=take, args=each, daemon=True) for each in streams.items()]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        self.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return taken.get("out"), taken.get("err")

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Warm:
    """The process that programs are forked from. A context manager; it ends with whoever made it."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.warm", str(theirs.fileno())]
        root = str(Path(__file__).parents[1])
        self._process = subprocess.Popen(command, cwd=root, pass_fds=[theirs.fileno()])
        theirs.close()

    def __enter__(self) -> Warm:
        return self

    def __exit__(self, *_: object) -> None:
        self._orders.close()
        self._process.wait()

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
        ending, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        (out, out_there), (err, err_there) = _opened(stdout, pipesize), _opened(stderr, pipesize)
        order = {
            "arguments": list(map(str, arguments)),
            "cwd": os.fspath(cwd or os.getcwd()),
            "env": dict(os.environ if env is None else env),
        }
        with theirs, open(os.devnull, "rb") as nothing, out_there, err_there:
            streams = [nothing.fileno(), out_there.fileno(), err_there.fileno()]
            socket.send_fds(self._orders, [json.dumps(order).encode()], [*streams, theirs.fileno()])
        return WarmProgram(int(ending.recv(100)), ending, out, err)


def _opened(stream: Any, pipesize: int) -> tuple[IO[bytes] | None, IO[bytes]]:
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


def _serve(orders: socket.socket) -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # what is imported stays in memory that programs share
    while True:
        message, descriptors, _, _ = socket.recv_fds(orders, MESSAGE_BYTES, 4)
        if not message:
            return
        if os.fork() == 0:
            orders.close()
            *streams, ending = descriptors
            _lead(json.loads(message), streams, socket.socket(fileno=ending))
        for descriptor in descriptors:
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
    for descriptor in streams:  # a pipe ends when the program does
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
    _serve(socket.socket(fileno=int(sys.argv[1])))
