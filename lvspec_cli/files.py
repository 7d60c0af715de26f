"""Files of results, there whole or not at all; files that people write, read as far as they are; the user's folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from lvspec_cli.errors import LvspecError, UsageError

# Of a preset, a style or a file of settings, in bytes. The largest that is built in has 3 KiB; one of 256 KiB would
# already ask more than a model can take, and reading it takes seconds.
LARGEST_WRITTEN = 256 * 1024


def is_no_file(path: str | Path) -> bool:
    """Whether a device or a pipe is there, which is written directly and never replaced, or a folder.

    That it is a folder, whoever opens it is told.
    """
    return os.path.exists(path) and not os.path.isfile(path)


def is_one_of(path: str, others: Iterable[str]) -> bool:
    """Whether a path is one of many others, by the folder where it really is and its name there.

    The disk is asked once for each folder of the others, and not for each of them. So another that is itself a link, or
    a second name (hard link) of the file, is not seen to be the same; whoever writes through a link resolves it before.
    """
    return bool(those_among([path], others))


def those_among(paths: Sequence[str], others: Iterable[str]) -> list[str]:
    """Those of the paths that are among the others, as `is_one_of` tells of one."""
    folders: dict[str, str] = {}  # as it is written -> where it really is; no longer than this call, for folders move

    def place(path: str) -> tuple[str, str]:
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        return folders[folder], name

    names = {*map(os.path.basename, paths)}
    taken = {place(other) for other in others if os.path.basename(other) in names}
    return [path for path in paths if place(path) in taken] if taken else []


def check_output(flag: str, output: str) -> Path:
    """The path of a file that can probably be written; raises UsageError that names the flag if it cannot."""
    if not output:
        raise UsageError(f"{flag} is empty: is a variable unset?")
    path = Path(output)
    if path.is_dir() or output.endswith(("/", os.sep)):
        raise UsageError(f"{flag} {output} is a folder: name a file in it")
    if is_no_file(path):
        return path
    if not path.parent.is_dir():
        raise UsageError(f"{flag} {output} cannot be written: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK | os.X_OK):  # the folder, not the file: that is replaced as a whole
        raise UsageError(f"{flag} {output} cannot be written: the folder {path.parent} is not yours to write in")
    return path


def replace_text(path: Path, text: str, *, follow_link: bool = True) -> None:
    """Write a text file as `replace_file` does. Raises LvspecError."""

    def write(beside: Path) -> None:
        beside.write_text(text, encoding="utf-8", errors="surrogateescape")

    replace_file(path, write, follow_link=follow_link)


def replace_file(path: Path, write: Callable[[Path], object], *, follow_link: bool = True) -> None:
    """Let ``write`` make a file beside the path, then put it in its place. Raises LvspecError.

    Its content is on the disk before it has its name: after a power failure, no file that is there is empty. A link
    stays a link: what it points at is replaced; without ``follow_link`` the link itself is. Devices and pipes are
    written directly.
    """
    if is_no_file(path):
        _write_directly(path, write)
        return
    place = Path(os.path.realpath(path)) if follow_link else path
    # By chance, for others may write here too, from other machines; and short, for the path's name may be long.
    beside = place.with_name(f".lvspec-{token_hex(8)}{place.suffix}")
    try:
        write(beside)
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        beside.replace(place)
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        beside.unlink(missing_ok=True)


def absolute(path: str) -> str:
    """`os.path.abspath`, but ``..`` behind a link to a folder is the folder above the one that it leads to."""
    parts = Path(path).parts
    if os.pardir not in parts:
        return os.path.abspath(path)
    place = os.getcwd()
    for part in parts:
        if part == os.pardir:
            place = os.path.dirname(os.path.realpath(place) if os.path.islink(place) else place)
        else:
            place = os.path.join(place, part)
    return place


def append_whole(file: BinaryIO, data: bytes, *, sync: bool = False) -> None:
    """Append to a file without a buffer, as a whole or not at all, also on a disk that is full. Raises OSError.

    ``sync``: whether the data is to be on the disk at the end.
    """
    whole = file.seek(0, os.SEEK_END)
    try:
        left = memoryview(data)
        while left:  # a disk takes what it has room for, and says only then that it is full
            left = left[file.write(left) or 0 :]
        if sync:
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):  # needs no room
            file.truncate(whole)
        raise


def in_place(file: BinaryIO, path: Path) -> bool:
    """Whether an open file still has its name: it may have been moved or removed, and so may a folder above it.

    Raises OSError if that cannot be known.
    """
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):  # the last: another machine removed it
            return False
        raise


def _write_directly(path: Path, write: Callable[[Path], object]) -> None:
    try:
        write(path)
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> LvspecError:
    return LvspecError(f"{path} cannot be written: {error.strerror}; choose another place")


def read_written(path: Path) -> str:
    """The text of a file that a person writes. Raises OSError, also if it is too large, and UnicodeDecodeError."""
    with open(path, "rb") as file:
        content = file.read(LARGEST_WRITTEN + 1)  # of a device there may be no end
    if len(content) > LARGEST_WRITTEN:
        raise OSError(errno.EFBIG, f"it is larger than {LARGEST_WRITTEN // 1024} KiB", str(path))
    return content.decode("utf-8")


def user_folder() -> Path:
    """The folder of the user's own configuration and presets, wherever this system keeps such files."""
    from platformdirs import user_config_path

    return user_config_path("lvspec", appauthor=False)
