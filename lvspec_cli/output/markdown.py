"""Markdown: a heading for each video, then its caption; of several segments, the summary and a list with times."""

from __future__ import annotations

import re
from html import escape

from lvspec_cli.caption import Failure, Trouble
from lvspec_cli.output.result import CAPTIONS, Passage, Result, passages_of
from lvspec_cli.output.sanitize import for_terminal, on_one_line
from lvspec_cli.output.timecode import clock_span
from lvspec_cli.output.writer import ResultWriter

# The last two keep GitHub from making links of bare addresses; nothing that renders as itself does for those of mail.
_SPECIAL = re.compile(r"[\\`*_\[\]|~$#]|:(?=//)|(?<=www)\.", re.IGNORECASE)
# At the beginning of a line: items of lists, rules and the underlines of headings.
_BEGINNING = re.compile(r"^(\d{0,9})([-+=.)])")


class MarkdownWriter(ResultWriter):
    """What a model or a file name contains is shown as it is: it makes no markup and no HTML. Failures are told."""

    suffix = ".md"
    _begun = False

    def write(self, result: Result) -> None:
        """Write the heading and all blocks below it."""
        blocks = [f"# {as_markdown(result.path)}", *_blocks(result)]
        self._emit(("\n" if self._begun else "") + "\n\n".join(blocks) + "\n")
        self._begun = True


def as_markdown(text: str) -> str:
    """A text as Markdown on one line that renders as that text."""
    line = escape(for_terminal(on_one_line(text)).strip(), quote=False)
    return _BEGINNING.sub(r"\1\\\2", _SPECIAL.sub(r"\\\g<0>", line))


def _blocks(result: Result) -> list[str]:
    if isinstance(result, Failure):
        return [_failed(result.trouble)]
    passages = passages_of(result)
    segments = [passage for passage in passages if passage.kind == "segment"]
    if len(passages) == 1 and isinstance(result, CAPTIONS) and result.trouble is None:
        return _paragraphs(passages[0].text)
    told = [_failed(result.trouble)] if isinstance(result, CAPTIONS) and result.trouble else []
    summary = [block for passage in passages if passage.kind == "summary" for block in _paragraphs(passage.text)]
    return [*summary, "\n".join(map(_item, segments)), *told]


def _failed(trouble: Trouble) -> str:
    return f"**Failed** ({as_markdown(trouble.type)}): {as_markdown(trouble.message)}"


def _paragraphs(text: str) -> list[str]:
    return [as_markdown(line) for line in text.splitlines() if line.strip()]


def _item(segment: Passage) -> str:
    return f"- {clock_span(segment.start_s, segment.end_s)}: {as_markdown(segment.text)}"
