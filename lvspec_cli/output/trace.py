"""The trace of a run: JSON lines that tell, round by round, what the decoder did (docs/trace.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from lvspec_cli.caption import Part, Progress
from lvspec_cli.errors import LvspecError, TraceError
from lvspec_cli.output.json_text import json_line
from lvspec_cli.output.result import Result
from lvspec_cli.output.trace_lines import line, part_line, round_line
from lvspec_cli.text_stream import INCOMPLETE

if TYPE_CHECKING:
    from lvspec_cli.token_texts import TokenTexts

_TOGETHER = 16  # rounds that are written together
_WHOLE = Part(0, 1)  # of a video that is not captioned in parts


class TraceWriter:
    """Hears of every step of a run and of every result; `close` it when the run is over, however it ended.

    A few rounds wait until they are written together, which is quicker by far than each alone between two passes of a
    model. All methods raise TraceError if a line cannot be written.
    """

    def __init__(self, stream: TextIO, first: int = 0) -> None:
        """``first``: the number of the first input, where the stream goes on with that of another run."""
        self._stream = stream
        self._waiting: list[Progress] = []  # steps with rounds of one part
        self._video = first  # number of the current input
        self._part = _WHOLE
        self._pieces: _Pieces | None = None  # of that part; None: its decoding has not begun

    def progress(self, step: Progress) -> None:
        """Take a step of the current input; the last rounds wait for `result`, so that a full disk costs no caption."""
        if step.stage == "reading":  # also when a part begins again with fewer frames
            self.close()
            self._pieces = None
        if step.round is None:
            return
        if self._waiting and self._waiting[0].part != step.part:
            self.close()
        self._waiting.append(step)
        if len(self._waiting) == _TOGETHER and step.round.finish_reason is None:
            self.close()

    def result(self, result: Result) -> None:
        """The current input has its caption, or failed."""
        self._write([*self._lines(), line("caption", self._video, record=result.as_record())])
        self._pieces = None
        self._video += 1

    def close(self) -> None:
        """Write what waits. The stream stays open: it belongs to the caller."""
        if lines := self._lines():
            self._write(lines)

    def _lines(self) -> list[dict[str, Any]]:
        """Those of the rounds that wait, and before them that of their part if they are its first ones."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return []
        part, first = waiting[0].part or _WHOLE, waiting[0]
        assert first.setup is not None
        assert first.sight is not None
        assert first.texts is not None  # all of them come with every round
        begins = self._pieces is None or part != self._part
        if begins:
            self._part, self._pieces = part, _Pieces(first.texts)
        rounds = [self._round_line(step) for step in waiting]
        return [part_line(self._video, part, first.setup, first.sight), *rounds] if begins else rounds

    def _round_line(self, step: Progress) -> dict[str, Any]:
        assert step.round is not None
        assert step.texts is not None
        assert self._pieces is not None
        before = self._pieces.last
        pieces = self._pieces.push([token.id for token in step.round.tokens], step.round.finish_reason is not None)
        return round_line(self._video, self._part, step.round, step.text, pieces, step.texts, before)

    def _write(self, values: Iterable[dict[str, Any]]) -> None:
        text = "".join(json_line(value) for value in values)
        try:
            self._stream.write(text)
            self._stream.flush()
        except LvspecError as error:
            raise TraceError(str(error)) from error
        except (OSError, ValueError) as error:  # ValueError: somebody closed it
            reason = error.strerror if isinstance(error, OSError) else error
            raise TraceError(f"the trace cannot be written: {reason}; try another place with --trace") from error


class _Pieces:
    """What each token adds to the text of a part, round by round; joined, the pieces are that text.

    A character whose tokens come in two rounds stands at its last token.
    """

    def __init__(self, texts: TokenTexts) -> None:
        self._texts = texts
        self._before: int | None = None  # the token before those that wait
        self._waiting: list[int] = []  # tokens whose bytes are not a whole character yet
        self.last: int | None = None  # the last token so far

    def push(self, tokens: Sequence[int], ends: bool) -> list[str]:
        """The pieces of the next tokens; ``ends``: no others follow, so that half a character is shown as such."""
        waited = len(self._waiting)
        joined = [*self._waiting, *tokens]
        pieces = self._texts.pieces(joined, self._before)
        settled = len(joined)
        if pieces[-1].endswith(INCOMPLETE) and not ends:
            settled -= 1
            pieces[settled] = ""
            while settled and not pieces[settled - 1]:  # tokens that say nothing yet, the character's first ones
                settled -= 1
        self._before = joined[settled - 1] if settled else self._before
        self._waiting = joined[settled:]
        self.last = joined[-1]
        return pieces[waited:]
