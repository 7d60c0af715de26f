"""CSV (RFC 4180) with a row for each segment, one for a summary, and one for an input or a segment that failed.

Spreadsheets run a cell that begins like a formula, and what a model or a file name contains must not run anywhere. So
such a text is written with an apostrophe before it, which is how spreadsheets themselves mark text. Programs that
need every character as it was said read json or jsonl.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

from lvspec_cli.caption import Caption, Failure, Segment
from lvspec_cli.output.recorded import RecordedCaption
from lvspec_cli.output.result import CAPTIONS, Passage, Result, passages_of
from lvspec_cli.output.sanitize import without_controls
from lvspec_cli.output.writer import ResultWriter

COLUMNS = (
    "path",
    "kind",  # segment (a video that was captioned as a whole has one), summary, or failure
    "start_s",  # s into the video
    "end_s",
    "text",
    "finish_reason",
    "prompt",  # or the question; of a summary its own, with the place where the segments were quoted
    "preset",
    "target",
    "method",
    "error_type",
    "error",
)
# The last four are full-width forms. Some spreadsheets drop a tab or line end at the beginning.
_FORMULA = re.compile(r"[\t\r\n]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")


class CsvWriter(ResultWriter):
    """The header comes with the first row."""

    suffix = ".csv"
    _begun = False

    def write(self, result: Result) -> None:
        """Write the rows of a caption, or the one of a failure."""
        rows = [*([] if self._begun else [COLUMNS]), *([row[column] for column in COLUMNS] for row in _rows(result))]
        lines = io.StringIO()
        csv.writer(lines).writerows(rows)
        self._emit(lines.getvalue())
        self._begun = True


def _rows(result: Result) -> list[Mapping[str, Any]]:
    known = dict.fromkeys(COLUMNS, "") | {"path": _harmless(result.path)}
    if isinstance(result, Failure):
        known |= {"prompt": _asked(result), "kind": "failure"}
        return [known | {"error_type": result.trouble.type, "error": _harmless(result.trouble.message)}]
    if isinstance(result, CAPTIONS):
        known |= {"prompt": _asked(result), "preset": _harmless(result.preset), "method": result.method}
        known |= {"target": _harmless(result.target.id)}
    passages = passages_of(result)
    failed = [segment for segment in result.segments if segment.error] if isinstance(result, CAPTIONS) else []
    said = [_said(passage) | (_asked_of_summary(result) if passage.kind == "summary" else {}) for passage in passages]
    return [known | row for row in (*said, *map(_failure, failed))]


def _said(passage: Passage) -> dict[str, Any]:
    return {
        "kind": passage.kind,
        "start_s": round(passage.start_s, 6),
        "end_s": round(passage.end_s, 6),
        "text": _harmless(without_controls(passage.text)),
        "finish_reason": passage.finish_reason,
    }


def _failure(segment: Segment) -> dict[str, Any]:
    assert segment.error is not None
    return {
        "kind": "failure",
        "start_s": round(segment.start_s, 6),
        "end_s": round(segment.end_s, 6),
        "error_type": segment.error.type,
        "error": _harmless(segment.error.message),
    }


def _asked(result: Caption | RecordedCaption | Failure) -> str:
    return _harmless(result.request.prompt or result.request.question or "")


def _asked_of_summary(result: Result) -> dict[str, str]:
    """What was asked instead; a question is asked once more, and older records do not tell."""
    if not isinstance(result, CAPTIONS) or result.request.question is not None:
        return {}
    prompt = result.settings.get("summary_prompt")
    return {"prompt": _harmless(prompt)} if prompt else {}


def _harmless(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text
