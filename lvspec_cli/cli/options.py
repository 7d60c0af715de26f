"""The options that commands share, defined once: each setting is a flag, and then there are those of a single run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any

import typer

from lvspec_cli.decoding.looseness import JUDGED, SIGNALS
from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.output import FORMATS
from lvspec_cli.output.sanitize import for_terminal, on_one_line
from lvspec_cli.parsing import names, switch
from lvspec_cli.preset import ON_OOM, PRUNINGS
from lvspec_cli.profiles import PROFILES
from lvspec_cli.settings import FIELDS, flag_name
from lvspec_cli.style import list_styles
from lvspec_cli.video.options import DECODERS

# The settings whose values are names from a list: what the help says of them and completion offers.
_CHOICES: dict[str, Callable[[], list[str]]] = {
    "method": lambda: list(METHODS),
    "pruning": lambda: list(PRUNINGS),
    "style": lambda: list(list_styles()),
    "profile": lambda: list(PROFILES),
    "relevance": lambda: list(SIGNALS),
    "judged": lambda: list(JUDGED),
    "format": lambda: list(FORMATS),
    "decoder": lambda: list(DECODERS),
    "on_oom": lambda: list(ON_OOM),
    "ui": lambda: ["auto", "live", "plain", "none"],
}

RUNNERS = ("local", "ray")


def _option(kind: Any, default: Any, panel: str, *names: str, **more: Any) -> tuple[Any, Any]:
    return Annotated[kind, typer.Option(*names, rich_help_panel=panel, **more)], default


# Options of a single run, which are no settings: parameter -> its annotation and default.
_RUN_OPTIONS: dict[str, tuple[Any, Any]] = {
    "output": _option(
        str | None,
        None,
        "Output",
        "--output",
        "-o",
        metavar="FILE|FOLDER|-",
        help="Write to a file, or to a folder (one that is there, or FOLDER/) with a file for each video.",
    ),
    "sidecar": _option(
        bool, False, "Output", "--sidecar", help="Write a file beside each video: clip.mp4 gives clip.txt."
    ),
    "overwrite": _option(
        bool,
        False,
        "Output",
        "--overwrite",
        help="Caption all anew, over what earlier runs left; without it, videos that have files are skipped.",
    ),
    "journal": _option(
        str | None,
        None,
        "Output",
        "--journal",
        metavar="FILE",
        help="Note there what is done, so that a rerun does only what is missing; -o FOLDER has one of its own.",
    ),
    "retry_failed": _option(
        bool, False, "Output", "--retry-failed", help="Try again the videos that failed in an earlier run."
    ),
    "fail_fast": _option(bool, False, "Output", "--fail-fast", help="End with the first video that fails."),
    "trace": _option(
        str | None,
        None,
        "Output",
        "--trace",
        metavar="FILE",
        help="Write there what the decoder did, round by round, as JSON lines: the matter of a report.",
    ),
    "quiet": _option(bool, False, "Output", "--quiet", "-q", help="Show notes and errors only."),
    "verbose": _option(
        bool, False, "Output", "--verbose", "-v", help="Show every setting with its origin, and all numbers."
    ),
    "dry_run": _option(
        bool, False, "Output", "--dry-run", help="Load nothing; write the frames, tokens and memory of each video."
    ),
    "debug": _option(bool, False, "Output", "--debug", help="Show tracebacks."),
    "ignore_memory": _option(
        bool,
        False,
        "Model",
        "--ignore-memory",
        help="Load the models even if more memory is needed than is free.",
    ),
    "recursive": _option(
        bool,
        False,
        "Inputs",
        "--recursive",
        "-r",
        help="Take the videos in the given folders and below. Without it, a folder is one video: its images.",
    ),
    "from_file": _option(
        str | None,
        None,
        "Inputs",
        "--from-file",
        metavar="LIST|-",
        help="Take paths from this file (- is stdin), one a line; lines that begin with # are left out.",
    ),
    "null": _option(bool, False, "Inputs", "--null", "-0", help="Paths in LIST end with NUL, as find -print0 writes."),
    "shard": _option(
        str | None,
        None,
        "Inputs",
        "--shard",
        metavar="I/N",
        help="Take share I of N of the videos; in a Slurm array that is the task's, if folders or a list are given.",
    ),
    "runner": _option(
        str,
        "local",
        "Workers",
        "--runner",
        metavar="NAME",
        help=f"Who captions: this process, or workers of a Ray cluster. One of: {', '.join(RUNNERS)}.",
        autocompletion=lambda: list(RUNNERS),
    ),
    "workers": _option(
        int | None, None, "Workers", "--workers", min=1, metavar="N", help="How many, with --runner ray."
    ),
}


@dataclass(frozen=True)
class SharedOptions:
    """What was given on the command line; settings as they were written, to be parsed with the other layers."""

    flags: dict[str, str | bool | None]  # setting -> its value, None if the flag was not given
    output: str | None  # file, folder, or "-" or None for stdout
    sidecar: bool
    overwrite: bool
    recursive: bool
    from_file: str | None  # list of paths, "-" for stdin
    null: bool
    quiet: bool
    verbose: bool
    dry_run: bool
    debug: bool
    ignore_memory: bool
    trace: str | None  # file for the trace
    journal: str | None  # file for the journal
    retry_failed: bool
    fail_fast: bool
    shard: str | None  # "I/N"
    runner: str  # "local" or "ray"
    workers: int | None


def with_shared_options(*, without: Container[str] = ()) -> Callable[[Callable[..., int]], Callable[..., None]]:
    """Give a command all shared options, but for the settings `without`, as its argument ``shared``.

    The command returns its exit code.
    """
    settings = [key for key in FIELDS if key not in without]

    def decorate(command: Callable[..., int]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        own = [parameter for parameter in signature.parameters.values() if parameter.name != "shared"]

        @wraps(command)
        def run(**values: Any) -> None:
            arguments = {parameter.name: values.pop(parameter.name) for parameter in own}
            flags = {key: values.pop(key) for key in settings}
            raise typer.Exit(command(**arguments, shared=SharedOptions(flags=flags, **values)))

        parameters = [*own, *_shared_parameters(settings)]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def _shared_parameters(settings: list[str]) -> list[inspect.Parameter]:
    options = {key: (_setting_option(key), None) for key in settings} | _RUN_OPTIONS
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in options.items()
    ]


def _setting_option(key: str) -> Any:
    metadata = FIELDS[key].metadata
    choices = _CHOICES.get(key)
    one_of = for_terminal(on_one_line(f" One of: {', '.join(choices())}.")) if choices else ""
    help_text = metadata["help"] + one_of
    if metadata["parse"] is switch:
        both = f"{flag_name(key)}/{flag_name('no_' + key)}"
        return Annotated[bool | None, typer.Option(both, help=help_text, rich_help_panel=metadata["panel"])]
    option = typer.Option(
        flag_name(key),
        metavar=metadata["metavar"],
        help=help_text,
        rich_help_panel=metadata["panel"],
        autocompletion=_completion(choices) if choices and metadata["parse"] is names else choices,
    )
    return Annotated[str | None, option]


def _completion(choices: Callable[[], list[str]]) -> Callable[[str], list[str]]:
    """Complete the last of several names between commas."""

    def complete(incomplete: str) -> list[str]:
        before, comma, _ = incomplete.rpartition(",")
        return [before + comma + name for name in choices() if name not in before.split(",")]

    return complete
