"""Records and the formats they are written in. A new format is one small file and one line in `FORMATS`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from lvspec_cli.output.json_document import JsonWriter
from lvspec_cli.output.json_lines import JsonLinesWriter
from lvspec_cli.output.result import Result
from lvspec_cli.output.text import TextWriter
from lvspec_cli.output.writer import ResultWriter

FORMATS: Mapping[str, type[ResultWriter]] = MappingProxyType(
    {"text": TextWriter, "json": JsonWriter, "jsonl": JsonLinesWriter}
)

__all__ = ["FORMATS", "Result", "ResultWriter"]
