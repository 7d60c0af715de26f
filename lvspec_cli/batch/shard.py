"""One of several shares of the videos, the same whoever computes it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lvspec_cli.errors import UsageError
from lvspec_cli.output.naming import Source

WHOLE = "1/1"
_SLURM = "SLURM_ARRAY_TASK_"
_SHARE_IN_NAME = re.compile(r"(.*)\.(\d{1,9})-of-(\d{1,9})(\.[^.]*)?", re.ASCII | re.DOTALL)  # as of `Shard.label`


@dataclass(frozen=True)
class Shard:
    """Share `index` of `count`, counted from 1."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read "I/N". Raises UsageError if it is not that."""
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text, re.ASCII)
        shard = cls(int(found[1]), int(found[2])) if found else cls(0, 0)
        if not 1 <= shard.index <= shard.count:
            raise UsageError(f"--shard must be I/N, such as 1/8 for the first of eight, not {text!r}")
        return shard

    @classmethod
    def of_slurm(cls, environment: Mapping[str, str] = os.environ) -> Shard | None:
        """The share of this task of a Slurm array of numbers in equal steps; None outside of one.

        Raises UsageError if the numbers are not in equal steps, or the task's is none of them.
        """
        try:
            task, count = int(environment[f"{_SLURM}ID"]), int(environment[f"{_SLURM}COUNT"])
            first = int(environment.get(f"{_SLURM}MIN", "0"))
            last = int(environment.get(f"{_SLURM}MAX", first + count - 1))
            step = 1 if last - first < count else int(environment.get(f"{_SLURM}STEP", "0"))
        except (KeyError, ValueError):
            return None
        if step < 1:
            step = max(1, (last - first) // max(1, count - 1))
        index, beside = divmod(task - first, step)
        # All tasks of an array with gaps find the same: none of them begins, and leaves shares to nobody.
        if last - first != step * (count - 1) or beside or not 0 <= index < count:
            raise UsageError(
                f"the numbers of the Slurm array have gaps (task {task}, of {count} from {first} to {last}): "
                "give --shard I/N to each task, or number them one by one"
            )
        return cls(index + 1, count)

    def takes(self, source: Source) -> bool:
        """Whether a video belongs to the share: by its path below the folder that was searched, or as it was named."""
        path = source.path if source.base is None else os.path.relpath(source.path, source.base)
        name = os.fsencode(path.replace(os.sep, "/"))
        return int.from_bytes(hashlib.sha256(name).digest()[:8], "big") % self.count == self.index - 1

    @property
    def label(self) -> str:
        """What the names of files of this share have before their suffix; empty for the whole."""
        return "" if self.count == 1 else f".{self.index}-of-{self.count}"

    def journal(self, path: Path) -> Path:
        """The journal of this share, beside that of the whole."""
        return path.with_name(f"{path.stem}{self.label}{path.suffix}")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def share_in_name(path: Path) -> tuple[Path, Shard | None]:
    """The reverse of `Shard.journal`: the journal of the whole, and the share whose it is; None: it is the whole's."""
    found = _SHARE_IN_NAME.fullmatch(path.name)
    if not found or not 1 <= int(found[2]) <= int(found[3]):
        return path, None
    return path.with_name(found[1] + (found[4] or "")), Shard(int(found[2]), int(found[3]))
