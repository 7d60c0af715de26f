"""Plain text: the caption alone for one video, a line ``path<TAB>caption`` each for several.

A video in several segments has a line ``start-end<TAB>caption`` for each, after ``path<TAB>`` if there are several
videos; its summary is the last of them, with the times of the whole.
"""

from __future__ import annotations

from lvspec_cli.output.result import CAPTIONS, Result, passages_of
from lvspec_cli.output.sanitize import on_one_line
from lvspec_cli.output.timecode import clock_span
from lvspec_cli.output.writer import ResultWriter


class TextWriter(ResultWriter):
    """Failed inputs leave no line: an error never stands where a caption goes."""

    suffix = ".txt"
    tells_failures = False
    forecasts = True

    def write(self, result: Result) -> None:
        """Write the caption, on one line if there are several videos."""
        if result.text is not None:
            self._emit("".join(f"{line}\n" for line in self._lines(result, result.text)))

    def _lines(self, result: Result, text: str) -> list[str]:
        name = [on_one_line(result.path)] if self._several else []
        if self._timed(result):
            passages = passages_of(result)
            return ["\t".join([*name, clock_span(p.start_s, p.end_s), on_one_line(p.text)]) for p in passages]
        return ["\t".join([*name, on_one_line(text)])] if name else [text]

    def _timed(self, result: Result) -> bool:
        """Whether times are shown: for several parts, and for one if it was asked to be cut into such."""
        if not isinstance(result, CAPTIONS):
            return False
        return len(result.segments) > 1 or result.summary is not None or result.settings.get("segment") is not None
