"""The journal that a run writes: a line for every video that is finished or failed.

A line is on the disk before anything else is made of a result. So whatever ends a run, and whenever, each video is
either in the journal, with all that is known of it, or not done at all; files that are missing are made from it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO, cast

from lvspec_cli.batch.journal_content import SCHEMA, Entry, JournalContent, read_journal, settings_hash, told_difference
from lvspec_cli.batch.shard import Shard
from lvspec_cli.batch.video_key import VideoKey
from lvspec_cli.errors import JournalError, UsageError
from lvspec_cli.file_lock import lock
from lvspec_cli.output.json_text import json_text
from lvspec_cli.output.result import Result

NAME = ".lvspec.journal.jsonl"  # in the folder of the results


@dataclass(frozen=True)
class JournalOptions:
    """Which journal a run keeps."""

    path: Path  # of the whole; a shard's is beside it
    shard: Shard
    overwrite: bool = False  # whether what is in it plays no part any more


class Journal:
    """What was done before, and where to write down what is done now; made by `open_journal`."""

    def __init__(self, path: Path, file: BinaryIO, own: JournalContent, others: Sequence[JournalContent]) -> None:
        """``others``: of other shares; what one of them has done is done."""
        self._path, self._file, self._own, self._others = path, file, own, others
        self._standing: list[JournalContent] = []  # those with the settings of this run
        self._captioned: set[str] = set()
        self._run: dict[str, Any] = {}

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path

    @property
    def continues(self) -> bool:
        """Whether results of earlier runs stand in it, or in those of other shares."""
        return any(content.entries for content in self._standing)

    @property
    def damaged_lines(self) -> int:
        """Lines in the own journal that say nothing, though they are whole."""
        return self._own.damaged_lines

    def find(self, key: VideoKey) -> Entry | None:
        """What became of a video with these settings, if it is there and has not changed since."""
        found = (content.find(key) for content in self._standing)
        return max((entry for entry in found if entry is not None), key=lambda entry: entry.rank, default=None)

    def has_met(self, key: VideoKey) -> bool:
        """Whether a video of that path was ever captioned into this place, so that files of its name are its own."""
        return key.path in self._captioned

    def begin(self, settings: Mapping[str, Any], videos: int, shard: Shard, *, anew: bool) -> None:
        """Take over what was done with these settings, and write down that a run begins. Raises JournalError.

        ``anew``: what was done before plays no part, in this run and in those that go on with it.
        """
        for content in (*self._others, self._own):
            self._captioned |= content.captioned
        before, name = self._own, None if shard.count == 1 else str(shard)
        self._run = {"settings": settings, "videos": videos, "shard": name}
        if anew or (before.settings, before.videos, before.shard) != (settings, videos, name):
            self._write_run(None, anew=anew)
        self._standing = [self._own, *(other for other in self._others if not anew and _agree(other, settings))]

    def expect(self, keys: Iterable[VideoKey]) -> None:
        """Write down how many of the videos that are to be tried have no entry, if the journal does not tell it so.

        It does not if the videos of an earlier run were others, or if other shares had some. Raises JournalError.
        """
        left = sum(self.find(key) is None for key in keys)
        if left != self._own.left:
            self._write_run(left)

    def _write_run(self, left: int | None, *, anew: bool = False) -> None:
        line = {"schema": SCHEMA, "type": "run", "began": _now(), **self._run, "left": left, "anew": anew}
        self._write(line)
        self._own.read_line(json_text(line).encode(), 0)

    def append(self, key: VideoKey, result: Result) -> None:
        """Write down a result. Raises JournalError."""
        self._check_place()
        self._write(
            {
                "schema": SCHEMA,
                "type": "video",
                "path": key.path,
                "size_bytes": key.size_bytes,
                "mtime_ns": key.mtime_ns,
                "settings": settings_hash(self._run["settings"]),
                "finished": _now(),
                "record": result.as_record(),
            }
        )
        if result.text is not None:
            self._captioned.add(key.path)

    def _check_place(self) -> None:
        """Raise JournalError if the next run would not find what is written."""
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(self._file.fileno()), os.stat(self._path)):
                return
        raise JournalError(
            f"the journal {self._path} was moved or deleted while the run was writing it: "
            "put it back if it was moved, then give the same command"
        )

    def _write(self, line: Mapping[str, Any]) -> None:
        data = f"{json_text(line)}\n".encode()
        before = self._file.seek(0, os.SEEK_END)
        try:
            left = memoryview(data)
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except BaseException as error:
            with suppress(OSError):  # a line is there as a whole or not at all
                self._file.truncate(before)
            if not isinstance(error, OSError):
                raise
            raise JournalError(
                f"the journal {self._path} cannot be written: {error.strerror}; make room, then give the same command"
            ) from error


@contextmanager
def open_journal(options: JournalOptions, settings: Mapping[str, Any], videos: int) -> Iterator[Journal]:
    """The journal of a run, for as long as it lasts.

    ``settings``: all that shapes the results, as JSON values; ``videos``: as many as the run is to caption.

    Raises:
        UsageError: another run writes it, it is no journal, it was begun with other settings, or it cannot be written.
        JournalError: it cannot be written any more.
    """
    settings = json.loads(json.dumps(settings))  # as a journal has them
    path = options.shard.journal(options.path)
    with _opened(path) as file:
        try:
            own = _read_and_repair(path, file)
            others = [read_journal(other) for other in journals_beside(options.path) if other != path]
        except OSError as error:
            raise UsageError(
                f"the journal {error.filename or path} cannot be read: {error.strerror}; name another with --journal"
            ) from error
        if not options.overwrite:
            _refuse_other_settings(
                next((known for known in (own, *others) if known.settings is not None), own), settings
            )
        journal = Journal(path, file, own, others)
        journal.begin(settings, videos, options.shard, anew=options.overwrite)
        yield journal


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file, which this process alone may write until it is closed. Raises UsageError."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UsageError(f"the journal {path} is a device or a pipe, which cannot be read again: name a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "ab+", buffering=0)  # noqa: SIM115 - closed below
    except OSError as error:
        reason = f"{path.parent} is no folder" if isinstance(error, FileExistsError) else error.strerror
        raise UsageError(f"the journal {path} cannot be written: {reason}; name another with --journal") from error
    with file:
        try:
            locked = lock(file)
        except OSError as error:
            raise UsageError(
                f"the journal {path} cannot be locked: {error.strerror}; name one on another disk with --journal"
            ) from error
        if not locked:
            raise UsageError(
                f"another run writes the journal {path} right now: wait for its end, or give this run another place"
            )
        yield cast(BinaryIO, file)


def journals_in(folder: Path) -> list[Path]:
    """All journals in a folder of results, sorted by name."""
    return journals_beside(folder / NAME)


def journals_beside(path: Path) -> list[Path]:
    """The journal of that name and those of its shares, as far as they are there, sorted by name."""
    return sorted(_beside(path))


def _beside(path: Path) -> Iterator[Path]:
    """The journal of the whole and those of its shards, as far as they are there."""
    if path.is_file():
        yield path
    prefix = f"{path.stem}."
    for other in path.parent.iterdir() if path.parent.is_dir() else ():
        middle = other.name.removeprefix(prefix).removesuffix(path.suffix)
        index, _, count = middle.partition("-of-")
        if other.name == f"{prefix}{middle}{path.suffix}" and index.isdecimal() and count.isdecimal():
            yield other


def _read_and_repair(path: Path, file: BinaryIO) -> JournalContent:
    """What is in the journal; a line that was torn off when a run was killed is cut off."""
    content = read_journal(path)
    if file.seek(0, os.SEEK_END) > content.whole_bytes:
        file.truncate(content.whole_bytes)
    return content


def _agree(content: JournalContent, settings: Mapping[str, Any]) -> bool:
    return content.settings is not None and not told_difference(content.settings, settings)


def _refuse_other_settings(before: JournalContent, settings: Mapping[str, Any]) -> None:
    if before.settings is None:
        return
    difference = told_difference(before.settings, settings)
    if difference:
        raise UsageError(
            f"the journal {before.path} was begun with other settings ({difference}): give the same ones, "
            "choose another place, or caption everything anew with --overwrite"
        )


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
