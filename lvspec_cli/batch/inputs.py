"""From arguments to videos: files, folders, lists of paths."""

from __future__ import annotations

import os
import re
import sys
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from lvspec_cli.errors import UsageError
from lvspec_cli.files import absolute
from lvspec_cli.output.naming import Source
from lvspec_cli.video.source import IMAGE_SUFFIXES

LARGEST_LIST = 256 * 1024 * 1024  # bytes: some millions of paths
_READ_AT_ONCE = 1024 * 1024  # bytes
_FOLDERS_TO_LOOK_INTO = 100  # for a hint, which must not take long
# What -r takes for a video. Still images are none: a folder of them is a video when it is named by itself.
VIDEO_SUFFIXES = frozenset(
    {".3gp", ".asf", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts"}
    | {".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv"}
)


@dataclass(frozen=True)
class Inputs:
    """The videos of one run, in order."""

    sources: tuple[Source, ...]  # never empty
    several: bool  # whether results are written as those of many: true for folders and lists, however few they hold
    collected: bool  # whether folders or a list were given, and not the videos one by one
    repeated: tuple[str, ...] = ()  # paths that are left out, for they are those of videos that come before

    @property
    def paths(self) -> tuple[str, ...]:
        """The videos as their user named them."""
        return tuple(source.path for source in self.sources)


def gather_inputs(paths: Sequence[str], *, recursive: bool, from_file: str | None, null: bool) -> Inputs:
    """All videos that the arguments name, each absolute path once; those of the list come last.

    With -r, a folder below that cannot be read is among them, so that it fails by itself. Links are not followed to
    see what is the same: they have names of their own, and so have their results.

    Raises:
        UsageError: there is none, a list or named folder cannot be read, a folder is not there, or one of videos is
            named without -r.
    """
    if null and from_file is None:
        raise UsageError("-0 says how --from-file LIST is written: give that option too")
    named = [*paths, *(_listed(from_file, null) if from_file is not None else [])]
    for path in named:
        _refuse_what_is_no_path(path)
    if recursive:
        for path in paths:
            _refuse_missing_folder(path)
        found = tuple(source for path in named for source in _expand(path))
    else:
        for path in named:
            _refuse_folder_of_videos(path)
        found = tuple(Source(path, is_folder=os.path.isdir(path)) for path in named)
    if not found:
        raise UsageError(
            "no video given: name a file, a folder with -r, or a list with --from-file (--help shows the usage)"
        )
    collected = from_file is not None or any(map(os.path.isdir, named if recursive else ()))
    first: dict[str, Source] = {}
    repeated = tuple(each.path for each in found if first.setdefault(absolute(each.path), each) is not each)
    return Inputs(tuple(first.values()), collected or len(found) > 1, collected, repeated)


def _refuse_what_is_no_path(path: str) -> None:
    if path == "":
        raise UsageError("a video's path is empty: is a variable unset?")
    if path == "-":
        raise UsageError("a video cannot come from stdin: save it to a file; a list of paths can, with --from-file -")


def _refuse_missing_folder(path: str) -> None:
    """What is not there and has no name of a video was to be a folder; a missing video fails when its turn comes."""
    if not os.path.lexists(path) and os.path.splitext(path)[1].lower() not in VIDEO_SUFFIXES:
        raise UsageError(f"there is no folder {path}: name one that is there")


def _listed(source: str, null: bool) -> list[str]:
    content = b"".join(_pieces(source, null))
    if null:
        if b"\0" not in content and b"\n" in content:
            raise UsageError(f"--from-file {source} has no NUL characters, by which -0 parts paths: leave -0 out")
        return [os.fsdecode(entry[0]) for entry in re.finditer(rb"[^\0]+", content)]
    lines = (line[0].removesuffix(b"\r") for line in re.finditer(rb"[^\n]+", content.removeprefix(BOM_UTF8)))
    return [os.fsdecode(line) for line in lines if line.strip() and not line.startswith(b"#")]


def _pieces(source: str, null: bool) -> Iterator[bytes]:
    """What is in the list, one piece after another, and refused as soon as it cannot be one."""
    size = 0
    with _opened(source) as file:
        while piece := file.read(_READ_AT_ONCE):
            size += len(piece)
            if not null and b"\0" in piece:
                raise UsageError(f"--from-file {source} has NUL characters: if they end its paths, add -0")
            if size > LARGEST_LIST:
                raise UsageError(f"--from-file {source} is larger than {LARGEST_LIST >> 20} MiB: cut it into several")
            yield piece


@contextmanager
def _opened(source: str) -> Iterator[BinaryIO]:
    if source == "-" and sys.stdin is None:
        raise UsageError("--from-file - cannot be read: stdin is closed; pipe the list in, or name its file")
    try:
        if source == "-":
            yield sys.stdin.buffer
            return
        with open(source, "rb") as file:
            yield file
    except OSError as error:
        raise UsageError(f"--from-file {source} cannot be read: {error.strerror}") from error


def _expand(path: str) -> list[Source]:
    """A file is itself, a folder all the videos in and below it, sorted, hidden ones left out."""
    if not os.path.isdir(path):
        return [Source(path)]
    sources = sorted(_walk(path), key=lambda source: source.path)
    if not sources:
        raise UsageError(f"no video in {path} or below: looked for {' '.join(sorted(VIDEO_SUFFIXES))}")
    return sources


def _walk(folder: str) -> Iterator[Source]:
    unreadable: list[str] = []

    def note(error: OSError) -> None:
        if error.filename == folder:
            raise UsageError(f"{folder} cannot be read: {error.strerror}") from error
        unreadable.append(error.filename)

    for place, folders, files in os.walk(folder, onerror=note):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Source(os.path.join(place, name), base=folder) for name in files if looks_like_video(name))
    yield from (Source(place, base=folder, unreadable=True) for place in unreadable)


def looks_like_video(name: str) -> bool:
    """Whether a visible file of this name would be taken for a video."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES


def _refuse_folder_of_videos(path: str) -> None:
    """A folder without -r is one video, made of images; if it has videos and no images, -r was meant."""
    if not os.path.isdir(path):
        return
    try:
        names = [entry.name for entry in os.scandir(path) if entry.is_file() and not entry.name.startswith(".")]
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if names and all(map(looks_like_video, names)):
        raise UsageError(f"{path} is a folder of videos: add -r to caption each of them")
    if not any(name.lower().endswith(IMAGE_SUFFIXES) for name in names) and _has_videos_below(path):
        raise UsageError(f"{path} has no images, but there are videos in it or below: add -r to caption each of them")


def _has_videos_below(path: str) -> bool:
    """Whether there are videos in the folders that are come upon first."""
    return any(looks_like_video(name) for _, _, names in islice(os.walk(path), _FOLDERS_TO_LOOK_INTO) for name in names)
