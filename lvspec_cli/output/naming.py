"""How the files of a run that writes one for each video and format are called. Nothing here looks at the disk."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lvspec_cli.errors import UsageError


@dataclass(frozen=True)
class Source:
    """A video, and where it was found."""

    path: str  # as its user named it
    base: str | None = None  # the named folder that was searched for it; None if the video itself was named
    is_folder: bool = False  # whether it is a folder of images

    @property
    def full_name(self) -> str:
        """The name of the file or folder, without the place where it is."""
        return os.path.basename(self._whole)

    @property
    def stem(self) -> str:
        """The name without what tells the kind of the file; a folder's has no such end."""
        return self.full_name if self.is_folder else os.path.splitext(self.full_name)[0]

    @property
    def place(self) -> str:
        """The folder it is in."""
        return os.path.dirname(self._whole)

    @property
    def _whole(self) -> str:
        """The path in a form that ends with a name: ``shots/`` and ``.`` do not."""
        path = self.path.rstrip("".join(filter(None, (os.sep, os.altsep))))
        return os.path.abspath(path or os.sep) if os.path.basename(path) in ("", ".", "..") else path


def output_path(source: Source, folder: str | None, suffix: str, *, full_name: bool = False) -> Path:
    """Where the file of a video goes: below `folder`, with the tree below the source's base; None: beside the video.

    `suffix` takes the place of the video's own, or with `full_name` comes after it.
    """
    return _place(source, folder) / ((source.full_name if full_name else source.stem) + suffix)


def output_paths(sources: Sequence[Source], folder: str | None, suffix: str) -> list[Path]:
    """Where the file of each video goes; in one place, those of one stem keep their full names.

    Names that differ in case only count as one here, as they do on many disks. Raises UsageError if two videos would
    still share a file.
    """
    stems = Counter(_key(source, folder) for source in sources)
    taken: dict[Path, Source] = {}
    for source in sources:
        path = output_path(source, folder, suffix, full_name=stems[_key(source, folder)] > 1)
        if path in taken:
            raise UsageError(_collision(taken[path], source, path, folder))
        taken[path] = source
    return list(taken)


def _place(source: Source, folder: str | None) -> Path:
    if folder is None:
        return Path(source.place)
    return Path(folder) if source.base is None else _mirrored(folder, source.base, source.place)


@lru_cache  # videos come folder by folder
def _mirrored(folder: str, base: str, place: str) -> Path:
    return Path(folder, os.path.relpath(place, base))


def _key(source: Source, folder: str | None) -> tuple[str, str]:
    return str(_place(source, folder)).casefold(), source.stem.casefold()


def _collision(one: Source, other: Source, path: Path, folder: str | None) -> str:
    if one.path == other.path:
        return f"{one.path} is named twice: name it once, for there is one file {path} for it"
    remedy = "rename one of them" if folder is None else "use --sidecar, or -r with a folder that has both below it"
    return f"{one.path} and {other.path} would both be written to {path}: {remedy}"
