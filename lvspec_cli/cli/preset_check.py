"""`lvspec presets check`: whether a preset is right, as far as can be known without its weights."""

from __future__ import annotations

from typing import Annotated

import typer

from lvspec_cli.cli.preset_show import Name
from lvspec_cli.output.sanitize import for_terminal, on_one_line


def check(
    preset: Name,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Check a preset before it is used.

    Every key and value, the folders that it names, and whether its two models fit together.

    What is wrong is said with file, line and key, and the exit code is 2. Weights that are not here yet are no mistake.
    """
    from lvspec_cli.preset import load_preset

    chosen = load_preset(preset)
    from lvspec_cli.preset_check import check_preset

    notes = check_preset(chosen)
    for line in (f"{preset}: nothing is wrong with {chosen.path}", *(f"note: {note}" for note in notes)):
        typer.echo(for_terminal(on_one_line(line)))
