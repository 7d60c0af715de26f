"""Captions from this process, one video after another."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lvspec_cli.batch.attempt import attempt
from lvspec_cli.batch.task import Outcome, Task
from lvspec_cli.caption import Progress
from lvspec_cli.output.destination import unfinished

if TYPE_CHECKING:
    from lvspec_cli.captioner import Captioner
    from lvspec_cli.output.trace import TraceWriter


class Watcher(Protocol):
    """Who is told of the steps; `lvspec_cli.ui.View` says what each of these means."""

    def begin(self, path: str, index: int, count: int) -> None: ...
    def progress(self, progress: Progress) -> None: ...


@dataclass
class LocalSource:
    """Captions with models in this process."""

    captioner: Captioner
    question: str | None
    view: Watcher
    trace: TraceWriter | None = None
    trace_place: str | None = None  # where the trace goes
    path: str = ""  # the current video
    finished_segments: int = 0  # of it, while it is captioned in segments
    _following: str | None = None  # the video whose frames are to be read while models look at the current one's

    def outcomes(self, tasks: Iterator[Task], count: int) -> Generator[Outcome, None, None]:
        """The outcomes in the order of the tasks. Raises as `attempt` does."""
        task, index = next(tasks, None), 0
        while task is not None:
            following = next(tasks, None)
            self.path, self._following = task.path, None if following is None else following.path
            self.view.begin(task.path, index, count)
            yield Outcome(task, *attempt(self.captioner, task.path, self.question, self._hear))
            task, index = following, index + 1

    @property
    def dropped(self) -> str:
        """A result is of a whole video: segments of one that was not finished are in a trace or nowhere."""
        if not self.finished_segments:
            return ""
        many = self.finished_segments > 1
        dropped = f"{self.finished_segments} finished segment{'s' if many else ''} of {self.path}"
        if self.trace_place is None:
            return (
                f"{dropped} {'are' if many else 'is'} dropped, and a rerun begins it again: --start and --end caption "
                "it in pieces that stay; --trace FILE keeps its segments, only to be read"
            )
        where = unfinished(self.trace_place) or self.trace_place
        return f"{dropped} {'are' if many else 'is'} in no result, but in the trace {where}"

    def _hear(self, step: Progress) -> None:
        if self._following is not None and step.stage != "reading":
            self.captioner.expect(self._following, self.question)
            self._following = None
        self.view.progress(step)
        if self.trace is not None:
            self.trace.progress(step)
        if step.part is None or step.caption is not None:
            self.finished_segments = 0
        elif step.stage == "decoding" and step.round is None and not step.part.summary:  # the end of a segment
            self.finished_segments += 1
