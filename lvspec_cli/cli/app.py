"""The commands of `lvspec`, one file each."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import typer

from lvspec_cli import __version__
from lvspec_cli.cli.ask import ask
from lvspec_cli.cli.bench import bench
from lvspec_cli.cli.calibrate import calibrate
from lvspec_cli.cli.caption import caption
from lvspec_cli.cli.demo import demo
from lvspec_cli.cli.doctor import doctor
from lvspec_cli.cli.help import GroupedCommand
from lvspec_cli.cli.merge import merge
from lvspec_cli.cli.presets import presets
from lvspec_cli.cli.pull import pull
from lvspec_cli.cli.report import report
from lvspec_cli.cli.status import status
from lvspec_cli.cli.styles import styles

app = typer.Typer(
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Exit codes: 0 done, 1 some input failed, 2 wrong usage or configuration, 130 interrupted, 143 terminated.",
)
app.command(cls=GroupedCommand)(caption)
app.command(cls=GroupedCommand)(ask)
app.command(no_args_is_help=True)(status)
app.command(no_args_is_help=True)(merge)
app.command(no_args_is_help=True)(pull)
app.command()(doctor)
app.command(no_args_is_help=True)(calibrate)
app.command(cls=GroupedCommand)(bench)
app.command(no_args_is_help=True)(report)
app.add_typer(presets, name="presets")
app.command()(styles)
app.add_typer(demo, name="demo")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lvspec {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def lvspec(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Caption videos and answer questions about them: a small model proposes, a large one checks."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


@cache
def command() -> Callable[..., Any]:
    """All of them as one. It is made once, however often a process runs it: that takes longer than most commands do."""
    return typer.main.get_command(app)
