"""`lvspec doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from lvspec_cli import __version__
from lvspec_cli.cli.exit_codes import FAILED
from lvspec_cli.cli.offline import settle_offline
from lvspec_cli.errors import UsageError
from lvspec_cli.offline import go_offline, is_offline
from lvspec_cli.output.json_text import json_text
from lvspec_cli.output.sanitize import for_terminal, on_one_line

SCHEMA = "lvspec.doctor/1"


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="NAME|FILE", help="Look at this preset alone; it then has to work here."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Look at this machine and its libraries, and say what each preset would do here.

    A note is about something that not everybody needs; a problem has to be mended, and gives exit code 1. Nothing is
    loaded, and the network is left alone.
    """
    from lvspec_cli.preset import load_preset

    chosen = None if preset is None else load_preset(preset)
    offline = _offline()
    go_offline()  # whatever is imported from here on
    from lvspec_cli.doctor.examination import examine

    findings = []
    for finding in examine(chosen, offline=offline):
        findings.append(finding)
        if not as_json:
            typer.echo(for_terminal(on_one_line(f"{finding.state:8}{finding.subject}: {finding.text}")))
    healthy = all(finding.state != "problem" for finding in findings)
    if as_json:
        record = {"schema": SCHEMA, "lvspec": __version__, "healthy": healthy}
        typer.echo(json_text(record | {"findings": [finding.as_record() for finding in findings]}, indent=2))
    if not healthy:
        raise typer.Exit(FAILED)


def _offline() -> bool:
    """Whether runs here are offline; settings that cannot be understood are a finding of their own."""
    try:
        return settle_offline(None)
    except UsageError:
        return is_offline()
