"""The evidence so far, a line a video: an interrupted calibration goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lvspec_cli.calibration.evidence import Evidence
from lvspec_cli.errors import UsageError

SUFFIX = ".evidence.jsonl"
_HEAD = "settings"  # key of the first line


class Journal:
    """A file of evidence beside the preset that a calibration is to write."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Open or begin it. Raises UsageError if it was begun with other ``settings`` (JSON values)."""
        self.path = path
        self._known: dict[str, Evidence] = {}
        head = json.dumps({_HEAD: settings}, sort_keys=True)
        lines = _whole_lines(path)
        if lines and lines[0] != head:
            raise _begun_otherwise(path)
        for line in lines[1:]:
            self._take(line)
        if path.exists():
            # An interrupt may have cut the last line off: what is added next must not be glued to it.
            os.truncate(path, sum(len(line.encode()) + 1 for line in lines))
        self._file = path.open("a", encoding="utf-8", newline="\n")
        if not lines:
            self._append(head)

    def get(self, fingerprint: str) -> Evidence | None:
        """What was measured of a video, if it was."""
        return self._known.get(fingerprint)

    def add(self, fingerprint: str, evidence: Evidence) -> None:
        """Keep what was measured of a video."""
        self._append(json.dumps({"video": fingerprint, **evidence.as_json()}))
        self._known[fingerprint] = evidence

    def remove(self) -> None:
        """The calibration is written: the evidence has served."""
        self.close()
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; what is in it stays."""
        self._file.close()

    def _append(self, line: str) -> None:
        self._file.write(line + "\n")
        self._file.flush()

    def _take(self, line: str) -> None:
        try:
            record = json.loads(line)
            self._known[record["video"]] = Evidence.from_json(record)
        except (ValueError, KeyError, TypeError):
            pass  # a line that is not what was written: its video is measured again


def _whole_lines(path: Path) -> list[str]:
    """The lines of the file that were written to their end. Raises UsageError if it is no such file."""
    content = path.read_bytes() if path.exists() else b""
    try:
        *lines, rest = content.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise _begun_otherwise(path) from error
    start = f'{{"{_HEAD}": '
    if not lines and rest[: len(start)] != start[: len(rest)]:  # a head may be cut off too
        raise _begun_otherwise(path)
    return lines


def _begun_otherwise(path: Path) -> UsageError:
    return UsageError(f"{path} is the beginning of a calibration with other settings: remove it, or name another -o")
