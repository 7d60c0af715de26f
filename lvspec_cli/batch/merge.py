"""One file of all the results that journals hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from lvspec_cli.batch.journal_content import Entry
from lvspec_cli.batch.status import Status
from lvspec_cli.errors import LvspecError, UsageError
from lvspec_cli.output.destination import Earlier, open_destination
from lvspec_cli.output.formats import FORMATS, format_of
from lvspec_cli.output.result import Result
from lvspec_cli.settings import nearest

DEFAULT_FORMAT = "jsonl"


@dataclass(frozen=True)
class MergeOptions:
    """What is to be written, and where to."""

    place: str | None  # a file, or None for stdout
    format: str  # its name
    captioned_only: bool = False  # whether videos that failed are left out


@dataclass(frozen=True)
class Merged:
    """How many videos were written."""

    captioned: int
    failed: int
    left_out: int  # failed and not written


def merge_format(name: str | None, output: str | None) -> str:
    """The format that is named, or else told by the suffix of a file. Raises UsageError if it fits no merged file."""
    fit = [each for each, writer in FORMATS.items() if not writer.holds_one]
    if name is not None and name not in FORMATS:
        raise UsageError(f"--format must be one of {', '.join(fit)}, not {name!r}{nearest(name, fit)}")
    chosen = name or (format_of(output) if output else None) or DEFAULT_FORMAT
    if chosen not in fit:
        raise UsageError(f"{chosen} holds one video, and a merged file all of them: choose one of {', '.join(fit)}")
    return chosen


def merge(status: Status, options: MergeOptions) -> Merged:
    """Write the results of all journals, sorted by the videos' absolute paths, each video once.

    Records are read when their turn comes, one at a time.

    Raises:
        UsageError: the journals have different settings or nothing to write, or the file cannot be made or is one of
            the journals or videos.
        LvspecError: a journal was changed meanwhile, or the file cannot be written.
    """
    if status.difference:
        raise UsageError(f"{status.difference}: merge them one by one")
    entries = status.entries
    if options.place is not None:
        _refuse_to_replace(options.place, status)
    without_failures = options.captioned_only or not FORMATS[options.format].tells_failures
    chosen = sorted(path for path, entry in entries.items() if entry.error_type is None or not without_failures)
    if not chosen:
        raise UsageError(
            f"nothing to merge: no video is captioned yet{f', and {len(entries)} failed' if entries else ''}"
        )
    _write((entries[path] for path in chosen), options)
    captioned = sum(entry.error_type is None for entry in entries.values())
    return Merged(captioned, len(chosen) - captioned, len(entries) - len(chosen))


def _write(entries: Iterator[Entry], options: MergeOptions) -> None:
    with open_destination(options.place, earlier=Earlier.REPLACED) as destination:
        # As of several even if there is one: the form does not depend on how far a run has come.
        writer = FORMATS[options.format](destination.stream, several=True, terminal=destination.terminal)
        for entry in entries:
            writer.write(_result(entry))
        writer.close()


def _result(entry: Entry) -> Result:
    try:
        return entry.read_result()
    except (OSError, ValueError) as error:
        raise LvspecError(
            f"{entry.journal} was changed or taken away while it was read, or its line of {entry.key.path} is damaged: "
            "merge again; if that does not help, take the files of that video away and caption it again"
        ) from error


def _refuse_to_replace(place: str, status: Status) -> None:
    target = os.path.realpath(place)
    if any(target == os.path.realpath(journal.path) for journal in status.journals):
        raise UsageError(f"-o {place} is one of the journals: name another file")
    if target in status.entries or os.path.abspath(place) in status.entries:
        raise UsageError(f"-o {place} is one of the videos: name another file")
