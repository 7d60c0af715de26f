"""`lvspec presets new`: a preset of one's own to begin with, every key explained."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from lvspec_cli.errors import UsageError
from lvspec_cli.files import check_output, replace_text

if TYPE_CHECKING:
    from lvspec_cli.preset import ModelSpec, Preset

_EXAMPLE = "qwen3-vl-8b"
_NAME = re.compile(r"\w[\w.-]*", re.ASCII)


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it with --preset.", show_default=False)],
    target: Annotated[
        str | None, typer.Option("--target", metavar="ID|FOLDER", help="The large model; drops what suits another one.")
    ] = None,
    draft: Annotated[
        str | None, typer.Option("--draft", metavar="ID|FOLDER", help="The small model; drops what suits another one.")
    ] = None,
    base: Annotated[str, typer.Option("--from", metavar="NAME|FILE", help="The preset to begin with.")] = _EXAMPLE,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE.yaml", help="Write there, not to your presets.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a preset of that name.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Begin a preset of your own.

    It is written into your folder for presets, with every key and what it means, to be edited.
    """
    from lvspec_cli.preset import list_presets, load_preset
    from lvspec_cli.preset_writer import preset_text
    from lvspec_cli.ui import say

    _check_name(name)
    path = _own_path(name) if output is None else _checked_output(output)
    if path.exists() and not force:
        raise UsageError(f"{path} is there already: choose another name, or overwrite it with --force")
    hidden = output is None and name in list_presets() and not path.exists()
    text = preset_text(_starter(load_preset(base), name, target, draft, path))
    if output is None:
        _make_folder(path.parent)
    replace_text(path, text)
    if hidden:
        say(f"from now on --preset {name} means this preset and not the built-in one")
    called = name if output is None else quote(str(path))
    say(f"wrote {path}: edit it, and check it with `lvspec presets check {called}`")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be the name of a preset: take letters, digits, dots, hyphens, underscores")
    if name == "auto" or name.endswith((".yaml", ".yml")):
        raise UsageError(f"--preset {name} means something else than a preset of that name: choose another one")


def _own_path(name: str) -> Path:
    from lvspec_cli.preset import user_presets_folder

    return user_presets_folder() / f"{name}.yaml"


def _checked_output(output: str) -> Path:
    if Path(output).suffix not in (".yaml", ".yml"):
        raise UsageError(f"-o {output} must end in .yaml: that is what is written")
    return check_output("-o", output)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be made: {error.strerror}; choose a file with -o") from error


def _starter(base: Preset, name: str, target: str | None, draft: str | None, path: Path) -> Preset:
    """The preset to begin with; with another model, what suits the old pair and need not suit the new one is left."""
    if target is None and draft is None:
        return replace(base, name=name, path=path)
    from lvspec_cli.preset import Preset

    models = (base.target if target is None else _model(target), base.draft if draft is None else _model(draft))
    pair = Preset(name, *models, path=path)
    if target is not None:
        return pair
    return replace(pair, frames=base.frames, generation=base.generation, prompts=base.prompts)


def _model(written: str) -> ModelSpec:
    """A model as named on a command line: a folder counts from where the command runs."""
    from lvspec_cli.preset import ModelSpec
    from lvspec_cli.preset_reader import locate_model

    if not written.strip():
        raise UsageError("the name of a model is empty: give a hub id or a folder")
    return ModelSpec(*locate_model(written.strip(), Path.cwd()))
