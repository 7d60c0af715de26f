"""Where a comparison is written besides the terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lvspec_cli.bench.plot import check_plot, draw
from lvspec_cli.bench.table import as_markdown
from lvspec_cli.files import check_output, replace_text
from lvspec_cli.output.json_text import json_text

if TYPE_CHECKING:
    from lvspec_cli.bench.side_by_side import Comparison


@dataclass(frozen=True)
class Outputs:
    """The files that were asked for."""

    json: Path | None
    json_to_stdout: bool  # then `json` is None
    markdown: Path | None
    plots: tuple[Path, ...]

    @classmethod
    def of(cls, output: str | None, markdown: str | None, plots: Sequence[str]) -> Outputs:
        """Check the flags -o, --markdown and --plot; raises UsageError that names the one that is wrong."""
        to_stdout = output == "-"
        return cls(
            json=None if output is None or to_stdout else check_output("-o", output),
            json_to_stdout=to_stdout,
            markdown=None if markdown is None else check_output("--markdown", markdown),
            plots=tuple(map(check_plot, plots)),
        )

    def write(self, comparison: Comparison) -> None:
        """Write all of them. Raises LvspecError for a file that cannot be written."""
        from lvspec_cli.bench.record import as_record

        text = json_text(as_record(comparison), indent=2) + "\n"
        if self.json_to_stdout:
            sys.stdout.write(text)
        if self.json is not None:
            replace_text(self.json, text)
        if self.markdown is not None:
            replace_text(self.markdown, "\n".join(map(as_markdown, comparison.tables(whole=True))))
        for path in self.plots:
            draw(path, comparison.rows, comparison.sweep.tried if comparison.sweep else ())
