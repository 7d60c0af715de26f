"""Files of results make way for others."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from lvspec_cli.errors import LvspecError
from lvspec_cli.output.formats import FORMATS


@contextmanager
def withdrawn(files: Iterable[Path]) -> Iterator[None]:
    """Take files of results away, as far as they are there, for others to come; they are back if the block fails.

    What no format is called is left alone, whoever says that it is a result. Raises LvspecError if one has to stay.
    """
    suffixes = {writer.suffix for writer in FORMATS.values()}
    aside: dict[Path, Path] = {}
    try:
        for path in dict.fromkeys(files):
            if path.suffix in suffixes and os.path.lexists(path):
                aside[path] = _set_aside(path)
        yield
    except Exception:
        # Not when the block is interrupted: it may have come to its end, and then these are not what it tells of.
        for path, place in aside.items():
            with suppress(OSError):
                place.replace(path)
        raise
    finally:
        for place in aside.values():
            with suppress(OSError):  # else it goes with what killed runs left
                place.unlink()


def _set_aside(path: Path) -> Path:
    """Give a file a name as `files.replace_file` gives them: what is left of a run that is killed is cleared."""
    place = path.with_name(f".lvspec-{token_hex(8)}{path.suffix}")
    try:
        if path.is_dir() and not path.is_symlink():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        path.replace(place)
    except OSError as error:
        raise LvspecError(f"{path} cannot be replaced: {error.strerror}; choose another place") from error
    return place
