"""`lvspec presets`: the commands around presets. `list` and `schema` are here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lvspec_cli.cli.preset_check import check
from lvspec_cli.cli.preset_new import new
from lvspec_cli.cli.preset_record import check_format, pair_name, preset_record, whose
from lvspec_cli.cli.preset_show import show
from lvspec_cli.errors import PresetError, UsageError
from lvspec_cli.output.json_text import json_text
from lvspec_cli.output.sanitize import for_terminal, on_one_line

if TYPE_CHECKING:
    from lvspec_cli.named_files import NamedFile

presets = typer.Typer(
    rich_markup_mode=None,
    help="The pairs of models that can be named with --preset; without a command, list them.",
)
presets.command()(show)
presets.command()(check)
presets.command(no_args_is_help=True)(new)

_FormatOption = typer.Option("--format", metavar="NAME", help="How to write the list: text or json.")
_Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


@presets.callback(invoke_without_command=True)
def group(
    context: typer.Context,
    format: Annotated[str | None, _FormatOption] = None,  # noqa: A002 - the name of the option
    debug: _Debug = False,
) -> None:
    """Without a command, do as `list` does."""
    if context.invoked_subcommand is None:
        list_all("text" if format is None else format)
    elif format is not None:
        raise UsageError(f"--format goes behind the command: lvspec presets {context.invoked_subcommand} --format ...")


@presets.command("list")
def list_all(
    format: Annotated[str, _FormatOption] = "text",  # noqa: A002 - the name of the option
    debug: _Debug = False,
) -> None:
    """List all presets: the built-in ones and your own.

    Your own are the .yaml files in the folder presets beside your config.toml; `lvspec presets new` writes one.
    """
    check_format(format)
    from lvspec_cli.preset import preset_files

    files = preset_files()
    if format == "json":
        typer.echo(json_text([_entry(file) for file in files], indent=2))
        return
    width = max((len(file.name) for file in files), default=0)
    for file in files:
        typer.echo(for_terminal(on_one_line(f"{file.name:{width}}  {_line(file)}")))


@presets.command()
def schema(debug: _Debug = False) -> None:
    """Print the JSON Schema of presets, for editors."""
    from lvspec_cli.preset_schema import preset_schema

    typer.echo(json_text(preset_schema(), indent=2))


def _entry(file: NamedFile) -> dict[str, Any]:
    """A preset as JSON values; one that cannot be read does not hide the others."""
    from lvspec_cli.preset import load_preset

    about = {"name": file.name, "is_users": file.is_users, "hides_built_in": file.hides_built_in}
    try:
        return {**preset_record(load_preset(file.path)), **about, "error": None}
    except PresetError as error:
        return {**about, "path": str(file.path), "error": str(error)}


def _line(file: NamedFile) -> str:
    from lvspec_cli.preset import load_preset

    try:
        preset = load_preset(file.path)
    except PresetError as error:
        return f"cannot be used: {error}{whose(file)}"
    return f"{pair_name(preset)}  {preset.description}".rstrip() + whose(file)
