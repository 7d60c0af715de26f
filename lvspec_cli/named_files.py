"""YAML files that are found by a name, as presets and styles are: built-in ones, the user's own, or any by its path."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lvspec_cli.errors import UsageError
from lvspec_cli.files import read_written


@dataclass(frozen=True)
class NamedFile:
    """A file that is found by its name."""

    name: str  # of the file, without .yaml
    path: Path
    is_users: bool  # from the user's own folder, not built in
    hides_built_in: bool  # whether a built-in one has the same name and is not found any more


@dataclass(frozen=True)
class Shelf:
    """All named files of one kind."""

    kind: str  # how messages call one: preset
    built_in: Path  # folder of the built-in ones
    users: Path  # folder of the user's own; it need not exist
    error: type[UsageError]  # what is raised where one cannot be found or read

    def files(self) -> tuple[NamedFile, ...]:
        """Every file that has a name, sorted by it.

        A user's own one goes before a built-in one of the same name, as a user's settings go before the preset's: so a
        calibrated pair keeps its name, and a name means the same after an update that brings a file of that name.
        """
        built_in, users = _in_folder(self.built_in), _in_folder(self.users)
        return tuple(
            NamedFile(name, path, name in users, name in users and name in built_in)
            for name, path in sorted((built_in | users).items())
        )

    def read(self, name_or_path: str | os.PathLike[str]) -> tuple[str, Path]:
        """The text of a file and its path. Raises the shelf's error if there is none, or if it cannot be read."""
        path = self._find(os.fspath(name_or_path))
        try:
            return read_written(path), path
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise self.error(f"cannot read the {self.kind} {path}: {reason}; give the path of a YAML file") from error

    def _find(self, name_or_path: str) -> Path:
        if Path(name_or_path).suffix in (".yaml", ".yml") or os.sep in name_or_path:
            path = Path(os.path.expanduser(name_or_path))
            if not path.is_file():
                raise self.error(f"there is no {self.kind} file {name_or_path}: check the path")
            return path.resolve()
        known = {file.name: file.path for file in self.files()}
        if name_or_path in known:
            return known[name_or_path]
        names = ", ".join(known) or f"none (no {self.kind} is installed)"
        raise self.error(
            f"there is no {self.kind} {name_or_path!r}{nearest(name_or_path, known)}: "
            f"choose one of {names}, or give the path of a .yaml file"
        )


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint for a misspelt word: `` (did you mean X?)``, or nothing if none is near."""
    matches = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {matches[0]}?)" if matches else ""


def _in_folder(folder: Path) -> dict[str, Path]:
    """The files in a folder by name; hidden ones are those that are just being written."""
    return {path.stem: path for path in folder.glob("[!.]*.yaml")}
