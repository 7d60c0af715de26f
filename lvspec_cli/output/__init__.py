"""Records, the formats they are written in, and the places they are written to."""

from __future__ import annotations

from lvspec_cli.output.formats import FORMATS
from lvspec_cli.output.result import Result
from lvspec_cli.output.writer import ResultWriter

__all__ = ["FORMATS", "Result", "ResultWriter"]
