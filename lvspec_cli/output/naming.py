"""How the files of a run that writes one for each video and format are called. Nothing here looks at the disk."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
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
    is_folder: bool = False  # of images
    unreadable: bool = False  # a folder that could not be searched: no video, but it fails as one when its turn comes


class Name(NamedTuple):
    """Where the files of a video go, and what they may be called, without the suffix of a format."""

    place: str  # the folder they go to; empty for the one that lvspec runs in
    stem: str  # the video's name without its own suffix; a folder has none
    full: str  # the video's whole name

    @property
    def paths(self) -> tuple[str, str]:
        """By stem and by full name."""
        return os.path.join(self.place, self.stem), os.path.join(self.place, self.full)


def name_of(source: Source, folder: str | None) -> Name:
    """`folder`: what all files go below, with the tree below the source's base; None: they go beside the videos."""
    path = source.path.rstrip(_SEPARATORS)
    if os.path.basename(path) in ("", ".", ".."):  # a path that does not end with a name
        path = os.path.abspath(path or os.sep)
    place, full = os.path.split(path)
    stem = full if source.is_folder else os.path.splitext(full)[0]
    return Name(_place(place, source.base, folder), stem, full)


def output_paths(
    sources: Sequence[Source], folder: str | None, suffixes: Sequence[str], case_counts: Callable[[str], bool]
) -> dict[str, list[Path]]:
    """The files of each video by its path, one a suffix: the suffix takes the place of the video's own.

    What is unreadable has none. In one place, videos of one stem keep their full names, and the suffix comes after.
    Raises UsageError if two videos would still share a file. ``case_counts``: whether names that differ in case alone
    are two in a folder; it is asked only where there are such names.
    """
    sources = [source for source in sources if not source.unreadable]
    names = [name_of(source, folder) for source in sources]
    folded = _folding(names, case_counts)
    sharing = Counter(folded(name.paths[0]) for name in names)
    taken: dict[str, tuple[str, Source]] = {}
    for source, name in zip(sources, names, strict=True):
        stem, full = name.paths
        path = full if sharing[folded(stem)] > 1 else stem
        if folded(path) in taken:
            earlier, other = taken[folded(path)]
            where = "" if earlier == path else ", for case does not count there"
            raise UsageError(_collision(other, source, path + suffixes[0] + where, folder))
        taken[folded(path)] = path, source
    return {source.path: [Path(path + suffix) for suffix in suffixes] for path, source in taken.values()}


def name_without_others(source: Source, file: Path) -> Path | None:
    """What a file of a video that keeps its full name would be called if no other had its stem; None: as it is."""
    stem, full = name_of(source, None)[1:]
    return file.with_name(stem + file.suffix) if stem != full and file.stem == full else None


def _folding(names: Sequence[Name], case_counts: Callable[[str], bool]) -> Callable[[str], str]:
    """What makes those paths equal that may be one on the disk."""
    spellings: dict[str, dict[str, str]] = {}  # path without case -> path as it is -> its folder
    for name in names:
        for path in name.paths:
            spellings.setdefault(path.casefold(), {})[path] = name.place
    meeting = {place for of_path in spellings.values() if len(of_path) > 1 for place in of_path.values()}
    return str if all(map(case_counts, meeting)) else str.casefold


@lru_cache  # videos come folder by folder
def _place(place: str, base: str | None, folder: str | None) -> str:
    """A place is always written in the same way, so that equal ones are seen to be equal."""
    below = place if folder is None else "" if base is None else os.path.relpath(place, base)
    path = Path(folder or "", below)
    return "" if path == Path() else str(path)


def _collision(one: Source, other: Source, path: str, folder: str | None) -> str:
    remedy = "rename one of them" if folder is None else "use --sidecar, or -r with a folder that has both below it"
    return f"{one.path} and {other.path} would both be written to {path}: {remedy}"
