"""How the files of a run that writes one for each video and format are called. Nothing here looks at the disk."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from lvspec_cli.errors import UsageError

_SEPARATORS = os.sep + (os.altsep or "")


@dataclass(frozen=True)
class Source:
    """A video, and where it was found."""

    path: str  # as its user named it
    base: str | None = None  # the named folder that was searched for it; None if the video itself was named
    is_folder: bool = False  # whether it is a folder of images


class Name(NamedTuple):
    """Where the files of a video go, and what they may be called, without the suffix of a format."""

    place: str  # the folder they go to; empty for the one that lvspec runs in
    stem: str  # the video's name without its own suffix; a folder has none
    full: str  # the video's whole name

    @property
    def key(self) -> tuple[str, str]:
        """Equal for names that differ in case only, for on many disks they are one."""
        return self.place.casefold(), self.stem.casefold()


def name_of(source: Source, folder: str | None) -> Name:
    """`folder`: what all files go below, with the tree below the source's base; None: they go beside the videos."""
    path = source.path.rstrip(_SEPARATORS)
    if os.path.basename(path) in ("", ".", ".."):  # a path that does not end with a name
        path = os.path.abspath(path or os.sep)
    place, full = os.path.split(path)
    stem = full if source.is_folder else os.path.splitext(full)[0]
    return Name(_place(place, source.base, folder), stem, full)


def output_paths(sources: Sequence[Source], folder: str | None, suffixes: Sequence[str]) -> list[list[Path]]:
    """The files of each video, one a suffix: the suffix takes the place of the video's own.

    In one place, videos of one stem keep their full names, and the suffix comes after. Raises UsageError if two videos
    would still share a file, or would on a disk to which case is nothing.
    """
    names = [name_of(source, folder) for source in sources]
    sharing = Counter(name.key for name in names)
    taken: dict[str, tuple[str, Source]] = {}  # by stems in which case is nothing
    for source, name in zip(sources, names, strict=True):
        stem = os.path.join(name.place, name.full if sharing[name.key] > 1 else name.stem)
        key = stem.casefold()
        if key in taken:
            earlier, other = taken[key]
            where = "" if earlier == stem else " where case does not count"
            raise UsageError(_collision(other, source, stem + suffixes[0] + where, folder))
        taken[key] = stem, source
    return [[Path(stem + suffix) for suffix in suffixes] for stem, _ in taken.values()]


@lru_cache  # videos come folder by folder
def _place(place: str, base: str | None, folder: str | None) -> str:
    """A place is always written in the same way, so that equal ones are seen to be equal."""
    below = place if folder is None else "" if base is None else os.path.relpath(place, base)
    path = Path(folder or "", below)
    return "" if path == Path() else str(path)


def _collision(one: Source, other: Source, path: str, folder: str | None) -> str:
    if one.path == other.path:
        return f"{one.path} is named twice: name it once, for there is one file {path} for it"
    remedy = "rename one of them" if folder is None else "use --sidecar, or -r with a folder that has both below it"
    return f"{one.path} and {other.path} would both be written to {path}: {remedy}"
