"""What a format is: a small class that writes one result after another to a text stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, TextIO

from lvspec_cli.errors import LvspecError
from lvspec_cli.output.result import Result
from lvspec_cli.output.sanitize import for_terminal


class ResultWriter(ABC):
    """Writes the results of one run in one format; every `write` is flushed, so that readers see it at once."""

    suffix: ClassVar[str]  # how the names of its files end
    holds_one: ClassVar[bool] = False  # whether a file of the format is about a single video
    tells_failures: ClassVar[bool] = True  # whether it has a place for videos that failed
    forecasts: ClassVar[bool] = False  # whether it has a place for what a dry run tells

    def __init__(self, stream: TextIO, *, several: bool, terminal: bool) -> None:
        self._stream = stream
        self._several = several  # whether the stream takes the results of more than one input
        self._terminal = terminal  # whether people read the stream directly

    @abstractmethod
    def write(self, result: Result) -> None:
        """Take the next result, in the order of the inputs. Raises LvspecError if it cannot be written."""

    def close(self) -> None:
        """Write what the format needs at its end. The stream stays open: it belongs to the caller."""

    def _emit(self, text: str) -> None:
        try:
            self._stream.write(for_terminal(text) if self._terminal else text)
            self._stream.flush()
        except BrokenPipeError:
            raise  # a reader who has seen enough is no error to tell of
        except OSError as error:
            raise LvspecError(f"the results cannot be written: {error.strerror}; try another place with -o") from error
