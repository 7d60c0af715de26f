"""`--journal`, `--shard` and what goes with them: what is checked before anything is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lvspec_cli.batch.journal import NAME, Journal, JournalOptions, open_journal
from lvspec_cli.batch.shard import WHOLE, Shard
from lvspec_cli.cli.options import SharedOptions
from lvspec_cli.errors import UsageError
from lvspec_cli.output.outlet import Outlet


def shard_of(shard: str | None, *, several: bool) -> Shard:
    """The share that a run takes: what --shard says, or else the task's of a Slurm array.

    ``several``: whether folders or a list are given; a task that names its own videos takes them all. Raises
    UsageError if there is no such share.
    """
    if shard is not None:
        return Shard.parse(shard)
    return (Shard.of_slurm() if several else None) or Shard.parse(WHOLE)


def journal_path(shared: SharedOptions, outlet: Outlet) -> Path | None:
    """Where the journal of the whole is: in the folder of the results if no other place is named; None: there is none.

    Raises UsageError if the options do not go together.
    """
    if shared.journal is not None:
        if shared.journal in ("", "-"):
            raise UsageError("--journal needs the name of a file: it is read again by the next run")
        return Path(shared.journal)
    if outlet.folder is not None and outlet.place is not None:
        return Path(outlet.place, NAME)
    if shared.retry_failed:
        raise UsageError("--retry-failed needs a journal of what failed: give --journal FILE, or -o FOLDER/")
    return None


def check_journal(path: Path | None, outputs: Sequence[str], videos: Sequence[str]) -> None:
    """Raise UsageError if the journal would be written over results or videos."""
    if path is None:
        return
    place = os.path.realpath(path)
    for kind, others in (("where captions go", outputs), ("one of the videos", videos)):
        if place in map(os.path.realpath, others):
            raise UsageError(f"--journal {path} is {kind}: name another file")


@contextmanager
def journal_of(
    path: Path | None, shard: Shard, settings: Mapping[str, Any], videos: int, *, overwrite: bool
) -> Iterator[Journal | None]:
    """The journal of a run, if it has one. Raises as `open_journal` does."""
    if path is None:
        yield None
        return
    with open_journal(JournalOptions(path, shard, overwrite), settings, videos) as journal:
        yield journal
