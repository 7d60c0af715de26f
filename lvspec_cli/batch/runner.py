"""One run over some videos: a failed one costs itself, what was done before is not done again, nothing is lost."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lvspec_cli.batch.journal import Journal
from lvspec_cli.batch.task import Outcome, Source, Task
from lvspec_cli.batch.video_key import VideoKey
from lvspec_cli.caption import Caption, Failure
from lvspec_cli.errors import ClusterError, JournalError, LvspecError, TraceError, UsageError
from lvspec_cli.files import absolute
from lvspec_cli.output.recorded import RecordedCaption
from lvspec_cli.output.result import Result
from lvspec_cli.output.sink import Sink
from lvspec_cli.output.withdrawal import withdrawn

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
    completed: int = 0  # that were captioned before and lacked files, which were made from the journal
    _to_come: set[str] = field(default_factory=set)  # paths of videos that are to be captioned and have no outcome yet

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
        self._tell_more()

    def _work(self, paths: Sequence[str]) -> None:
        """Have everything captioned that is to be, or all up to the first failure."""
        if self.journal is not None and not self.options.overwrite:
            self._refuse_files_of_others(self.journal, paths)
        # All are looked at before, so that people are told how much work there is; and each once more shortly
        # before its turn, for somebody else may have captioned it meanwhile.
        tasks = list(self._tasks(paths))
        if self.journal is not None:
            self.journal.expect(task.key for task in tasks if task.key is not None)
        self._to_come = {task.path for task in tasks}
        with closing(self.source.outcomes(self._still_to_do(tasks), len(tasks))) as outcomes:
            for outcome in outcomes:
                self._to_come.discard(outcome.task.path)
                self._finish(outcome)
                if self.failures and self.options.fail_fast:
                    return

    def _still_to_do(self, tasks: Sequence[Task]) -> Iterator[Task]:
        for task in tasks:
            if self._is_to_be_skipped(task):
                self._to_come.discard(task.path)
                continue
            yield task

    def _tasks(self, paths: Sequence[str]) -> Iterator[Task]:
        for path in paths:
            key = None if self.journal is None else VideoKey.of(path)
            if self.journal is not None and key is not None and self._is_done(self.journal, path, key):
                continue
            task = Task(path, key, self.options.overwrite)
            if not self._is_to_be_skipped(task):
                yield task

    def _refuse_files_of_others(self, journal: Journal, paths: Sequence[str]) -> None:
        """Raise UsageError if a video's file is there and was made of another one."""
        for path in paths:
            for file in self.sink.files_of(path):
                maker = journal.maker_of(file)
                if maker is None or maker == absolute(path) or not os.path.lexists(file):
                    continue
                key = VideoKey.of(path)
                # The same one may have been moved, or be seen by another path from another machine.
                if key.mtime_ns is not None and journal.find(replace(key, path=maker)) is None:
                    raise UsageError(
                        f"{path} would be written to {file}, which was made of {maker}: choose another place, or take "
                        "that file away"
                    )

    def _is_done(self, journal: Journal, path: str, key: VideoKey) -> bool:
        """Whether the journal has a result of the video that stands; what files lack of it is made from the journal."""
        entry = journal.find(key)
        if entry is None or (entry.error_type is not None and self.options.retry_failed):
            return False
        if self.sink.lacks(path):
            try:
                result = entry.read_result(path)
            except (OSError, ValueError):
                self.view.note(f"{path}: its line in the journal cannot be read any more; it is captioned again")
                return False
            missing = self._missing_files(result)
            journal.append_files(key, missing)
            self.sink.write(result)
            self.completed += bool(missing)
        if entry.error_type is not None:
            self.failed_before += 1
            return True
        self.skipped += 1
        strange = [file for file in self.sink.files_of(path) if not journal.has_made(key, file)]
        if strange:
            names = ", ".join(map(str, strange))
            self.view.note(f"{path}: no run made {names}: kept; take it away to have it made of the caption")
        return True

    def _is_to_be_skipped(self, task: Task) -> bool:
        """Whether all files of the video are there, are not to be replaced, and were not made of it."""
        reason = "" if self._files_to_replace(task) else self.sink.reason_to_skip(task.path)
        if reason:
            self.skipped += 1
            self.view.note(f"skipped: {task.path}: {reason}")
        return bool(reason)

    def _files_to_replace(self, task: Task) -> list[Path]:
        """Of the files of its name those that a result of the video is written over; they need not be there."""
        files, journal, key = self.sink.files_of(task.path), self.journal, task.key
        if journal is None or key is None or task.replace:
            return [*files] if task.replace else []
        return [file for file in files if journal.has_made(key, file)]

    def _files_of_before(self, journal: Journal, task: Task, key: VideoKey) -> list[Path]:
        """All that were made of an earlier caption of the video, but for those that are another video's by now.

        Where that one's turn is still to come, its file is what was made of this one. But what it got from another run
        meanwhile, such as that of another share, no journal that was read when this run began tells of.
        """
        files = {file: self.sink.video_of(file) for file in (*journal.files_of(key), *self._files_to_replace(task))}
        return [file for file, video in files.items() if video in (None, task.path) or video in self._to_come]

    def _missing_files(self, result: Result) -> list[Path]:
        """Those that are going to be made of a result; of a failure there are none."""
        files = () if result.text is None else self.sink.files_of(result.path)
        return [file for file in files if not os.path.lexists(file)]

    def _finish(self, outcome: Outcome) -> None:
        task, result = outcome.task, outcome.result
        # A result goes before what is said of it: whatever becomes of stderr, it is there.
        self.view.make_way()
        if self.journal is not None and task.key is not None:
            # Before: what is there once the journal has the result is taken for made from it.
            with withdrawn(() if result.text is None else self._files_of_before(self.journal, task, task.key)):
                self.journal.append(task.key, result, self._missing_files(result))
        if result.trouble is None:
            self.captioned += 1
        else:
            self.failures[result.trouble.type] += 1
        kept = [] if task.replace or result.text is None else [*filter(os.path.lexists, self.sink.files_of(task.path))]
        self.sink.write(result, replace=task.replace)
        if kept:
            self.view.note(f"{task.path}: kept as before: {', '.join(map(str, kept))}; --overwrite makes all anew")
        if self.trace is not None:
            self.trace.result(result)
        if not isinstance(result, Failure) and result.trouble is None:
            self.view.finished(result)
        elif result.trouble is not None:
            self.view.failed(Failure(result.request, result.trouble))
        if outcome.cause is not None and self.tell_cause is not None:
            self.tell_cause(outcome.cause)

    def _tell_more(self) -> None:
        if self.completed:
            self.view.note(f"{self.completed} of them lacked files, which were made from the journal")
        if self.failures.total() > 1:
            kinds = ", ".join(f"{count} {kind}" for kind, count in self.failures.most_common())
            self.view.note(f"failures by kind: {kinds}")
        if self.failed_before:
            many = self.failed_before > 1
            again = f"{'were' if many else 'was'} not tried again: --retry-failed does"
            self.view.note(f"{self.failed_before} failed in an earlier run and {again}")
        if untried := len(self._to_come):
            self.view.note(f"ended with the first failure, as --fail-fast says; {untried} not looked at any more")

    def _tell_how_it_ended(self, ending: BaseException, count: int) -> None:
        """Say what there is of a run that was ended in the middle. Errors of the results tell that by themselves."""
        if isinstance(ending, BrokenPipeError) and self.sink.is_stdout:
            self._tell_where_the_rest_is()
            return
        interrupted = isinstance(ending, KeyboardInterrupt | SystemExit)
        if not interrupted and not isinstance(ending, TraceError | JournalError | ClusterError | BrokenPipeError):
            return
        self.view.make_way()
        if isinstance(ending, BrokenPipeError):
            self.view.note("the pipe that -o names was closed by its reader")
        if dropped := self.source.dropped:
            self.view.note(dropped)
        if count > 1:
            self.view.note(f"{'interrupted' if interrupted else 'ended'} {self._how_far(count)}")

    def _tell_where_the_rest_is(self) -> None:
        """What a reader has not taken any more is not told again by a rerun, for the journal has it."""
        if self.journal is not None:
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
