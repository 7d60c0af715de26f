"""`lvspec calibrate`: fits a preset's looseness to its pair, on videos without any labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lvspec_cli.cli.offline import Offline, settle_offline
from lvspec_cli.errors import UsageError
from lvspec_cli.files import check_output
from lvspec_cli.models.weights_on_disk import check_weights


def calibrate(
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE.yaml", help="The preset to write.")],
    videos: Annotated[list[str] | None, typer.Argument(metavar="VIDEO", show_default=False)] = None,
    preset: Annotated[str, typer.Option("--preset", metavar="NAME|FILE", help="The pair to calibrate.")] = "demo",
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Take the videos in the given folders.")] = False,
    from_file: Annotated[
        str | None, typer.Option("--from-file", metavar="LIST|-", help="Take paths from this file, one a line.")
    ] = None,
    null: Annotated[bool, typer.Option("--null", "-0", help="Paths in LIST end with NUL.")] = False,
    offline: Offline = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Measure a pair on unlabelled videos, and write a preset with the signal, threshold and draft length that suit it.

    Some dozens of videos like those to be captioned are enough. The same command goes on with an interrupted run.
    """
    from lvspec_cli.batch.inputs import gather_inputs
    from lvspec_cli.preset import load_preset

    settle_offline(offline)
    path = checked_output(output)
    inputs = gather_inputs(videos or [], recursive=recursive, from_file=from_file, null=null)
    chosen = load_preset(preset)
    check_weights(chosen)
    from lvspec_cli.calibration.command import calibrate_preset
    from lvspec_cli.ui import say

    def progress(line: str) -> None:
        if not quiet:
            say(line)

    for change in calibrate_preset(chosen, inputs.paths, path, progress):
        say(change)
    say(f"wrote {path}: use it with --preset {path}")


def checked_output(output: str) -> Path:
    """The path of the preset; one that cannot be right raises UsageError before anything is measured."""
    path = Path(output)
    if path.suffix not in (".yaml", ".yml"):
        raise UsageError(f"-o {output} must end in .yaml: that is what is written")
    return check_output("-o", output)
