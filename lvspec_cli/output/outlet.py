"""From what a user asked for to where the results go: checked before anything is loaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lvspec_cli.errors import UsageError
from lvspec_cli.files import those_among
from lvspec_cli.output.destination import Earlier, open_destination, share_name, unfinished
from lvspec_cli.output.folder import FolderSink, case_counts
from lvspec_cli.output.formats import FORMATS, chosen_formats, format_of
from lvspec_cli.output.naming import Source, name_without_others, output_paths
from lvspec_cli.output.sink import Sink, StreamSink
from lvspec_cli.settings import Settings

_SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))


@dataclass(frozen=True)
class OutputOptions:
    """Where results are to go, as the flags say it."""

    output: str | None = None  # a file, a folder, or "-" or None for stdout
    sidecar: bool = False  # beside the videos
    dry_run: bool = False  # whether the results only tell what a run would take
    share: str = ""  # what a file's name gets before its suffix, such as ".1-of-3", so that each share has its own

    @property
    def place(self) -> str | None:
        """The file or folder; None for stdout, and beside the videos."""
        return None if self.output == "-" else self.output


@dataclass(frozen=True)
class Outlet:
    """What a run opens for its results: one stream, or a folder with files for each video."""

    formats: tuple[str, ...]  # a single one for a stream
    place: str | None  # file of the stream, None for stdout
    several: bool  # whether the results in the stream are written as those of many
    folder: FolderSink | None = None  # what takes them if there is no stream
    untold: str = ""  # the suffix of the file as its user named it, if it has one that is of no format
    left_alone: tuple[str, ...] = ()  # files that are called as one of the videos' would be if they had other stems

    @property
    def files(self) -> tuple[str, ...]:
        """All that it may write; what is written through a link is where that leads."""
        if self.folder is not None:
            return tuple(str(path) for of_video in self.folder.files.values() for path in of_video.values())
        return () if self.place is None else (os.path.realpath(self.place),)

    @property
    def growing(self) -> tuple[str, ...]:
        """What a file is called until it is whole, if it is one."""
        return () if self.folder is not None else tuple(filter(None, map(unfinished, self.files)))

    def of_share(self, videos: Sequence[str]) -> Outlet:
        """The same for some of the videos, whose files have the names that they have among all."""
        if self.folder is None:
            return self
        files = {video: of_video for video in videos if (of_video := self.folder.files.get(video))}
        return replace(self, folder=replace(self.folder, files=files))

    @contextmanager
    def open(
        self,
        earlier: Earlier = Earlier.KEPT,
        comes_again: Callable[[Path], bool] = lambda partial: False,
        note: Callable[[str], object] = lambda message: None,
    ) -> Iterator[Sink]:
        """What takes the results; ``earlier``: what becomes of what an earlier run left: files of single videos, or an
        unfinished one of all, of which ``comes_again`` tells what `open_destination` says.

        ``note`` is told if that file has another name now. Raises as `open_destination` does, and UsageError if a
        folder cannot be written.
        """
        if self.folder is not None:
            with self.folder.opened(replace=earlier is Earlier.REPLACED):
                yield self.folder
            return
        with open_destination(self.place, earlier=earlier, comes_again=comes_again) as stream:
            if stream.set_aside is not None:
                note(
                    f"-o {self.place}: what a run that was broken off had left is not of this journal: "
                    f"it is kept as {stream.set_aside}"
                )
            writer = FORMATS[self.formats[0]](stream.stream, several=self.several, terminal=stream.terminal)
            yield StreamSink(writer, self.place)


def outlet_for(options: OutputOptions, settings: Settings, sources: Sequence[Source], *, several: bool) -> Outlet:
    """What to open for the results of these videos; `several`: whether they are those of many, however many there are.

    Raises:
        UsageError: the options exclude each other, a format is unknown or does not fit the place, or two files would
            be one.
    """
    if options.output == "":
        raise UsageError("-o is empty: is a variable unset?")
    if options.sidecar and options.output is not None:
        raise UsageError("--sidecar and -o exclude each other: results go beside the videos, or to one place")
    formats = chosen_formats(settings, options.place)
    in_files = options.sidecar or _is_folder(options.place, formats)
    if options.dry_run:
        _check_forecasts(formats, in_files)
    if in_files:
        sink = _folder_sink(options, formats, sources)
        return Outlet(formats, options.place, several, sink, left_alone=_left_alone(sink, sources))
    _check_stream(formats, several)
    place = options.place and share_name(options.place, options.share)
    outlet = Outlet(formats, place, several, untold=_untold(options.place) if options.place else "")
    _refuse_to_overwrite(place, [*outlet.files, *outlet.growing], sources)
    return outlet


def _is_folder(place: str | None, formats: Sequence[str]) -> bool:
    """Whether -o names a folder: one that is there, that ends like one, or that several formats need."""
    if place is None:
        return False
    if os.path.isdir(place) or place.endswith(_SEPARATORS):
        return True
    if len(formats) == 1:
        return False
    if os.path.lexists(place):
        raise UsageError(f"several formats need a folder, which -o {place} is not: name another place")
    if format_of(place) is not None:
        raise UsageError(f"several formats need a folder, and -o {place} looks like a file: end it with a slash")
    return True


def _folder_sink(options: OutputOptions, formats: Sequence[str], sources: Sequence[Source]) -> FolderSink:
    paths = output_paths(sources, options.place, [FORMATS[name].suffix for name in formats], case_counts)
    _refuse_to_overwrite(None, [str(path) for of_source in paths.values() for path in of_source], sources)
    files = {video: dict(zip(formats, of_video, strict=True)) for video, of_video in paths.items()}
    return FolderSink(files, options.place)


def _untold(place: str) -> str:
    """The suffix of a file whose name tells no format; empty for others, and for devices and pipes."""
    return os.path.splitext(place)[1] if unfinished(place) and format_of(place) is None else ""


def _left_alone(sink: FolderSink, sources: Sequence[Source]) -> tuple[str, ...]:
    wanted = {path for files in sink.files.values() for path in files.values()}
    others = (name_without_others(source, path) for source in sources for path in sink.files_of(source.path))
    return tuple(dict.fromkeys(str(path) for path in others if path and path not in wanted and os.path.lexists(path)))


def _check_stream(formats: Sequence[str], several: bool) -> None:
    if len(formats) > 1:
        raise UsageError("several formats need a folder: -o FOLDER/, or --sidecar")
    if several and FORMATS[formats[0]].holds_one:
        raise UsageError(f"{formats[0]} holds one video, and there may be several: use -o FOLDER/, or --sidecar")


def _check_forecasts(formats: Sequence[str], in_files: bool) -> None:
    fit = [name for name, writer in FORMATS.items() if writer.forecasts]
    for name in formats:
        if name not in fit:
            raise UsageError(f"--dry-run cannot write {name}: choose one of {', '.join(fit)} with --format")
    if in_files:
        raise UsageError("--dry-run makes no files for single videos: name one file with -o, or leave it to stdout")


def _refuse_to_overwrite(place: str | None, outputs: Sequence[str], sources: Sequence[Source]) -> None:
    """Raise UsageError if one of the outputs is one of the videos; ``place``: the only one, as its user named it."""
    for output in those_among(outputs, (source.path for source in sources)):
        if os.path.lexists(output):
            grows = output.removeprefix(os.path.realpath(place)) if place else ""
            name = output if place is None else place + grows
            raise UsageError(f"{name}, where results would go, is one of the videos: name another place")
