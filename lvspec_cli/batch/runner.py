"""One run over some videos: a failed one costs itself, what was done before is not done again, nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from lvspec_cli.batch.journal import Journal
from lvspec_cli.batch.video_key import VideoKey
from lvspec_cli.caption import Caption, Failure, Progress, Request
from lvspec_cli.errors import JournalError, LvspecError, ModelError, TraceError, UsageError, VideoError
from lvspec_cli.output.destination import unfinished
from lvspec_cli.output.sink import Sink

if TYPE_CHECKING:
    from lvspec_cli.captioner import Captioner
    from lvspec_cli.output.trace import TraceWriter


class Onlooker(Protocol):
    """Who is told of a run; `lvspec_cli.ui.View` says what each of these means."""

    def note(self, message: str) -> None: ...
    def begin(self, path: str, index: int, count: int) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def make_way(self) -> None: ...
    def finished(self, caption: Caption) -> None: ...
    def failed(self, failure: Failure) -> None: ...
    def summary(self, captioned: int, failed: int, skipped: int = 0) -> None: ...


@dataclass(frozen=True)
class RunOptions:
    """What to do with videos that were met before, and with those that fail."""

    overwrite: bool = False  # caption again what is done
    retry_failed: bool = False  # try again what failed before
    fail_fast: bool = False  # end with the first failure


@dataclass(frozen=True)
class _Task:
    """A video that is to be captioned."""

    path: str
    key: VideoKey | None  # None without a journal
    replace: bool  # whether files of its name come from an earlier caption of it


@dataclass
class Runner:
    """Takes one input after another; a failed one is reported and the next one is taken."""

    captioner: Captioner
    view: Onlooker
    sink: Sink
    trace: TraceWriter | None = None
    trace_place: str | None = None  # where the trace goes
    journal: Journal | None = None
    options: RunOptions = RunOptions()
    tell_cause: Callable[[Exception], object] | None = None  # of a failure, for those who want to see its traceback
    captioned: int = 0
    skipped: int = 0
    failures: Counter[str] = field(default_factory=Counter)  # of this run, by the type of the error
    failed_before: int = 0  # and not tried again
    path: str = ""  # the current video
    finished_segments: int = 0  # of it, while it is captioned in segments

    @property
    def complete(self) -> bool:
        """Whether, after `over`, every video has its caption."""
        return not self.failures and not self.failed_before

    def over(self, paths: Sequence[str], question: str | None) -> None:
        """Work through the paths."""
        try:
            untried = self._work(paths, question)
        except BaseException as ending:
            # What is there stays well-formed, whatever ended the run.
            if self.captioned or self.failures or self.skipped or self.failed_before:
                with suppress(OSError, LvspecError):
                    self.sink.close()
            self._tell_how_it_ended(ending, len(paths))
            raise
        self.sink.close()
        self.view.summary(self.captioned, self.failures.total(), self.skipped)
        self._tell_of_failures(untried)

    def _work(self, paths: Sequence[str], question: str | None) -> int:
        """Caption what is to be captioned; return how many were left out after a failure."""
        # All are looked at before, so that people are told how much work there is; and each once more when its turn
        # comes, for somebody else may have captioned it meanwhile.
        tasks = list(self._tasks(paths))
        if self.journal is not None:
            self.journal.expect(task.key for task in tasks if task.key is not None)
        for index, task in enumerate(tasks):
            if not task.replace and self._has_files(task.path):
                continue
            self.view.begin(task.path, index, len(tasks))
            following = tasks[index + 1].path if index + 1 < len(tasks) else None
            self._take(task, question, following)
            if self.failures and self.options.fail_fast:
                return len(tasks) - index - 1
        return 0

    def _tasks(self, paths: Sequence[str]) -> Iterator[_Task]:
        for path in paths:
            if self.journal is None:
                if not self._has_files(path):
                    yield _Task(path, None, self.options.overwrite)
                continue
            key = VideoKey.of(path)
            if self._is_done(path, key):
                continue
            ours = self.journal.has_met(key)
            if ours or not self._has_files(path):
                yield _Task(path, key, ours or self.options.overwrite)

    def _is_done(self, path: str, key: VideoKey) -> bool:
        """Whether the journal has a result of the video that stands; what files lack of it is made from the journal."""
        assert self.journal is not None
        entry = None if self.options.overwrite else self.journal.find(key)
        if entry is None or (entry.error_type is not None and self.options.retry_failed):
            return False
        if self.sink.lacks(path):
            try:
                self.sink.write(entry.read_result(path))
            except (OSError, ValueError, LookupError, TypeError, AttributeError):
                self.view.note(f"{path}: its line in the journal cannot be read any more; it is captioned again")
                return False
        if entry.error_type is None:
            self.skipped += 1
        else:
            self.failed_before += 1
        return True

    def _has_files(self, path: str) -> bool:
        reason = self.sink.reason_to_skip(path)
        if reason:
            self.skipped += 1
            self.view.note(f"skipped: {path}: {reason}")
        return bool(reason)

    def _take(self, task: _Task, question: str | None, following: str | None) -> None:
        """Caption a video; ``following``: the one whose frames are read while models look at this one's."""
        self.path = task.path
        try:
            caption = None
            for step in self.captioner.stream(task.path, question):
                if following is not None and step.stage != "reading":
                    self.captioner.expect(following, question)
                    following = None
                self.view.progress(step)
                if self.trace is not None:
                    self.trace.progress(step)
                self._count_segments(step)
                caption = step.caption
        except (UsageError, ModelError, TraceError):
            raise  # no other video would fare better
        except Exception as error:
            if not (self.captioner.loaded or isinstance(error, VideoError)):
                raise  # loading failed, and would fail again
            settings = self.captioner.settings
            request = Request(task.path, None if question else settings.prompt, question, settings.system or None)
            self._finish(task, Failure.of(request, error), error)
            return
        assert caption is not None  # the last step always carries it
        self._finish(task, caption)

    def _finish(self, task: _Task, result: Caption | Failure, cause: Exception | None = None) -> None:
        # A result goes before what is said of it: whatever becomes of stderr, it is there.
        self.view.make_way()
        if self.journal is not None and task.key is not None:
            if task.replace:
                self.sink.withdraw(result)  # before: what is there once the journal has it is taken for made from it
            self.journal.append(task.key, result)
        if result.trouble is None:
            self.captioned += 1
        else:
            self.failures[result.trouble.type] += 1
        self.sink.write(result, replace=task.replace)
        if self.trace is not None:
            self.trace.result(result)
        if isinstance(result, Caption) and result.trouble is None:
            self.view.finished(result)
        elif result.trouble is not None:
            self.view.failed(Failure(result.request, result.trouble))
        if cause is not None and self.tell_cause is not None:
            self.tell_cause(cause)

    def _count_segments(self, step: Progress) -> None:
        if step.part is None or step.caption is not None:
            self.finished_segments = 0
        elif step.stage == "decoding" and step.round is None and not step.part.summary:  # the end of a segment
            self.finished_segments += 1

    def _tell_of_failures(self, untried: int) -> None:
        if self.failures.total() > 1:
            kinds = ", ".join(f"{count} {kind}" for kind, count in self.failures.most_common())
            self.view.note(f"failures by kind: {kinds}")
        if self.failed_before:
            self.view.note(f"{self.failed_before} failed in an earlier run: --retry-failed tries them again")
        if untried:
            self.view.note(f"ended with the first failure, as --fail-fast says; {untried} not looked at any more")

    def _tell_how_it_ended(self, ending: BaseException, count: int) -> None:
        """Say what there is of a run that was ended in the middle. Errors of the results tell that by themselves."""
        interrupted = isinstance(ending, KeyboardInterrupt | SystemExit)
        if not interrupted and not isinstance(ending, TraceError | JournalError):
            return
        self.view.make_way()
        if self.finished_segments:
            self.view.note(self._what_is_dropped())
        if count > 1:
            self.view.note(f"{'interrupted' if interrupted else 'ended'} {self._how_far(count)}")

    def _how_far(self, count: int) -> str:
        where = self.sink.whereabouts if self.captioned else ""
        told = f"; their captions are {where}" if where else ""
        command = "the same command without --overwrite" if self.options.overwrite else "the same command"
        resume = f"; {command} goes on from there" if self.journal is not None else ""
        done = self.captioned + self.failures.total() + self.skipped + self.failed_before
        return f"after {done} of {count} videos{told}{resume}"

    def _what_is_dropped(self) -> str:
        """A result is of a whole video: segments of one that was not finished are in a trace or nowhere."""
        many = self.finished_segments > 1
        dropped = f"{self.finished_segments} finished segment{'s' if many else ''} of {self.path}"
        if self.trace_place is None:
            return f"{dropped} {'are' if many else 'is'} dropped: with --trace FILE, every segment is kept as it comes"
        where = unfinished(self.trace_place) or self.trace_place
        return f"{dropped} {'are' if many else 'is'} in no result, but in the trace {where}"
