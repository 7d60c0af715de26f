"""`lvspec pull`: the weights of a preset, from the hub onto this machine."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lvspec_cli.cli.offline import Offline, settle_offline
from lvspec_cli.errors import UsageError
from lvspec_cli.models.disk import free_bytes, size_text
from lvspec_cli.models.weights_on_disk import cache_folder, check_weights, files_in, folder_of
from lvspec_cli.preset import ROLES, list_presets, load_preset

if TYPE_CHECKING:
    from lvspec_cli.models.download import Download, RemoteFile
    from lvspec_cli.preset import ModelSpec, Preset

_Preset = Annotated[
    str,
    typer.Argument(
        metavar="PRESET", help="A preset: its name, or a YAML file.", autocompletion=lambda: list(list_presets())
    ),
]
_Role = Annotated[str | None, typer.Option("--role", metavar="|".join(ROLES), help="Only this one of the two models.")]
_Cache = Annotated[
    str | None,
    typer.Option(
        "--cache-dir", metavar="FOLDER", help="Where to put the files, instead of the cache of Hugging Face's tools."
    ),
]


def pull(
    preset: _Preset,
    role: _Role = None,
    cache_dir: _Cache = None,
    offline: Offline = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Download the models of a preset from the Hugging Face hub, at the revisions that it names.

    Only what loading reads is fetched, weights as safetensors alone. The same command goes on with an interrupted
    download, file by file.
    """
    if role is not None and role not in ROLES:
        raise UsageError(f"--role must be {' or '.join(ROLES)}, not {role!r}")
    forbidden = settle_offline(offline)
    chosen = load_preset(preset)
    cache = _cache(cache_dir)
    pulled = _Pull(chosen, cache, quiet)
    missing = pulled.missing(ROLES if role is None else (role,))
    if missing and forbidden:
        raise UsageError("a download needs the network: leave out --offline, and unset LVSPEC_OFFLINE, HF_HUB_OFFLINE")
    pulled.fetch(missing)
    if missing and cache_dir is not None:
        pulled.say(f"set HF_HUB_CACHE={cache} for the commands that are to find it there")


def _cache(given: str | None) -> Path:
    if given is None:
        return cache_folder()
    folder = Path(given).expanduser().resolve()
    if os.path.lexists(folder) and not folder.is_dir():
        raise UsageError(f"--cache-dir {given} is no folder: name one, which need not exist yet")
    return folder


class _Pull:
    """What becomes of one preset, told in lines on stderr."""

    def __init__(self, preset: Preset, cache: Path, quiet: bool) -> None:
        self._preset = preset
        self._cache = cache
        self._quiet = quiet
        self._bars = not quiet and sys.stderr.isatty()

    def say(self, message: str) -> None:
        """Say it, unless all is to be quiet."""
        from lvspec_cli.ui import say

        if not self._quiet:
            say(message)

    def missing(self, roles: tuple[str, ...]) -> dict[str, ModelSpec]:
        """Of these roles, the models that are not whole on this machine; says of the others where they are.

        Raises WeightsMissing for a model that is a folder and not whole: no download would help it.
        """
        found = {}
        for role in roles:
            spec: ModelSpec = getattr(self._preset, role)
            folder = folder_of(spec, self._cache)
            if spec.is_local:
                check_weights(self._preset, (role,))
                self.say(f"nothing to pull: the {role} is the folder {folder}")
            elif files_in(folder).missing:
                found[role] = spec
            else:
                self.say(f"nothing to pull: the {role} {spec.model} is complete in {folder}")
        return found

    def fetch(self, missing: dict[str, ModelSpec]) -> None:
        """Fetch these models, once it is known that all of them can be had and that there is room."""
        from lvspec_cli.models.download import check_room, fetch, plan_download

        models: dict[tuple[str, str | None], tuple[str, ModelSpec]] = {}
        for role, spec in missing.items():  # a pair may be one model twice, the draft in fewer bits
            models.setdefault((spec.model, spec.revision), (role, spec))
        downloads = [(role, plan_download(spec, self._cache)) for role, spec in models.values()]
        for role, download in downloads:
            self._announce(role, download)
        check_room([download for _, download in downloads], self._cache)
        for role, download in downloads:
            fetch(download, partial(self._begin, len(download.missing)), bars=self._bars)
            self.say(f"the {role} {download.spec.model} is complete in {folder_of(download.spec, self._cache)}")

    def _announce(self, role: str, download: Download) -> None:
        self.say(
            f"pulling the {role} {download.spec.model} at {download.commit[:12]}: {len(download.files)} files, "
            f"{size_text(download.bytes)}, {size_text(download.missing_bytes)} of them not here yet; "
            f"{size_text(free_bytes(self._cache))} free in {self._cache}"
        )

    def _begin(self, last: int, place: int, file: RemoteFile) -> None:
        self.say(f"{place} of {last}: {file.name}, {size_text(file.bytes)}")
