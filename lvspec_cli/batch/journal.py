"""The journal that a run writes: a line for every video that is finished or failed.

A line is on the disk before anything else is made of a result. So whatever ends a run, and whenever, each video is
either in the journal, with all that is known of it, or not done at all; files that are missing are made from it.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, BinaryIO, cast

from lvspec_cli.batch.journal_content import (
    SCHEMA,
    Entry,
    JournalContent,
    Made,
    read_journal,
    settings_hash,
    standing,
    told_difference,
)
from lvspec_cli.batch.shard import Shard, share_in_name
from lvspec_cli.batch.video_key import VideoKey
from lvspec_cli.errors import JournalError, UsageError
from lvspec_cli.file_lock import lock, release
from lvspec_cli.files import append_whole, in_place
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
        self._continues = False
        self._standing: dict[VideoKey, Entry] = {}  # what was done before, with the settings of this run
        self._settings_hash = ""  # of this run
        self._place = os.path.join(os.path.abspath(path.parent), "")
        self._made_of: dict[str, Made] = {}  # file of results, as journals name it -> what it was made of last
        self._files: defaultdict[str, list[str]] = defaultdict(list)  # the same from the other side
        contents = (*others, own)
        self._unlisted = {
            video
            for content in contents
            for video, told in content.unlisted.items()
            if not any(other.tells_files(video, told) for other in contents)
        }
        self._latest = max(content.latest for content in contents)
        withdrawn: dict[str, str] = {}
        for content in contents:
            for video, since in content.withdrawn.items():
                withdrawn[video] = max(since, withdrawn.get(video, ""))
        for content in contents:
            for name, made in content.made_of.items():
                if made.told >= withdrawn.get(made.video, ""):
                    self._take_file(name, made)

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path

    @property
    def continues(self) -> bool:
        """Whether results of earlier runs stand in it, or in those of other shares."""
        return self._continues

    @property
    def damaged_lines(self) -> int:
        """Lines in the own journal that say nothing, though they are whole."""
        return self._own.damaged_lines

    def find(self, key: VideoKey) -> Entry | None:
        """What became of a video in an earlier run with these settings, if it is there and has not changed since."""
        return self._standing.get(key)

    def maker_of(self, file: Path) -> str | None:
        """The video that a file was made of, its absolute path; None: no journal knows."""
        return self._maker_of(self._name(file))

    def has_made(self, key: VideoKey, file: Path) -> bool:
        """Whether a file, of the video's name, was made of it.

        If an older version wrote of its caption and told no files, it was: that version took what is called like a
        result of the video for one, so the folder would keep old captions for good if they were now a stranger's.
        """
        maker = self.maker_of(file)
        return maker == key.path or (maker is None and key.path in self._unlisted)

    def files_of(self, key: VideoKey) -> list[Path]:
        """All files that were made of a video, by any run and in any format; some may be gone."""
        return [Path(self._place, name) for name in self._files.get(key.path, ())]

    def begin(self, settings: Mapping[str, Any], shard: Shard, *, anew: bool) -> None:
        """Take over what was done with these settings, and write down that a run begins. Raises JournalError.

        ``anew``: what was done before plays no part, in this run and in those that go on with it.
        """
        own, name = self._own, None if shard.count == 1 else str(shard)
        self._settings_hash = settings_hash(settings)
        if anew or (own.settings, own.shard) != (settings, name):
            began = self._time()
            self._write({"type": "run", "began": began, "settings": settings, "shard": name, "anew": anew})
        for entry in standing([own, *(other for other in self._others if not anew and _agree(other, settings))]):
            # What an earlier run on this journal had begun anew is gone on with: that it had not come to stands not.
            if entry.finished >= own.anew:
                self._continues = True
                before = self._standing.get(entry.key)
                if entry.holds and (before is None or entry.rank > before.rank):
                    self._standing[entry.key] = entry

    def expect(self, keys: Iterable[VideoKey]) -> None:
        """Write down which videos are to be tried, if the journal does not tell so. Raises JournalError."""
        to_do, own = dict.fromkeys(keys), self._own
        known = (self._standing.get(key) for key in to_do)
        since = any(entry is not None and entry.finished >= own.told for entry in known)  # and is tried again
        if since or to_do.keys() != own.to_do:
            self._write({"type": "to_do", "told": self._time(), "videos": [vars(key) for key in to_do]})

    def append(self, key: VideoKey, result: Result, files: Iterable[Path]) -> None:
        """Write down a result, and which files are going to be made of it. Raises JournalError."""
        self._check_place()
        self._write(
            {
                "type": "video",
                "path": key.path,
                "size_bytes": key.size_bytes,
                "mtime_ns": key.mtime_ns,
                "settings": self._settings_hash,
                "finished": self._time(),
                "files": [*map(self._name, files)],
                "record": result.as_record(),
            }
        )

    def append_files(self, key: VideoKey, files: Iterable[Path]) -> None:
        """Write down that files are going to be made of the result that is there. Raises JournalError."""
        names = [name for name in map(self._name, files) if self._maker_of(name) != key.path]
        if names:
            self._write({"type": "files", "told": self._time(), "path": key.path, "files": names})

    def _name(self, file: Path) -> str:
        """A file as journals name it: a folder of results may be moved, with the journals in it."""
        return os.path.abspath(file).removeprefix(self._place)

    def _maker_of(self, name: str) -> str | None:
        return self._made_of[name].video if name in self._made_of else None

    def _take_file(self, name: str, made: Made) -> None:
        """Of what several journals say of a file, the latest holds."""
        before = self._made_of.get(name)
        if before is not None:
            if before.told > made.told:
                return
            self._files[before.video].remove(name)
        self._made_of[name] = made
        self._files[made.video].append(name)

    def _time(self) -> str:
        """Now; if a clock was set back, just after the latest time in all journals, so that lines have an order."""
        self._latest = max(_now(), _just_after(self._latest))
        return self._latest

    def _check_place(self) -> None:
        """Raise JournalError if the next run would not find what is written."""
        try:
            if in_place(self._file, self._path):
                return
        except OSError as error:
            raise JournalError(
                f"the journal {self._path} is not to be found any more: {error.strerror}; give the same command again"
            ) from error
        raise JournalError(
            f"the journal {self._path} was moved or deleted while the run was writing it: "
            "put it back if it was moved, then give the same command"
        )

    def _write(self, line: Mapping[str, Any]) -> None:
        """Put a line on the disk, and take in what it says."""
        line = {"schema": SCHEMA, **line}
        try:
            offset = self._file.seek(0, os.SEEK_END)
            append_whole(self._file, f"{json_text(line)}\n".encode(), sync=True)
        except OSError as error:
            raise JournalError(
                f"the journal {self._path} cannot be written: {error.strerror}; make room, then give the same command"
            ) from error
        self._own.take(line, offset)
        if line["type"] == "video" and line["record"]["text"] is not None:
            self._unlisted.discard(line["path"])
            for name in self._files.pop(line["path"], ()):  # they were withdrawn: whoever makes them now is another
                del self._made_of[name]
        for name in line.get("files", ()):
            self._take_file(name, Made(line["path"], self._latest))


@contextmanager
def open_journal(options: JournalOptions, settings: Mapping[str, Any]) -> Iterator[Journal]:
    """The journal of a run, for as long as it lasts.

    ``settings``: all that shapes the results, as JSON values.

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
        journal.begin(settings, options.shard, anew=options.overwrite)
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
        try:
            yield cast(BinaryIO, file)
        finally:
            release(file)


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
    for other in path.parent.iterdir() if path.parent.is_dir() else ():
        whole, shard = share_in_name(other)
        if shard is not None and whole.name == path.name:
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
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


def _just_after(time: str) -> str:
    """The next time that journals can tell; empty if that is empty."""
    with suppress(OverflowError):  # the end of the year 9999
        return time and (datetime.fromisoformat(time) + timedelta(microseconds=1)).isoformat(timespec="microseconds")
    return time
