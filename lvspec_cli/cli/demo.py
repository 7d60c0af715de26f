"""`lvspec demo`: the commands around the embedded pair. `clip` is here: synthetic videos whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lvspec_cli.cli.demo_pair import evaluate, train
from lvspec_cli.cli.demo_screen import screen
from lvspec_cli.errors import UsageError

demo = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Synthetic clips, and the embedded pair that understands them."
)


LONGEST_SECONDS = 3600  # of a clip; it is all drawn for a look at the tool
Seconds = Annotated[
    float | None,
    typer.Option(
        "--seconds",
        metavar="S",
        help="So long, in scenes of 10 s with cuts between them; without it, one scene of 3 to 6 s.",
    ),
]


demo.command()(evaluate)
demo.command(no_args_is_help=True)(train)
demo.command(no_args_is_help=True)(screen)


@demo.command(no_args_is_help=True)
def clip(
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE.mp4", help="The video to write.")],
    seed: Annotated[int, typer.Option("--seed", metavar="S", min=0, help="The same seed gives the same clip.")] = 0,
    seconds: Seconds = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Draw a synthetic clip, and write what happens in it as JSON beside it."""
    _check_seconds(seconds)
    path = checked_output(output)
    from lvspec_cli.ui import say

    truth = _write(seed, seconds, path)
    say(f"wrote {path} and what happens in it as {truth}")


@demo.command(no_args_is_help=True)
def clips(
    output: Annotated[str, typer.Option("--output", "-o", metavar="FOLDER", help="Where the videos go.")],
    count: Annotated[int, typer.Option("--count", metavar="N", min=1, help="How many.")] = 10,
    seed: Annotated[int, typer.Option("--seed", metavar="S", min=0, help="Of the first clip.")] = 0,
    seconds: Seconds = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Draw synthetic clips of consecutive seeds into a folder, each with what happens in it as JSON beside it."""
    _check_seconds(seconds)
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"-o {output} cannot be a folder: {error.strerror}") from error
    from lvspec_cli.ui import say

    for each in range(seed, seed + count):
        _write(each, seconds, checked_output(str(folder / f"clip-{each:06d}.mp4")))
    say(f"wrote {count} clips to {folder}, and what happens in them as JSON beside them")


def _write(seed: int, seconds: float | None, path: Path) -> Path:
    from lvspec_cli.demo.clip import write_clip, write_long_clip

    return write_clip(seed, path) if seconds is None else write_long_clip(seed, seconds, path)


def _check_seconds(seconds: float | None) -> None:
    if seconds is not None and not 1 <= seconds <= LONGEST_SECONDS:
        raise UsageError(f"--seconds must be a number from 1 to {LONGEST_SECONDS}, not {seconds:g}")


def checked_output(output: str) -> Path:
    """The path of the clip; one that cannot be right raises UsageError before anything is drawn."""
    path = Path(output)
    if path.suffix.lower() != ".mp4":
        raise UsageError(f"-o {output} must end in .mp4: that is what is written")
    if path.is_dir():
        raise UsageError(f"-o {output} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise UsageError(f"-o {output} cannot be written: there is no folder {path.parent}")
    beside = path.with_suffix(".json")
    if beside.exists() and not _is_truth(beside):
        raise UsageError(f"-o {output} would overwrite {beside}, which is no truth of a clip: name another file")
    return path


def _is_truth(path: Path) -> bool:
    try:
        return str(json.loads(path.read_bytes())["schema"]).startswith("lvspec.clip/")
    except (OSError, ValueError, LookupError, TypeError):
        return False
