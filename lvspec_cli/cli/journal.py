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
from lvspec_cli.files import is_one_of
from lvspec_cli.output.destination import PARTIAL_SUFFIX
from lvspec_cli.output.outlet import Outlet


def shard_of(shard: str | None, *, collected: bool) -> Shard:
    """The share that a run takes: what --shard says, or else the task's of a Slurm array.

    ``collected``: whether folders or a list are given; a task that names its own videos takes them all. Raises
    UsageError if there is no such share.
    """
    if shard is not None:
        return Shard.parse(shard)
    return (Shard.of_slurm() if collected else None) or Shard.parse(WHOLE)


def journal_path(shared: SharedOptions, outlet: Outlet) -> Path | None:
    """Where the journal of the whole is: in the folder of the results if no other place is named; None: there is none.

    Raises UsageError if the options do not go together.
    """
    if shared.journal is not None:
        if shared.journal in ("", "-"):
            raise UsageError("--journal needs the name of a file: it is read again by the next run")
        path = Path(shared.journal)
        own = outlet.folder is not None and outlet.place is not None and path.parent == Path(outlet.place)
        if not own and not os.path.lexists(path.parent):  # the folder of results is made if need be
            raise UsageError(
                f"--journal {path} cannot be written: there is no folder {path.parent}; make it first, "
                "or leave --journal out: -o FOLDER/ has one of its own"
            )
        return path
    if outlet.folder is not None and outlet.place is not None:
        return Path(outlet.place, NAME)
    if shared.retry_failed:
        raise UsageError("--retry-failed needs a journal of what failed: give --journal FILE, or -o FOLDER/")
    return None


def check_journal(path: Path, outlet: Outlet, trace: str | None, videos: Sequence[str]) -> None:
    """Raise UsageError if the journal, and be it that of a share, is a file that something else is in or will be."""
    place = os.path.realpath(path)
    traces = [os.path.realpath(trace)] if trace else []
    uses = {
        "where captions go": outlet.files,
        "where the trace goes": traces,
        "where a file grows until it is whole": [*(file + PARTIAL_SUFFIX for file in traces), *outlet.growing],
        "one of the videos": videos,
    }
    for use, others in uses.items():
        if is_one_of(place, others):
            raise UsageError(f"--journal {path} is {use}: name another file")


@contextmanager
def journal_of(
    path: Path | None, shard: Shard, settings: Mapping[str, Any], *, overwrite: bool
) -> Iterator[Journal | None]:
    """The journal of a run, if it has one. Raises as `open_journal` does."""
    if path is None:
        yield None
        return
    with open_journal(JournalOptions(path, shard, overwrite), settings) as journal:
        yield journal
