"""`lvspec styles`: the prompts that can be named with --style."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lvspec_cli.cli.preset_record import check_format, whose
from lvspec_cli.errors import StyleError
from lvspec_cli.output.json_text import json_text
from lvspec_cli.output.sanitize import for_terminal, on_one_line
from lvspec_cli.style import load_style, style_files

if TYPE_CHECKING:
    from lvspec_cli.named_files import NamedFile

_WIDTH = 100  # characters a line of a prompt


def styles(
    format: Annotated[  # noqa: A002 - the name of the option
        str, typer.Option("--format", metavar="NAME", help="How to write the list: text or json.")
    ] = "text",
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """List the styles that can be named with --style: the built-in ones and your own.

    Your own are the .yaml files in the folder styles beside your config.toml; a built-in one is a good beginning.
    """
    check_format(format)
    files = style_files()
    if format == "json":
        typer.echo(json_text([_entry(file) for file in files], indent=2))
        return
    width = max((len(file.name) for file in files), default=0)
    for file in files:
        for line in _lines(file, width):
            typer.echo(for_terminal(on_one_line(line)))


def _entry(file: NamedFile) -> dict[str, Any]:
    """A style as JSON values; one that cannot be read does not hide the others."""
    about = {"name": file.name, "is_users": file.is_users, "hides_built_in": file.hides_built_in}
    try:
        style = load_style(file.path)
    except StyleError as error:
        return {**about, "path": str(file.path), "error": str(error)}
    given = {"description": style.description, "prompt": style.prompt, "system": style.system}
    return {**about, **given, "max_tokens": style.max_tokens, "path": str(style.path), "error": None}


def _lines(file: NamedFile, width: int) -> list[str]:
    """The style's name and description on one line, then what it says, further in."""
    start = f"{file.name:{width}}  "
    try:
        style = load_style(file.path)
    except StyleError as error:
        return [f"{start}cannot be used: {error}{whose(file)}"]
    said = [*wrap(style.prompt, _WIDTH), *(wrap(f"system: {style.system}", _WIDTH) if style.system else [])]
    limit = [] if style.max_tokens is None else [f"at most {style.max_tokens} tokens"]
    return [start + style.description.rstrip() + whose(file), *(f"    {line}" for line in [*said, *limit])]
