"""The formats by their names, and which of them a run writes. A new one is one small file and one line here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

from lvspec_cli.errors import UsageError
from lvspec_cli.output.csv_rows import CsvWriter
from lvspec_cli.output.json_document import JsonWriter
from lvspec_cli.output.json_lines import JsonLinesWriter
from lvspec_cli.output.markdown import MarkdownWriter
from lvspec_cli.output.srt import SrtWriter
from lvspec_cli.output.text import TextWriter
from lvspec_cli.output.vtt import VttWriter
from lvspec_cli.output.writer import ResultWriter
from lvspec_cli.settings import Settings, flag_name, nearest

FORMATS: Mapping[str, type[ResultWriter]] = MappingProxyType(
    {
        "text": TextWriter,
        "json": JsonWriter,
        "jsonl": JsonLinesWriter,
        "srt": SrtWriter,
        "vtt": VttWriter,
        "csv": CsvWriter,
        "md": MarkdownWriter,
    }
)


def chosen_formats(settings: Settings, output: str | None) -> tuple[str, ...]:
    """The formats that were asked for; if none was, the one that the name of the file `output` tells.

    What the flag names goes before the file's name, and that before what other places say.

    Raises UsageError if one of them is unknown.
    """
    for name in settings.format:
        if name not in FORMATS:
            asked = f"{settings.name_of('format')} must be one of {', '.join(FORMATS)}, or several between commas"
            raise UsageError(f"{asked}, not {name!r}{nearest(name, FORMATS)}")
    told = None if output is None or settings.name_of("format") == flag_name("format") else format_of(output)
    return settings.format if told is None else (told,)


def format_of(path: str) -> str | None:
    """The format whose files end as this path does, if there is one."""
    suffix = os.path.splitext(path)[1].lower()
    return next((name for name, writer in FORMATS.items() if writer.suffix == suffix), None)
