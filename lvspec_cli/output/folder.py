"""A file for each video and format, whole or not there: below a folder, or beside the videos."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lvspec_cli.errors import LvspecError, UsageError
from lvspec_cli.files import replace_text
from lvspec_cli.output.formats import FORMATS
from lvspec_cli.output.result import Result
from lvspec_cli.output.sink import Sink

Files = Mapping[str, Mapping[str, Path]]  # video, as its user named it -> format -> the file it goes to


@dataclass(frozen=True)
class FolderSink(Sink):
    """Writes the files of a video when it is finished; a file that is there stays, unless `overwrite` is set."""

    files: Files
    folder: str | None  # that all files are below, as its user named it; None: they are beside the videos
    overwrite: bool

    def reason_to_skip(self, path: str) -> str:
        """That all files of the video exist, if they do and are to stay."""
        if self._missing(path):
            return ""
        files = [*map(str, self.files[path].values())]
        return f"{', '.join(files)} {'exist' if len(files) > 1 else 'exists'}; --overwrite makes it anew"

    def write(self, result: Result) -> None:
        """Write the missing files of a caption; a failure writes none: no error stands where a caption goes."""
        if result.text is None:
            return
        for name, path in self._missing(result.path).items():
            _make_folder(path.parent)
            replace_text(path, _rendered(name, result), follow_link=False)

    @property
    def whereabouts(self) -> str:
        """In the folder, or beside the videos."""
        return "beside the videos" if self.folder is None else f"in {self.folder}"

    def check(self) -> None:
        """Raise UsageError if a file that is to be written cannot be. Nothing is made or changed."""
        for path in (path for files in self.files.values() for path in files.values()):
            if path.is_dir():
                raise UsageError(f"{path} is a folder, and a file of that name is to be written: move it away")
        missing = (path for video in self.files for path in self._missing(video).values())
        for folder in dict.fromkeys(path.parent for path in missing):
            _check_folder(folder)

    def _missing(self, video: str) -> dict[str, Path]:
        """Format -> file, of those that are to be written."""
        return {name: path for name, path in self.files[video].items() if self.overwrite or not os.path.lexists(path)}


def _rendered(name: str, result: Result) -> str:
    text = io.StringIO()
    writer = FORMATS[name](text, several=False, terminal=False)
    writer.write(result)
    writer.close()
    return text.getvalue()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LvspecError(f"the folder {folder} cannot be made: {error.strerror}; choose another place") from error


def _check_folder(folder: Path) -> None:
    """Try whether files can be made in a folder, or in the one that it would be made in."""
    there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    try:
        with tempfile.TemporaryFile(dir=there):  # has no name where the system can do without
            pass
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be written: {there}: {error.strerror}") from error
