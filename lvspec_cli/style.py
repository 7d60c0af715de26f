"""Styles: prompts that are kept under a name, each with what belongs to it. Finding and reading their YAML files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lvspec_cli.errors import StyleError
from lvspec_cli.named_files import NamedFile, Shelf
from lvspec_cli.preset import built_in_folder

SCHEMA = "lvspec.style/1"


@dataclass(frozen=True)
class Style:
    """What to ask of every video, so that captions come out in one manner."""

    name: str
    prompt: str
    path: Path  # the file it was read from
    description: str = ""
    system: str | None = None  # said to the model before the prompt; None: whatever else decides
    max_tokens: int | None = None  # longest caption, in tokens; None: whatever else decides

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that the style decides, by their keys."""
        values = {"prompt": self.prompt, "system": self.system, "max_tokens": self.max_tokens}
        return {key: value for key, value in values.items() if value is not None}


def load_style(name_or_path: str | os.PathLike[str]) -> Style:
    """Read a style: one of the user's or a built-in one by its name, or any by the path of its .yaml file.

    Raises StyleError if there is none, or if something in it is wrong: the message names file, line, key and what was
    expected.
    """
    from lvspec_cli.style_reader import read_style

    return read_style(*_shelf().read(name_or_path))


def style_files() -> tuple[NamedFile, ...]:
    """Every style that has a name, sorted by it."""
    return _shelf().files()


def list_styles() -> tuple[str, ...]:
    """The names of the styles that are built in and of the user's own, sorted."""
    return tuple(file.name for file in style_files())


def user_styles_folder() -> Path:
    """Where the user's own styles are; it need not exist."""
    from lvspec_cli.files import user_folder

    return user_folder() / "styles"


def _shelf() -> Shelf:
    return Shelf("style", built_in_folder() / "styles", user_styles_folder(), StyleError)
