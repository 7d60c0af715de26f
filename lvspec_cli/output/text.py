"""Plain text: the caption alone for one video, a line ``path<TAB>caption`` each for several."""

from __future__ import annotations

from lvspec_cli.output.result import Result
from lvspec_cli.output.sanitize import for_terminal, on_one_line
from lvspec_cli.output.writer import ResultWriter


class TextWriter(ResultWriter):
    """Failed inputs leave no line: an error never stands where a caption goes."""

    def write(self, result: Result) -> None:
        """Write the caption, on one line if there are several videos."""
        if result.text is None:
            return
        text = result.text
        if self._several:
            text = f"{on_one_line(result.path)}\t{on_one_line(text)}"
        self._emit((for_terminal(text) if self._terminal else text) + "\n")
