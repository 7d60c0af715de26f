"""Files that runs which were killed had begun and never gave their name."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from lvspec_cli.batch.journal import Journal, journals_in
from lvspec_cli.file_lock import is_locked
from lvspec_cli.output.formats import FORMATS

# As `files.replace_file` and `output.folder.case_counts` call them.
_SUFFIXES = "|".join(re.escape(writer.suffix) for writer in FORMATS.values())
_YOUNGEST = 3600  # s: what is younger may be what a run that has its journal elsewhere is writing right now
_NAME = re.compile(rf"\.lvspec-[0-9a-f]{{16}}({_SUFFIXES})|\.lvspec-case-[a-z0-9_]{{8}}")


def clear_leftovers(results: Path, files: Iterable[str], journal: Journal) -> None:
    """Remove those older than an hour from the folders that the files of a run go to, unless another run writes there.

    ``results``: the folder of them all, with ``journal`` in it, which this run has locked.
    """
    # First what is there, then who is: what a run that has just begun is writing is not in the list.
    found = [path for folder in {os.path.dirname(file) for file in files} for path in _in(folder)]
    if not found or any(is_locked(other) is not False for other in journals_in(results) if other != journal.path):
        return
    for path in found:
        with suppress(OSError):
            os.unlink(path)


def _in(folder: str) -> Iterator[str]:
    newest = time.time() - _YOUNGEST
    with suppress(OSError), os.scandir(folder) as entries:  # it may not be there yet
        yield from (
            entry.path
            for entry in entries
            if _NAME.fullmatch(entry.name) and entry.stat(follow_symlinks=False).st_mtime < newest
        )
