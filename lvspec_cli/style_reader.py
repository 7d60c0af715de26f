"""From the YAML of a style to a `Style`, with the line of everything that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from lvspec_cli.errors import StyleError
from lvspec_cli.preset_keys import SECTIONS, TOP, Kind, one_of
from lvspec_cli.style import SCHEMA, Style
from lvspec_cli.yaml_sections import Form, Section

KEYS: Mapping[str, Kind] = {
    "schema": replace(one_of(SCHEMA), missing=f"must be {SCHEMA}"),
    "name": TOP["name"],
    "description": TOP["description"],
    "prompt": replace(SECTIONS["prompts"]["caption"], missing="is missing: write what to ask of a video"),
    "system": SECTIONS["prompts"]["system"],
    "max_tokens": SECTIONS["generation"]["max_tokens"],
}
_FORM = Form("style", f"begin with schema: {SCHEMA} and a prompt", StyleError, KEYS, {})


def read_style(text: str, path: Path) -> Style:
    """The style in a file's ``text``. Raises StyleError, naming file, line, key and what was expected."""
    document = Section.of_document(text, path, _FORM)
    document.check_keys()
    document.value("schema")
    return Style(
        name=document.value("name") or path.stem,
        prompt=document.value("prompt"),
        path=path,
        description=document.value("description") or "",
        system=document.value("system"),
        max_tokens=document.value("max_tokens"),
    )
