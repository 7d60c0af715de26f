"""How long `lvspec --help` takes, and that it does not import torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median

from lvspec_cli.bench.comparison import timed
from lvspec_cli.bench.report import Goal, Line, Subject

RUNS = 9
HELP_SECONDS = Goal("under", 0.3)
NO_MODULE = Goal("at most", 0)


def startup_subject(runs: int = RUNS) -> Subject:
    """Run the help of the installed command, or of the package where no command is installed."""
    command = [*_command(), "--help"]
    _run(command)  # fills the file cache and the compiled modules
    seconds = median(timed(lambda: _run(command)) for _ in range(runs))
    return Subject(
        "Start-up",
        (
            Line("lvspec --help", seconds, "s", HELP_SECONDS, f"median of {runs} runs of {' '.join(command)}"),
            Line("modules of torch it imports", len(imported_by_help("torch")), "", NO_MODULE),
        ),
    )


def imported_by_help(package: str) -> list[str]:
    """The modules of a package that `lvspec --help` imports, as the interpreter itself tells."""
    lines = _run([sys.executable, "-X", "importtime", "-m", "lvspec_cli", "--help"]).stderr.splitlines()
    modules = [line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")]
    return [module for module in modules if module.partition(".")[0] == package]


def _command() -> list[str]:
    script = Path(sys.executable).with_name("lvspec")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "lvspec_cli"]


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True)
