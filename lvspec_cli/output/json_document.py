"""One JSON document: an object for one video, an array for several."""

from __future__ import annotations

from textwrap import indent

from lvspec_cli.output.json_text import json_text
from lvspec_cli.output.result import Result
from lvspec_cli.output.writer import ResultWriter


class JsonWriter(ResultWriter):
    """Writes each record when it is there; the array is closed at the end, also of an interrupted run."""

    suffix = ".json"
    forecasts = True
    _count = 0

    def write(self, result: Result) -> None:
        """Write a record, failed inputs too."""
        text = json_text(result.as_record(), indent=2)
        if self._several:
            text = ("[\n" if self._count == 0 else ",\n") + indent(text, "  ")
        self._emit(text if self._several else text + "\n")
        self._count += 1  # not before: what could not be written opens no array

    def close(self) -> None:
        """Close the array."""
        if self._several:
            self._emit("\n]\n" if self._count else "[]\n")
