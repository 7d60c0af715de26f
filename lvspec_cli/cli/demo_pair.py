"""`lvspec demo evaluate` and `lvspec demo train`: how good the embedded pair is, and how it was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from lvspec_cli.errors import UsageError
from lvspec_cli.preset import ROLES


def evaluate(
    clips: Annotated[int, typer.Option("--clips", metavar="N", min=1, help="Held-out clips to describe.")] = 200,
    seed: Annotated[int, typer.Option("--seed", metavar="S", min=0, help="Seed of the first clip.")] = 1000,
    preset: Annotated[str, typer.Option("--preset", metavar="NAME|FILE", help="A pair for synthetic clips.")] = "demo",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Score the captions and answers of a pair against the truth of synthetic clips; JSON on stdout."""
    from lvspec_cli.preset import load_preset

    chosen = load_preset(preset)
    from lvspec_cli.demo.evaluation import evaluate_pair
    from lvspec_cli.ui import say

    def progress(line: str) -> None:
        if not quiet and line.split()[1].endswith(("0", "5")):
            say(line)

    typer.echo(json.dumps(evaluate_pair(chosen, range(seed, seed + clips), progress), indent=2))


def train(
    role: Annotated[str, typer.Argument(metavar="target|draft", help="Which of the two models.")],
    run: Annotated[Path, typer.Option("--run", metavar="FOLDER", help="Folder of log, checkpoint and model.")],
    processes: Annotated[int, typer.Option("--processes", metavar="N", min=1, help="One thread each.")] = 2,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Fuse the forward: a fifth faster, needs a C++ compiler.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Train a model of the embedded pair from nothing; the same command goes on with an interrupted run."""
    if role not in ROLES:
        raise UsageError(f"{role!r} is not a model of the pair: choose {' or '.join(ROLES)}")
    from lvspec_cli.demo.training import train_model
    from lvspec_cli.ui import say

    folder = train_model(role, run, processes, compiled=compiled)
    say(f"wrote the model to {folder}")
