"""A pseudo-terminal for programs under test."""

import os
import struct
import threading


class Terminal:
    """A pseudo-terminal whose output is collected while a process runs."""

    def __init__(self, columns=80, rows=24):
        self.main, self.side = os.openpty()
        self.resize(columns, rows)
        self.seen = b""
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._collect)

    def __enter__(self):
        self._reader.start()
        return self

    def __exit__(self, *_):
        os.close(self.side)
        self._reader.join(timeout=300)
        os.close(self.main)

    def _collect(self):
        while True:
            try:
                data = os.read(self.main, 65536)
            except OSError:  # the other side is closed
                return
            if not data:
                return
            with self._more:
                self.seen += data
                self._more.notify_all()

    def resize(self, columns, rows):
        """Give it another size; a process that has it as its controlling terminal would be told by a signal."""
        import fcntl
        import termios

        fcntl.ioctl(self.side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait_for(self, text, since=0):
        """Wait until this was shown, after so many bytes."""
        with self._more:
            assert self._more.wait_for(lambda: text in self.seen[since:], timeout=600)


def tty_environment(**more):
    cleared = {"NO_COLOR", "FORCE_COLOR", "CI", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    return {**{k: v for k, v in os.environ.items() if k not in cleared}, "TERM": "xterm-256color", **more}
