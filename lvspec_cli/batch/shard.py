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
_SLURM_TASK, _SLURM_FIRST, _SLURM_COUNT = "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT"


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
        """The share of this task of a Slurm array of consecutive numbers; None outside of one.

        Raises UsageError if the task's number is not among as many from the first: the array has gaps.
        """
        try:
            task, count = int(environment[_SLURM_TASK]), int(environment[_SLURM_COUNT])
            first = int(environment.get(_SLURM_FIRST, "0"))
        except (KeyError, ValueError):
            return None
        if not 0 <= task - first < count:
            raise UsageError(
                f"the Slurm array has gaps (task {task}, of {count} from {first}): number its tasks one by one, "
                "or give --shard I/N"
            )
        return cls(task - first + 1, count)

    def takes(self, source: Source) -> bool:
        """Whether a video belongs to the share: by its path below the folder that was searched, or as it was named."""
        path = source.path if source.base is None else os.path.relpath(source.path, source.base)
        name = os.fsencode(path.replace(os.sep, "/"))
        return int.from_bytes(hashlib.sha256(name).digest()[:8], "big") % self.count == self.index - 1

    def journal(self, path: Path) -> Path:
        """The journal of this share, beside that of the whole."""
        return path if self.count == 1 else path.with_name(f"{path.stem}.{self.index}-of-{self.count}{path.suffix}")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"
