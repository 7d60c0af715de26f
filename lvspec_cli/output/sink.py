"""What takes the results of a run, wherever they go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from pathlib import Path

from lvspec_cli.output.destination import unfinished
from lvspec_cli.output.result import Result
from lvspec_cli.output.writer import ResultWriter


class Sink(ABC):
    """Takes one result after another, in the order of the inputs."""

    def files_of(self, path: str) -> Collection[Path]:
        """Those that results of this video alone go to."""
        return ()

    def video_of(self, file: Path) -> str | None:
        """The video whose results alone go to a file, as its user named it, of whichever share; None: there is none."""
        return None

    def reason_to_skip(self, path: str) -> str:
        """Why nothing is to be done for this video; empty if there is something."""
        return ""

    @abstractmethod
    def lacks(self, path: str) -> bool:
        """Whether a result of this video that an earlier run came to is still to be written."""

    @abstractmethod
    def write(self, result: Result, *, replace: bool = False) -> None:
        """Take a result; ``replace``: over files that are there. Raises LvspecError if it cannot be written."""

    def close(self) -> None:
        """Write what is needed at the end."""

    @property
    def is_stdout(self) -> bool:
        """Whether results go there."""
        return False

    @property
    def whereabouts(self) -> str:
        """Where results are that people have not seen pass, as in "they are ..."; empty for a stream."""
        return ""


class StreamSink(Sink):
    """All results go through one writer to one stream."""

    def __init__(self, writer: ResultWriter, place: str | None) -> None:
        """`place`: the file that the stream goes to, as its user named it; None for stdout."""
        self._writer = writer
        self._place = place

    def lacks(self, path: str) -> bool:
        """A file gets the results of all videos; what has read stdout before is not told twice."""
        return self._place is not None

    def write(self, result: Result, *, replace: bool = False) -> None:
        """Write it to the stream."""
        self._writer.write(result)

    def close(self) -> None:
        """End what the format began; the stream stays open."""
        self._writer.close()

    @property
    def is_stdout(self) -> bool:
        """It is where no file was named."""
        return self._place is None

    @property
    def whereabouts(self) -> str:
        """In the unfinished file, if it is one."""
        place = "" if self._place is None else unfinished(self._place)
        return f"in {place}" if place else ""
