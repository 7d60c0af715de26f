"""JSON lines: one record a line, as soon as it is there."""

from __future__ import annotations

from lvspec_cli.output.json_text import json_text
from lvspec_cli.output.result import Result
from lvspec_cli.output.writer import ResultWriter


class JsonLinesWriter(ResultWriter):
    """One compact record a line, failed inputs too."""

    suffix = ".jsonl"
    forecasts = True

    def write(self, result: Result) -> None:
        """Write a record."""
        self._emit(json_text(result.as_record()) + "\n")
