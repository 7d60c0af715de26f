"""Which files of a model are on this machine and which are missing: told by looking, without the hub and its library.

A model of the hub lies in the cache that all of Hugging Face's tools share, laid out as
https://huggingface.co/docs/huggingface_hub/guides/manage-cache describes:
``models--ORGANISATION--NAME/snapshots/COMMIT/FILE``, with ``refs/BRANCH`` naming the commit a branch was last seen at.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from lvspec_cli.errors import WeightsMissing
from lvspec_cli.preset import ROLES, ModelSpec, Preset, list_presets, load_preset

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
# Any one of a line will do: releases of transformers wrote the same under different names.
_NEEDED = (
    (("config.json",),),
    ((WEIGHTS,), (INDEX,)),
    (("tokenizer.json",), ("vocab.json", "merges.txt")),
    (("preprocessor_config.json",), ("processor_config.json",)),
    (("chat_template.jinja",), ("chat_template.json",)),
)
_USED = {
    *(name for choices in _NEEDED for choice in choices for name in choice),
    "generation_config.json",
    "video_preprocessor_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
}


@dataclass(frozen=True)
class FilesOnDisk:
    """What of a model is on this machine."""

    present: tuple[Path, ...]  # files that loading reads, and licences; sorted
    missing: tuple[str, ...]  # names of files without which the model cannot be loaded
    bytes: int  # of the present files


def files_of(spec: ModelSpec) -> FilesOnDisk:
    """The files of a model, in its folder or in the cache of the hub."""
    return files_in(folder_of(spec))


def files_in(folder: Path) -> FilesOnDisk:
    """The files of the model in a folder, which need not exist."""
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    present = tuple(path for path in found if is_used(path.name) and path.is_file())
    names = {path.name for path in present}
    missing = (*lacking(names), *_missing_shards(folder, names))
    return FilesOnDisk(present, missing, sum(path.stat().st_size for path in present))


def folder_of(spec: ModelSpec, cache: Path | None = None) -> Path:
    """The folder of a model's files, whether it exists or not; ``cache``: another one than the hub's own."""
    if spec.is_local:
        return Path(spec.model)
    repository = repository_of(spec, cache or cache_folder())
    revision = spec.revision or "main"
    reference = repository / "refs" / revision
    commit = reference.read_text(encoding="utf-8").strip() if reference.is_file() else revision
    return repository / "snapshots" / commit


def repository_of(spec: ModelSpec, cache: Path) -> Path:
    """Where a cache keeps all revisions of a model of the hub."""
    return cache / f"models--{spec.model.replace('/', '--')}"


def cache_folder() -> Path:
    """The cache of the hub: HF_HUB_CACHE, or the folder hub below HF_HOME."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def is_used(name: str) -> bool:
    """Whether a file of this name, at the top of a model's folder, is one that loading reads, or a licence.

    Never pickles, other formats of weights, or code.
    """
    return "/" not in name and (name in _USED or name.endswith(".safetensors") or name.startswith("LICENSE"))


def lacking(names: Set[str]) -> tuple[str, ...]:
    """What a model of files with these names lacks to be loaded, but for the parts of weights that its index lists."""
    lacks: list[str] = []
    for choices in _NEEDED:
        absent = [tuple(name for name in choice if name not in names) for choice in choices]
        lacks.extend(() if () in absent else absent[0])
    return tuple(lacks)


def check_weights(preset: Preset, roles: Sequence[str] = ROLES) -> None:
    """Raise WeightsMissing, with the command that fetches them, unless a pair's files are all on this machine."""
    for role in roles:
        spec: ModelSpec = getattr(preset, role)
        if missing := files_of(spec).missing:
            raise WeightsMissing(_complaint(spec, role, missing, preset))


def pull_command(preset: Preset) -> str:
    """The command that fetches a preset's models, with the preset named as its user names it."""
    built_in = preset.name in list_presets() and load_preset(preset.name).path == preset.path
    return f"lvspec pull {preset.name if built_in else shlex.quote(str(preset.path))}"


def fetching_advice(preset: Preset, roles: Sequence[str]) -> str:
    """What to do so that the files of these roles are here."""
    local = all(getattr(preset, role).is_local for role in roles)
    return "put them where the preset says" if local else f"run `{pull_command(preset)}`"


def _complaint(spec: ModelSpec, role: str, missing: Sequence[str], preset: Preset) -> str:
    first, more = missing[0], len(missing) - 1
    named = f"{first} and {more} more" if more else first
    gone = first == "config.json"
    if not spec.is_local:
        state = f"not on this machine ({first}, ...)" if gone else f"on this machine but lacks {named}"
        return f"the {role} {spec.model} is {state}: run `{pull_command(preset)}`"
    if not Path(spec.model).is_dir():
        return f"the folder {spec.model} of the {role} does not exist: put the model there or correct the preset"
    if gone:
        return f"the folder {spec.model} of the {role} has no config.json: it is not a model folder"
    return f"the folder {spec.model} of the {role} lacks {named}: put it there (of weights, only safetensors are read)"


def _missing_shards(folder: Path, names: Set[str]) -> tuple[str, ...]:
    """The parts of the weights that are not among the names; the index, if it cannot be read, since it lists them."""
    if INDEX not in names or WEIGHTS in names:  # transformers prefers weights in one file
        return ()
    try:
        shards = set(json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values())
        return tuple(sorted(shards - names))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return (INDEX,)
