"""Where results go: stdout, or a file that appears whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from itertools import count
from pathlib import Path
from typing import TextIO, cast

from lvspec_cli.errors import LvspecError, UsageError
from lvspec_cli.files import is_no_file
from lvspec_cli.output.partial_file import PartialFile

PARTIAL_SUFFIX = ".partial"
STDOUT_CLOSED = "stdout is closed: give it somewhere to go, or write to a file with -o FILE"


def unfinished(output: str) -> str:
    """The file that holds the results for ``output`` until they are whole; empty if that is a device or a pipe."""
    return "" if is_no_file(output) else output + PARTIAL_SUFFIX


def share_name(output: str, label: str) -> str:
    """The name of a file with a share's label before its suffix; a device or a pipe is the same for all."""
    if is_no_file(output):
        return output
    stem, suffix = os.path.splitext(output)
    return stem + label + suffix


class Earlier(Enum):
    """What becomes of what an earlier run left in the file that results grow in."""

    KEPT = "kept"  # the place is refused, lest it is lost
    REPLACED = "replaced"  # it comes again, or its user said so
    CONTINUED = "continued"  # also that of the finished file: what is new comes behind it
    ASIDE = "aside"  # replaced if all of it comes again, and else given a name of its own


@dataclass(frozen=True)
class Destination:
    """An open place for results."""

    stream: TextIO
    terminal: bool  # whether people read it directly
    last_line: bytes = b""  # the last whole one of what is continued
    set_aside: Path | None = None  # where that is which an earlier run left, if it was given a name of its own


@contextmanager
def open_destination(
    output: str | None,
    flag: str = "-o",
    earlier: Earlier = Earlier.KEPT,
    comes_again: Callable[[Path], bool] = lambda partial: False,
) -> Iterator[Destination]:
    """Open stdout (`output` is None) or a file; `flag`: the option that named it, for messages.

    ``comes_again``: for `Earlier.ASIDE`, whether all that is in the file of that path is going to be written again.

    A file is written beside its name and renamed when the block ends well. If the block raises, what was written is
    kept as ``FILE.partial`` and an older FILE is left as it was; so are both if nothing was written at all. Devices
    and pipes are written directly. While one run writes a file, no other may.

    Raises:
        UsageError: the file cannot be created, another run writes it, or what an earlier run left would be lost;
            raised before the block runs.
        LvspecError: stdout is closed, or the finished file cannot be put in place. Writing to the file raises it too.
    """
    if output is None:
        if not sys.stdout.writable():
            raise LvspecError(STDOUT_CLOSED)
        yield Destination(sys.stdout, sys.stdout.isatty())
    elif is_no_file(output):
        stream = _open_directly(output, flag)
        with _closing(stream):
            yield Destination(stream, stream.isatty())
    else:
        # A link stays a link: what it points at is replaced.
        path = Path(os.path.realpath(output))
        with _Growing(path, flag).opened(earlier, comes_again) as destination:
            yield destination


@dataclass(frozen=True)
class _Growing:
    """A file that has another name until it is whole."""

    path: Path
    flag: str  # that named it, for messages

    @property
    def partial(self) -> Path:
        """The other name."""
        return self.path.with_name(self.path.name + PARTIAL_SUFFIX)

    @contextmanager
    def opened(self, earlier: Earlier, comes_again: Callable[[Path], bool]) -> Iterator[Destination]:
        """The file, until the block ends; if that ends well and there is anything in it, it has its name then."""
        file = self._taken()
        if taken_up := earlier is Earlier.CONTINUED and file.size == 0 and self.path.exists():
            file = self._take_up(file)
        set_aside = None
        if earlier is Earlier.ASIDE and file.size and not comes_again(self.partial):
            file, set_aside = self._set_aside(file)
        with _closing(file):
            size = file.size
            self._refuse_to_lose(size, earlier)
            last_line = file.go_on() if earlier is Earlier.CONTINUED and size else b""
            try:
                yield Destination(cast(TextIO, file), False, last_line, set_aside)
            except BaseException:
                with suppress(OSError):
                    self._leave(file, back=taken_up and file.size == size)
                raise
            if not taken_up:  # else FILE stays as it was found when there is nothing new
                file.cut_torn()
            self._finish(file)

    def _taken(self) -> PartialFile:
        """The file under its other name, which this process alone may write."""
        try:
            while True:
                file = PartialFile(self.partial, f"{self.flag} {self.path}")
                if not file.take():
                    file.close()
                    raise UsageError(
                        f"another run writes {self.flag} {self.path} right now: wait for its end, or name another file"
                    )
                if file.in_place:  # else the run that had it has just ended
                    return file
                file.close()
        except OSError as error:
            raise _not_writable(self.flag, self.path, error) from error

    def _take_up(self, empty: PartialFile) -> PartialFile:
        """The finished file of an earlier run, as one that grows again."""
        empty.close()
        try:
            self.path.replace(self.partial)
        except OSError as error:
            raise _not_writable(self.flag, self.path, error) from error
        return self._taken()

    def _set_aside(self, file: PartialFile) -> tuple[PartialFile, Path]:
        """A file that is empty, and the first name with a number that was free for the one that is not."""
        names = (self.path.with_name(f"{self.partial.name}.{number}") for number in count(1))
        place = next(name for name in names if not os.path.lexists(name))
        _let_go(file)
        try:
            self.partial.replace(place)
        except OSError as error:
            raise _not_writable(self.flag, self.path, error) from error
        finally:
            file.close()
        return self._taken(), place

    def _refuse_to_lose(self, size: int, earlier: Earlier) -> None:
        """Raise UsageError if the work of an earlier run would be gone; ``size``: bytes that it left."""
        if size and earlier is Earlier.KEPT:
            raise UsageError(
                f"{self.flag} {self.path}: {self.partial} holds what a run that was broken off had finished: move it "
                "away, or give --overwrite; runs with --journal FILE go on where they ended"
            )
        if size and earlier is Earlier.CONTINUED and self.path.exists():
            raise UsageError(
                f"{self.flag} {self.path}: a run that was broken off left {self.partial} beside it: move {self.path} "
                "away to go on with what that run began anew, or the other one to go on with what is finished"
            )

    def _leave(self, file: PartialFile, *, back: bool) -> None:
        """Keep what is finished; ``back``: it is what an earlier run made, and no more."""
        if not file.in_place:  # what has its name is another run's
            return
        empty = not file.size
        _let_go(file)
        if empty:
            self.partial.unlink()
        elif back:
            self.partial.replace(self.path)

    def _finish(self, file: PartialFile) -> None:
        if not file.begun or not file.size:
            self._leave(file, back=False)
            return
        if not file.in_place:
            raise LvspecError(
                f"{self.flag} {self.path}: {self.partial} was moved or deleted while the run was writing it: if it was "
                "moved, rename it by hand; if not, what was in it is lost, so caption again"
            )
        _let_go(file)
        try:
            self.partial.replace(self.path)
        except OSError as error:
            raise LvspecError(
                f"{self.flag} {self.path} cannot be written: {error.strerror}; all of it is in {self.partial}"
            ) from error


def _let_go(file: PartialFile) -> None:
    """Close it where no open file can be renamed; elsewhere it is kept from others until it is."""
    if os.name == "nt":
        file.close()


@contextmanager
def _closing(stream: TextIO | PartialFile) -> Iterator[None]:
    """Close the stream in the end; an error that ends the block is not hidden behind one of closing."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            stream.close()
        raise
    stream.close()


def _open_directly(output: str, flag: str) -> TextIO:
    try:
        return open(output, "w", encoding="utf-8", errors="surrogateescape", newline="\n")
    except OSError as error:
        raise _not_writable(flag, output, error) from error


def _not_writable(flag: str, output: str | Path, error: OSError) -> UsageError:
    if isinstance(error, IsADirectoryError):
        return UsageError(f"{flag} {output} is a folder: name a file in it")
    folder = os.path.dirname(output)
    if isinstance(error, FileNotFoundError) and not os.path.isdir(folder):
        return UsageError(f"{flag} {output} cannot be written: there is no folder {folder}; make it first")
    return UsageError(f"{flag} {output} cannot be written: {error.strerror}")
