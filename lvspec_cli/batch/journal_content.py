"""What is in a journal, as far as its lines are whole. docs/journal.md explains every key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lvspec_cli.batch.video_key import VideoKey
from lvspec_cli.caption import Failure
from lvspec_cli.errors import UsageError, VideoUnreadable
from lvspec_cli.output.recorded import RecordedCaption, recorded

SCHEMA = "lvspec.journal/1"
_HEAD = b'{"schema": "lvspec.journal/'  # how every journal begins
_MOST_TOLD = 3  # settings in a message
_LONGEST_SHOWN = 60  # characters of a setting's value in a message


@dataclass(frozen=True)
class Entry:
    """A video that is finished or failed."""

    key: VideoKey
    error_type: str | None  # None: it is captioned, all of it
    journal: Path
    offset: int  # bytes, where its line begins
    finished: str = ""  # when, UTC, ISO 8601

    @property
    def rank(self) -> tuple[bool, str]:
        """The larger one counts of several: captioned rather than failed, and then what is newer."""
        return self.error_type is None, self.finished

    def read_result(self, path: str | None = None) -> RecordedCaption | Failure:
        """The caption or failure, read from the journal; ``path``: as the user names the video now.

        Raises OSError, and ValueError, LookupError or TypeError if somebody changed it.
        """
        with open(self.journal, "rb") as file:
            file.seek(self.offset)
            record = json.loads(file.readline())["record"]
        return recorded(record if path is None else {**record, "path": path})


@dataclass
class JournalContent:
    """All that is known from a journal, in memory but for the records themselves."""

    path: Path
    settings: Mapping[str, Any] | None = None  # of the last run; None: there was none
    shard: str | None = None  # of the last run, "I/N"
    entries: dict[str, Entry] = field(default_factory=dict)  # absolute path -> the last one, under those settings
    to_do: set[VideoKey] = field(default_factory=set)  # what the last run was to caption and has no line since
    made_of: dict[str, str] = field(default_factory=dict)  # file of results -> absolute path of the video, the last one
    unlisted: set[str] = field(default_factory=set)  # absolute paths of videos whose caption's line tells no files
    whole_bytes: int = 0  # up to the end of the last whole line
    damaged_lines: int = 0  # whole lines that say nothing
    _settings_hash: str = ""

    def find(self, key: VideoKey) -> Entry | None:
        """The entry of a video as it is now; of one that was not there or could not be read, there is none."""
        entry = self.entries.get(key.path)
        if entry is None or entry.key != key or key.mtime_ns is None or entry.error_type == VideoUnreadable.kind:
            return None
        return entry

    def read_line(self, line: bytes, offset: int) -> None:
        """Take in a line that begins at `offset`."""
        try:
            known = json.loads(line)
            kind = known["type"] if known["schema"] == SCHEMA else None
            if kind == "run":
                self._begin(dict(known["settings"]), known["shard"], known.get("anew", False))
            elif kind == "to_do":
                self.to_do = {VideoKey(**video) for video in known["videos"]}
            elif kind == "files":
                self.made_of.update(dict.fromkeys(map(str, known["files"]), str(known["path"])))
            elif kind == "video":
                key = VideoKey(str(known["path"]), known["size_bytes"], known["mtime_ns"])
                error = known["record"]["error"]
                entry = Entry(key, error and str(error["type"]), self.path, offset, str(known.get("finished", "")))
                files = known.get("files", None if known["record"]["text"] is not None else ())
                self._take_files(key.path, files)
                self.to_do.discard(key)
                if known.get("settings") == self._settings_hash:  # else the line of a run before it was damaged
                    self._take(entry)
            else:
                self.damaged_lines += 1
        except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
            self.damaged_lines += 1

    def _begin(self, settings: Mapping[str, Any], shard: str | None, anew: bool) -> None:
        if anew or (self.settings is not None and told_difference(self.settings, settings)):
            self.entries = {}
        self.settings, self.shard = settings, shard
        self._settings_hash = settings_hash(settings)

    def _take_files(self, path: str, files: Iterable[Any] | None) -> None:
        """``files``: all that were made of a caption; None: its line does not tell."""
        if files is None:
            self.unlisted.add(path)
        else:
            self.made_of.update(dict.fromkeys(map(str, files), path))

    def _take(self, entry: Entry) -> None:
        path = entry.key.path
        before = self.entries.get(path)
        # A disk that is away for a while costs no caption that was made: it stands when the video is back.
        if before is None or before.key.mtime_ns is None or entry.key.mtime_ns is not None:
            self.entries[path] = entry


def read_journal(path: Path) -> JournalContent:
    """Read a journal, also one that is being written; a last line without its end is left out.

    Raises:
        UsageError: the file is no journal, or of another version.
        OSError: it cannot be read.
    """
    content = JournalContent(path)
    with open(path, "rb") as file:
        head = file.read(len(_HEAD))  # lines of what is no journal may have no end
        if not _HEAD.startswith(head):
            raise UsageError(f"{path} is no journal of lvspec: name another file")
        file.seek(0)
        for line in file:
            if not line.endswith(b"\n"):
                break
            content.read_line(line, content.whole_bytes)
            content.whole_bytes += len(line)
            if content.settings is None:
                break
    if content.settings is None and content.whole_bytes:
        raise UsageError(
            f"the journal {path} is damaged at its beginning, or of another version of lvspec: name another file"
        )
    return content


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Equal for settings of which `told_difference` tells none."""
    known = {name: value for name, value in settings.items() if value is not None}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]


def told_difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Which settings are not as they were, and how they were; empty if all are. What plays no part now comes last."""
    names = [name for name in before.keys() | now.keys() if before.get(name) != now.get(name)]
    names.sort(key=lambda name: (now.get(name) is None, name))
    told = [f"{name} was {_brief(before.get(name))} and is {_brief(now.get(name))}" for name in names[:_MOST_TOLD]]
    more = len(names) - len(told)
    return "; ".join([*told, *([f"{more} more"] if more else [])])


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."
