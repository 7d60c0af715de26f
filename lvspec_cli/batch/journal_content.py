"""What is in a journal, as far as its lines are whole. docs/journal.md explains every key."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from lvspec_cli.batch.video_key import VideoKey
from lvspec_cli.caption import Failure
from lvspec_cli.errors import UsageError, VideoNotFound, VideoUnreadable
from lvspec_cli.output.recorded import RecordedCaption, recorded

SCHEMA = "lvspec.journal/1"
_HEAD = b'{"schema": "lvspec.journal/'  # how every journal begins
_MOST_TOLD = 3  # settings in a message
_LONGEST_SHOWN = 60  # characters of a setting's value in a message
# With microseconds or, by older versions, without: both sort as text in the order of time.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00", re.ASCII)


class Made(NamedTuple):
    """What a file of results was made of."""

    video: str  # absolute path
    told: str  # when, UTC, ISO 8601


@dataclass(frozen=True)
class Entry:
    """A video that is finished or failed."""

    key: VideoKey
    error_type: str | None  # None: it is captioned, all of it
    journal: Path
    offset: int  # bytes, where its line begins
    finished: str = ""  # when, UTC, ISO 8601; never before what is told by the lines in front of its own

    @property
    def holds(self) -> bool:
        """Whether it says something of a video as it is now: one that was not there or could not be read may be."""
        return self.key.mtime_ns is not None and self.error_type not in (VideoUnreadable.kind, VideoNotFound.kind)

    @property
    def rank(self) -> tuple[bool, str]:
        """The larger one counts of several: captioned rather than failed, and then what is newer."""
        return self.error_type is None, self.finished

    def read_result(self, path: str | None = None) -> RecordedCaption | Failure:
        """The caption or failure, read from the journal; ``path``: as the user names the video now.

        Raises OSError, and ValueError if there is none any more.
        """
        with open(self.journal, "rb") as file:
            file.seek(self.offset)
            line = file.readline()
        try:
            record = dict(json.loads(line)["record"])
        except (LookupError, TypeError, RecursionError) as error:
            raise ValueError("this is no line of a video") from error
        return recorded(record if path is None else {**record, "path": path})


@dataclass
class JournalContent:
    """All that is known from a journal, in memory but for the records themselves."""

    path: Path
    settings: Mapping[str, Any] | None = None  # of the last run; None: there was none
    shard: str | None = None  # of the last run, "I/N"
    entries: dict[str, Entry] = field(default_factory=dict)  # absolute path -> the last one, under those settings
    anew: str = ""  # when the last run began that took nothing over from before; empty: none did
    to_do: set[VideoKey] = field(default_factory=set)  # what the last run was to caption and has no line since
    told: str = ""  # when that was written down
    made_of: dict[str, Made] = field(default_factory=dict)  # file of results -> what it was made of last
    withdrawn: dict[str, str] = field(default_factory=dict)  # path of a video -> since when older files of it are gone
    unlisted: dict[str, str] = field(default_factory=dict)  # path of a video whose caption tells no files -> when
    latest: str = ""  # the latest time in it
    whole_bytes: int = 0  # up to the end of the last whole line
    damaged_lines: int = 0  # whole lines that say nothing
    _settings_hash: str = ""

    def tells_files(self, path: str, since: str) -> bool:
        """Whether a caption of a video, told of after that time, comes with its files."""
        entry = self.entries.get(path)
        return entry is not None and entry.error_type is None and entry.finished > since and path not in self.unlisted

    def read_line(self, line: bytes, offset: int) -> None:
        """Take in a line that begins at `offset`; one that says nothing is counted."""
        try:
            self.take(json.loads(line), offset)
        except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
            self.damaged_lines += 1

    def take(self, line: Mapping[str, Any], offset: int) -> None:
        """Take in what a line says that begins at `offset`.

        Raises ValueError, LookupError or TypeError if it says nothing; then nothing has changed.
        """
        kind = line["type"] if line["schema"] == SCHEMA else None
        if kind == "run":
            self._begin(dict(line["settings"]), line["shard"], line.get("anew", False), line.get("began"))
        elif kind == "to_do":
            self.to_do = {VideoKey(**video) for video in line["videos"]}
            self.told = self._time(line.get("told"))
        elif kind == "files":
            self._take_files(str(line["path"]), [*map(str, line["files"])], self._time(line.get("told")))
        elif kind == "video":
            self._take_video(line, offset)
        else:
            raise ValueError(f"there is no line of type {kind}")

    def _begin(self, settings: Mapping[str, Any], shard: str | None, anew: bool, began: Any) -> None:
        time = self._time(began)
        if anew or (self.settings is not None and told_difference(self.settings, settings)):
            self.entries, self.to_do, self.anew = {}, set(), time
        self.settings, self.shard = settings, shard
        self._settings_hash = settings_hash(settings)

    def _take_video(self, line: Mapping[str, Any], offset: int) -> None:
        key = VideoKey(str(line["path"]), line["size_bytes"], line["mtime_ns"])
        error, captioned = line["record"]["error"], line["record"]["text"] is not None
        kind = error and str(error["type"])
        files = [*map(str, line["files"])] if "files" in line else None
        time = self._time(line.get("finished"))
        self.to_do.discard(key)
        if files is None and captioned:
            self.unlisted[key.path] = time
        elif captioned:
            self.withdrawn[key.path] = time
            self.unlisted.pop(key.path, None)
        self._take_files(key.path, files or (), time)
        if line.get("settings") == self._settings_hash:  # else the line of a run before it was damaged
            self._take(Entry(key, kind, self.path, offset, time))

    def _take_files(self, path: str, files: Iterable[str], time: str) -> None:
        made = Made(path, time)
        self.made_of.update(dict.fromkeys(files, made))

    def _time(self, told: Any) -> str:
        """When a line was written: as it tells, but never before those in front of it, for clocks are set back."""
        if isinstance(told, str) and _TIME.fullmatch(told) and datetime.fromisoformat(told):
            self.latest = max(self.latest, told)
        return self.latest

    def _take(self, entry: Entry) -> None:
        path = entry.key.path
        before = self.entries.get(path)
        # A disk that is away for a while costs no caption that was made: it stands when the video is back.
        if before is None or before.key.mtime_ns is None or entry.key.mtime_ns is not None:
            self.entries[path] = entry


def standing(contents: Sequence[JournalContent]) -> Iterator[Entry]:
    """What became of videos, by several journals together; a video may come more than once.

    Nothing comes of a video that is older than a run which began anew, with whichever journal, and was to caption it.
    """
    begun: dict[str, str] = {}  # absolute path -> when the last of these runs began
    for content in contents:
        if content.anew:
            for path in (*content.entries, *(key.path for key in content.to_do)):
                begun[path] = max(content.anew, begun.get(path, ""))
    for content in contents:
        yield from (entry for path, entry in content.entries.items() if entry.finished >= begun.get(path, ""))


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
