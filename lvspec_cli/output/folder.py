"""A file for each video and format, whole or not there: below a folder, or beside the videos."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from lvspec_cli.caption import SCHEMA
from lvspec_cli.errors import LvspecError, UsageError
from lvspec_cli.files import replace_text
from lvspec_cli.output.formats import FORMATS
from lvspec_cli.output.result import Result
from lvspec_cli.output.sink import Sink

Files = Mapping[str, Mapping[str, Path]]  # video, as its user named it -> format -> the file it goes to

_RECORDS = ("json", "jsonl")  # formats whose files tell what they are
_CAPTION = SCHEMA.split("/")[0] + "/"
_RECORD = re.compile(rb'\s*\{\s*"schema"\s*:\s*"%b' % re.escape(_CAPTION).encode())  # how lvspec begins one
_HEAD = 256  # bytes, in which that is


@dataclass(frozen=True)
class FolderSink(Sink):
    """Writes the files of a video when it is finished; a file that is there stays, unless it is to be replaced."""

    files: Files  # a video that is sure to fail has none
    folder: str | None  # that all files are below, as its user named it; None: they are beside the videos
    videos: Mapping[str, str] = field(default_factory=dict)  # absolute path of a file -> its video, of all shares

    def __post_init__(self) -> None:
        """Without ``videos``, ``files`` are those of all shares."""
        if not self.videos:
            found = {os.path.abspath(path): video for video, files in self.files.items() for path in files.values()}
            object.__setattr__(self, "videos", found)

    def files_of(self, path: str) -> Collection[Path]:
        """One for each format."""
        return self.files.get(path, {}).values()

    def video_of(self, file: Path) -> str | None:
        """By the name of the file, be it there or not."""
        return self.videos.get(os.path.abspath(file))

    def reason_to_skip(self, path: str) -> str:
        """That all files of the video exist, if they do."""
        files = [*map(str, self.files_of(path))]
        if not files or self.lacks(path):
            return ""
        exist = "exist" if len(files) > 1 else "exists"
        return f"{', '.join(files)} {exist}, from this video or another of its name; --overwrite makes it anew"

    def lacks(self, path: str) -> bool:
        """Whether one of the files of the video is missing."""
        return bool(self._missing(path))

    def write(self, result: Result, *, replace: bool = False) -> None:
        """Write the missing files of a caption; a failure writes none: no error stands where a caption goes."""
        if result.text is None:
            return
        files = self.files.get(result.path, {})
        for name, path in (files if replace else self._missing(result.path)).items():
            self._make_folder(path.parent)
            replace_text(path, _rendered(name, result), follow_link=False)

    @property
    def whereabouts(self) -> str:
        """In the folder, if it is still there, or beside the videos."""
        if self.folder is None:
            return "beside the videos"
        return f"in {self.folder}" if os.path.isdir(self.folder) else ""

    @contextmanager
    def opened(self, *, replace: bool) -> Iterator[None]:
        """See to it that the folder is there while results come, and is not left empty by a run that made it.

        Raises as `check` does.
        """
        self.check(replace=replace)
        if self.folder is None:
            yield
            return
        made = not os.path.isdir(self.folder)
        if made:
            _make(Path(self.folder))
        try:
            yield
        finally:
            if made:
                with suppress(OSError):  # there is something in it, as there should be
                    os.rmdir(self.folder)

    def check(self, *, replace: bool) -> None:
        """Raise UsageError if a file that is to be written cannot be, or is somebody else's. Nothing is changed.

        ``replace``: whether those that are there are to be written, too.
        """
        written: dict[Path, None] = {}  # folders
        for name, path in ((name, path) for files in self.files.values() for name, path in files.items()):
            there = _check_file(path, record=name in _RECORDS)
            if replace or not there:
                written[path.parent] = None
        _check_folders(written)

    def _missing(self, video: str) -> dict[str, Path]:
        """Format -> file, of those that are not there."""
        return {name: path for name, path in self.files.get(video, {}).items() if not os.path.lexists(path)}

    def _make_folder(self, folder: Path) -> None:
        """Make a folder for files. That of all results is not made again: what was in it is gone, or elsewhere."""
        if self.folder is not None and not os.path.isdir(self.folder):
            raise LvspecError(
                f"the folder {self.folder} was moved or deleted while results were written to it: "
                "give the same command again, and it makes what is missing"
            )
        _make(folder)


def _rendered(name: str, result: Result) -> str:
    text = io.StringIO()
    writer = FORMATS[name](text, several=False, terminal=False)
    writer.write(result)
    writer.close()
    return text.getvalue()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LvspecError(f"the folder {folder} cannot be made: {error.strerror}; choose another place") from error


def case_counts(folder: str) -> bool:
    """Whether names that differ in case alone are two in a folder, or in the one that it would be made in.

    Where no file can be made to find out, they are; nothing will be written there.
    """
    try:
        with tempfile.NamedTemporaryFile(prefix=".lvspec-case-", dir=_nearest(Path(folder))) as file:
            place, name = os.path.split(file.name)
            return not os.path.lexists(os.path.join(place, name.upper()))
    except OSError:
        return True


def _check_file(path: Path, *, record: bool) -> bool:
    """Whether a file of results is there. Raises UsageError if it is a folder, or no ``record`` and should be one."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    if stat.S_ISDIR(mode):
        raise UsageError(f"{path} is a folder, and a file of that name is to be written: move it away")
    if record and stat.S_ISREG(mode) and _is_something_else(path):
        raise UsageError(f"{path} is there and is no record of a caption: move it away, or choose another place")
    return True


def _is_something_else(path: Path) -> bool:
    """Whether a file that is to hold a record holds none. What cannot be read is left to others."""
    try:
        with open(path, "rb", buffering=0) as file:
            content = file.read(_HEAD)
            if _RECORD.match(content):
                return False
            content += file.read()  # whoever may have put its keys in another order
        return not str(json.loads(content)["schema"]).startswith(_CAPTION)
    except OSError:
        return False
    except (ValueError, LookupError, TypeError):
        return True


def _nearest(folder: Path, known: set[Path] | None = None) -> Path:
    """The folder, or the one above it that is there; ``known``: some that are not, to which others are added."""
    missing = set() if known is None else known
    for place in (folder, *folder.parents):
        if place not in missing:
            if os.path.lexists(place):
                return place
            missing.add(place)
    return Path(folder.anchor)


def _check_folders(folders: Iterable[Path]) -> None:
    """Try whether files can be made in folders, or in those that they would be made in, once in each of these."""
    missing: set[Path] = set()
    tried: set[Path] = set()
    for folder in folders:
        there = _nearest(folder, missing)
        if there in tried:
            continue
        tried.add(there)
        try:
            with tempfile.TemporaryFile(dir=there):  # has no name where the system can do without
                pass
        except OSError as error:
            raise UsageError(f"the folder {folder} cannot be written: {there}: {error.strerror}") from error
