"""Fetching models from the hub: what is missing and how large it is, and then file by file.

Files come one after another, in the thread of the caller, so that Ctrl-C ends a download at once: the library's own
download of whole snapshots waits for the files under way. What is finished stays, and the same call goes on from there.
Within a file, the library takes up a connection that broke, but it keeps no part of a file beyond its process.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvspec_cli.errors import LvspecError, ModelError
from lvspec_cli.models.checkpoint import first_line
from lvspec_cli.models.disk import free_bytes, size_text
from lvspec_cli.models.weights_on_disk import files_in, folder_of, is_used, lacking, repository_of
from lvspec_cli.preset import ModelSpec

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

_AGAIN = "the same command goes on from here"


@dataclass(frozen=True)
class RemoteFile:
    """A file of a model on the hub."""

    name: str
    bytes: int
    here: bool  # whether the cache has its content, perhaps of another revision


@dataclass(frozen=True)
class Download:
    """What is to be had of a model on the hub."""

    spec: ModelSpec
    cache: Path
    commit: str  # that the revision stands for
    files: tuple[RemoteFile, ...]  # those that loading reads, and licences

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.bytes for file in self.files)

    @property
    def missing(self) -> tuple[RemoteFile, ...]:
        """The files that are to be fetched."""
        return tuple(file for file in self.files if not file.here)

    @property
    def missing_bytes(self) -> int:
        """Of the files that are to be fetched."""
        return sum(file.bytes for file in self.missing)


def plan_download(spec: ModelSpec, cache: Path) -> Download:
    """Ask the hub, in one request, what there is of a model. Raises ModelError if lvspec cannot have or load it."""
    from huggingface_hub import HfApi, constants

    timeout = constants.HF_HUB_ETAG_TIMEOUT
    with _explained(spec):
        info = HfApi().model_info(spec.model, revision=spec.revision, files_metadata=True, timeout=timeout)
        repository, commit = repository_of(spec, cache), str(info.sha)
        used = [entry for entry in info.siblings or () if is_used(entry.rfilename)]
        files = tuple(_remote_file(entry, repository, commit) for entry in used)
    _check_loadable(spec, lacking({file.name for file in files}))
    return Download(spec, cache, commit, files)


def check_room(downloads: Sequence[Download], cache: Path) -> None:
    """Raise LvspecError if the disk of the cache is too small for what is to be fetched."""
    needed, free = sum(download.missing_bytes for download in downloads), free_bytes(cache)
    if needed > free:
        raise LvspecError(
            f"the disk of {cache} has {size_text(free)} free, but {size_text(needed)} are to be fetched: make room, or "
            "name a folder on another disk with --cache-dir"
        )


def fetch(download: Download, begin: Callable[[int, RemoteFile], None], *, bars: bool) -> None:
    """Fetch a model's files.

    ``begin`` hears of each file that is fetched, with its place among them, from 1. ``bars``: let the library draw
    progress on stderr, a bar that is gone when its file is there. Raises ModelError if a file cannot be fetched, or if
    the model lacks one that it needs.
    """
    from huggingface_hub import hf_hub_download

    spec, place, transient = download.spec, 0, _transient_bar()
    with _quiet_library(bars), _explained(spec):
        for file in download.files:
            if not file.here:
                place += 1
                begin(place, file)
            # A file that is here under another revision is linked.
            hf_hub_download(
                spec.model, file.name, revision=spec.revision, cache_dir=download.cache, tqdm_class=transient
            )
    _check_loadable(spec, files_in(folder_of(spec, download.cache)).missing)


def _check_loadable(spec: ModelSpec, missing: Sequence[str]) -> None:
    if missing:
        raise ModelError(
            f"{spec.model} has no {missing[0]} on the hub, so lvspec cannot load it: choose another model or revision"
        )


def _remote_file(entry: RepoSibling, repository: Path, commit: str) -> RemoteFile:
    # The cache names contents as the hub does: by SHA-256 where it holds them in LFS, else by git's hash.
    blob = repository / "blobs" / (entry.lfs.sha256 if entry.lfs else str(entry.blob_id))
    here = blob.is_file() or (repository / "snapshots" / commit / entry.rfilename).is_file()
    return RemoteFile(entry.rfilename, entry.size or 0, here)


def _transient_bar() -> Any:
    """The library's progress bar, which would stay on the terminal, as one that does not."""
    from huggingface_hub.utils.tqdm import tqdm

    class TransientBar(tqdm):
        def __init__(self, *values: Any, **options: Any) -> None:
            super().__init__(*values, **options | {"leave": False})  # type: ignore[no-untyped-call]

    return TransientBar


@contextmanager
def _quiet_library(bars: bool) -> Iterator[None]:
    from huggingface_hub.utils import logging as library_logging
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    drew, verbosity = not are_progress_bars_disabled(), library_logging.get_verbosity()
    library_logging.set_verbosity(logging.ERROR)
    (enable_progress_bars if bars else disable_progress_bars)()
    try:
        yield
    finally:
        (enable_progress_bars if drew else disable_progress_bars)()
        library_logging.set_verbosity(verbosity)


@contextmanager
def _explained(spec: ModelSpec) -> Iterator[None]:
    """Turn whatever goes wrong between here and the hub into ModelError."""
    try:
        yield
    except Exception as error:  # the library's, its HTTP client's and the system's have no common type
        raise ModelError(_explanation(error, spec)) from error


def _explanation(error: Exception, spec: ModelSpec) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RevisionNotFoundError,
    )

    name = spec.model
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # what kept the library from the hub
    if isinstance(error, HFValidationError):
        return f"{name} is not the name of a model on the hub: write organisation/name, or the path of a folder"
    if isinstance(error, GatedRepoError):
        return f"{name} is gated: accept its licence at {constants.ENDPOINT}/{name} and log in with `hf auth login`"
    if isinstance(error, RevisionNotFoundError):
        return f"{name} has no revision {spec.revision} on the hub: correct it in the preset"
    if isinstance(error, HfHubHTTPError):
        return _refusal(error.response.status_code, name)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"the disk became full while {name} was fetched: make room; {_AGAIN}"
    if isinstance(error, PermissionError):
        return f"{name} cannot be written to the cache ({first_line(error)}): name a folder of yours with --cache-dir"
    return f"cannot fetch {name} from {constants.ENDPOINT} ({first_line(error)}): check the network; {_AGAIN}"


def _refusal(status: int, name: str) -> str:
    if status in (401, 404):
        return f"the hub has no {name} that you may read: correct the preset, or log in with `hf auth login`"
    if status == 403:
        return f"the hub does not let you read {name}: log in with a token that may, with `hf auth login`"
    return f"the hub answers {status} for {name}: wait a little; {_AGAIN}"
