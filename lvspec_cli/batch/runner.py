"""One run over some videos: a failed one costs itself, what was done before is not done again, nothing is lost."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from lvspec_cli.batch.journal import Journal
from lvspec_cli.batch.task import Outcome, Source, Task
from lvspec_cli.batch.video_key import VideoKey
from lvspec_cli.caption import Caption, Failure
from lvspec_cli.errors import ClusterError, JournalError, LvspecError, TraceError
from lvspec_cli.output.recorded import RecordedCaption
from lvspec_cli.output.sink import Sink

if TYPE_CHECKING:
    from lvspec_cli.output.trace import TraceWriter


class Onlooker(Protocol):
    """Who is told of a run; `lvspec_cli.ui.View` says what each of these means."""

    def note(self, message: str) -> None: ...
    def make_way(self) -> None: ...
    def finished(self, caption: Caption | RecordedCaption) -> None: ...
    def failed(self, failure: Failure) -> None: ...
    def summary(self, captioned: int, failed: int, skipped: int = 0) -> None: ...


@dataclass(frozen=True)
class RunOptions:
    """What to do with videos that were met before, and with those that fail."""

    overwrite: bool = False  # caption again what is done
    retry_failed: bool = False  # try again what failed before
    fail_fast: bool = False  # end with the first failure


@dataclass
class Runner:
    """Decides what is to be captioned, and takes what comes of it; a failed video is reported and the run goes on."""

    source: Source
    view: Onlooker
    sink: Sink
    trace: TraceWriter | None = None
    journal: Journal | None = None
    options: RunOptions = RunOptions()
    tell_cause: Callable[[Exception], object] | None = None  # of a failure, for those who want to see its traceback
    captioned: int = 0
    skipped: int = 0
    failures: Counter[str] = field(default_factory=Counter)  # of this run, by the type of the error
    failed_before: int = 0  # and not tried again
    untried: int = 0  # that were to be captioned and were not looked at any more

    @property
    def complete(self) -> bool:
        """Whether, after `over`, every video has its caption."""
        return not self.failures and not self.failed_before

    def over(self, paths: Sequence[str]) -> None:
        """Work through the paths. Raises what the source, the journal and the sink raise."""
        try:
            self._work(paths)
        except BaseException as ending:
            # What is there stays well-formed, whatever ended the run.
            if self.captioned or self.failures or self.skipped or self.failed_before:
                with suppress(OSError, LvspecError):
                    self.sink.close()
            self._tell_how_it_ended(ending, len(paths))
            raise
        self.sink.close()
        self.view.summary(self.captioned, self.failures.total() + self.failed_before, self.skipped)
        self._tell_of_failures()

    def _work(self, paths: Sequence[str]) -> None:
        """Have everything captioned that is to be, or all up to the first failure."""
        # All are looked at before, so that people are told how much work there is; and each once more shortly
        # before its turn, for somebody else may have captioned it meanwhile.
        tasks = list(self._tasks(paths))
        if self.journal is not None:
            self.journal.expect(task.key for task in tasks if task.key is not None)
        self.untried = len(tasks)
        with closing(self.source.outcomes(self._still_to_do(tasks), len(tasks))) as outcomes:
            for outcome in outcomes:
                self.untried -= 1
                self._finish(outcome)
                if self.failures and self.options.fail_fast:
                    return

    def _still_to_do(self, tasks: Sequence[Task]) -> Iterator[Task]:
        for task in tasks:
            if not task.replace and self._has_files(task.path):
                self.untried -= 1
                continue
            yield task

    def _tasks(self, paths: Sequence[str]) -> Iterator[Task]:
        seen: set[str] = set()  # a folder and one below it may both be given
        for path in paths:
            if self.journal is None:
                if not self._has_files(path):
                    yield Task(path, None, self.options.overwrite)
                continue
            key = VideoKey.of(path)
            if key.path in seen:
                self.skipped += 1
                continue
            seen.add(key.path)
            if self._is_done(path, key):
                continue
            ours = self.journal.has_met(key)
            if ours or not self._has_files(path):
                yield Task(path, key, ours or self.options.overwrite)

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

    def _finish(self, outcome: Outcome) -> None:
        task, result = outcome.task, outcome.result
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
        if not isinstance(result, Failure) and result.trouble is None:
            self.view.finished(result)
        elif result.trouble is not None:
            self.view.failed(Failure(result.request, result.trouble))
        if outcome.cause is not None and self.tell_cause is not None:
            self.tell_cause(outcome.cause)

    def _tell_of_failures(self) -> None:
        if self.failures.total() > 1:
            kinds = ", ".join(f"{count} {kind}" for kind, count in self.failures.most_common())
            self.view.note(f"failures by kind: {kinds}")
        if self.failed_before:
            many = self.failed_before > 1
            again = f"{'were' if many else 'was'} not tried again: --retry-failed does"
            self.view.note(f"{self.failed_before} failed in an earlier run and {again}")
        if self.untried:
            self.view.note(f"ended with the first failure, as --fail-fast says; {self.untried} not looked at any more")

    def _tell_how_it_ended(self, ending: BaseException, count: int) -> None:
        """Say what there is of a run that was ended in the middle. Errors of the results tell that by themselves."""
        if isinstance(ending, BrokenPipeError):
            self._tell_where_the_rest_is()
            return
        interrupted = isinstance(ending, KeyboardInterrupt | SystemExit)
        if not interrupted and not isinstance(ending, TraceError | JournalError | ClusterError):
            return
        self.view.make_way()
        if dropped := self.source.dropped:
            self.view.note(dropped)
        if count > 1:
            self.view.note(f"{'interrupted' if interrupted else 'ended'} {self._how_far(count)}")

    def _tell_where_the_rest_is(self) -> None:
        """What a reader has not taken any more is not told again by a rerun, for the journal has it."""
        if self.journal is not None and not self.sink.whereabouts:
            self.view.make_way()
            merge = f"lvspec merge {shlex.quote(str(self.journal.path))} -o -"
            self.view.note(
                f"stdout was closed by its reader; what was captioned is in the journal: `{merge}` writes it"
            )

    def _how_far(self, count: int) -> str:
        where = self.sink.whereabouts if self.captioned else ""
        told = f"; their captions are {where}" if where else ""
        command = "the same command without --overwrite" if self.options.overwrite else "the same command"
        resume = f"; {command} goes on from there" if self.journal is not None else ""
        done = self.captioned + self.failures.total() + self.skipped + self.failed_before
        return f"after {done} of {count} videos{told}{resume}"
