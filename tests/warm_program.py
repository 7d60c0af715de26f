"""A program that a warm process was asked for: how to ask, and what is handed back.

Run as a script, it is such a program to whoever started it, as a shell does: with its streams and its exit code.
This imports only what is there in any Python, and little of it: `python -IS warm_program.py` begins at once.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import IO, Any

MESSAGE_BYTES = 1 << 20


def begin(address: str, order: dict[str, Any], streams: list[int]) -> tuple[int, socket.socket]:
    """Have a program begun; returns its process id, and what will be told its exit code.

    ``streams``: the descriptors of its stdin, stdout and stderr.
    """
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    line.connect(address)
    socket.send_fds(line, [json.dumps(order).encode()], streams)
    return int(line.recv(100)), line


class WarmProgram:
    """A running program; what it offers, it offers as `subprocess.Popen` does."""

    def __init__(self, pid: int, ending: socket.socket, stdout: IO[bytes] | None, stderr: IO[bytes] | None) -> None:
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self.returncode: int | None = None
        self._ending = ending  # tells how it ended

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

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
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


if __name__ == "__main__":
    where, *arguments = sys.argv[1:]
    order = {"arguments": arguments, "cwd": os.getcwd(), "env": dict(os.environ)}
    _, told = begin(where, order, [0, 1, 2])
    for descriptor in (0, 1, 2):  # a pipe ends when the program does
        os.close(descriptor)
    code = int(told.recv(100))
    os._exit(code if code >= 0 else 128 - code)  # as a shell tells of a signal
