"""One run over some videos, the same for every command that makes captions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lvspec_cli.caption import Caption, Failure, Progress, Request
from lvspec_cli.cli.dry_run import dry_run
from lvspec_cli.cli.entry import FAILED, OK
from lvspec_cli.cli.inputs import gather_inputs
from lvspec_cli.cli.options import SharedOptions
from lvspec_cli.cli.trace import check_trace, open_trace
from lvspec_cli.errors import LvspecError, ModelError, TraceError, UsageError, VideoError
from lvspec_cli.models.weights_on_disk import check_weights
from lvspec_cli.offline import go_offline
from lvspec_cli.output.destination import unfinished
from lvspec_cli.output.outlet import OutputOptions, outlet_for
from lvspec_cli.output.sink import Sink
from lvspec_cli.output.trace import TraceWriter
from lvspec_cli.profiles import for_answers
from lvspec_cli.settings import Layer, gather, resolve
from lvspec_cli.ui import View, make_view, print_traceback

if TYPE_CHECKING:
    from lvspec_cli.captioner import Captioner
    from lvspec_cli.preset import Preset


def run(videos: Sequence[str], question: str | None, shared: SharedOptions) -> int:
    """Caption the videos, or answer a question about each, and return the exit code.

    What can be known to be wrong without reading a video raises UsageError before anything heavy is imported.
    """
    layers = gather(shared.flags) if question is None else for_answers(gather(shared.flags))
    chosen = resolve(layers)
    if chosen.offline:
        go_offline()
    inputs = gather_inputs(videos, recursive=shared.recursive, from_file=shared.from_file, null=shared.null)
    options = OutputOptions(shared.output, shared.sidecar, shared.overwrite, shared.dry_run)
    outlet = outlet_for(options, chosen, inputs.sources, several=inputs.several)
    check_trace(shared.trace, outputs=outlet.files, paths=inputs.paths, dry_run=shared.dry_run)
    with make_view(chosen.ui, quiet=shared.quiet, verbose=shared.verbose, name=chosen.name_of("ui")) as view:
        captioner = _make_captioner(layers, chosen.preset, view, shared)
        with outlet.open() as sink, open_trace(shared.trace) as trace, captioner:
            if shared.dry_run:
                return dry_run(captioner, view, sink, inputs.paths, question)
            return _Run(captioner, view, sink, trace, shared.debug, shared.trace).over(inputs.paths, question)


def _make_captioner(layers: Sequence[Layer], preset: str, view: View, shared: SharedOptions) -> Captioner:
    from lvspec_cli.captioner import Captioner

    loaded, reason = _choose_preset(preset)
    captioner = Captioner(loaded, layers, ignore_memory=shared.ignore_memory, trace=shared.trace is not None)
    if not shared.dry_run:
        check_weights(loaded)
    # Said when it is sure that there is nothing wrong: an error is one line.
    if reason:
        view.note(f"preset {loaded.name}: {reason}")
    if loaded.notice:
        view.note(loaded.notice)
    view.settings(captioner.settings)
    return captioner


def _choose_preset(name: str) -> tuple[Preset, str]:
    """A preset, and why it was chosen if its user did not choose it."""
    if name != "auto":
        from lvspec_cli.preset import load_preset

        return load_preset(name), ""
    from lvspec_cli.selection import choose_preset

    choice = choose_preset()
    return choice.preset, choice.reason


@dataclass
class _Run:
    """Takes one input after another; a failed one is reported and the next one is taken."""

    captioner: Captioner
    view: View
    sink: Sink
    trace: TraceWriter | None
    debug: bool  # whether tracebacks are shown
    trace_place: str | None  # where the trace goes
    captioned: int = 0
    failed: int = 0
    skipped: int = 0
    path: str = ""  # the current video
    finished_segments: int = 0  # of it, while it is captioned in segments

    def over(self, paths: Sequence[str], question: str | None) -> int:
        """Work through the paths and return the exit code."""
        try:
            # All are looked at before, so that people are told how much work there is; and each once more when its
            # turn comes, for somebody else may have captioned it meanwhile.
            missing = [path for path in paths if not self._skips(path)]
            for index, path in enumerate(missing):
                if not self._skips(path):
                    self.view.begin(path, index, len(missing))
                    self._take(path, question)
        except BaseException as ending:
            # What is there stays well-formed, whatever ended the run.
            if self.captioned or self.failed:
                with suppress(OSError, LvspecError):
                    self.sink.close()
            self._tell_how_it_ended(ending, len(paths))
            raise
        self.sink.close()
        self.view.summary(self.captioned, self.failed, self.skipped)
        return FAILED if self.failed else OK

    def _tell_how_it_ended(self, ending: BaseException, count: int) -> None:
        """Say what there is of a run that was ended in the middle. Errors of the results tell that by themselves."""
        interrupted = isinstance(ending, KeyboardInterrupt | SystemExit)
        if not interrupted and not isinstance(ending, TraceError):
            return
        self.view.make_way()
        if self.finished_segments:
            self.view.note(self._what_is_dropped())
        if count > 1:
            self.view.note(f"{'interrupted' if interrupted else 'ended'} {self._how_far(count)}")

    def _how_far(self, count: int) -> str:
        where = self.sink.whereabouts if self.captioned else ""
        told = f"; their captions are {where}" if where else ""
        return f"after {self.captioned + self.failed + self.skipped} of {count} videos{told}"

    def _what_is_dropped(self) -> str:
        """A result is of a whole video: segments of one that was not finished are in a trace or nowhere."""
        many = self.finished_segments > 1
        dropped = f"{self.finished_segments} finished segment{'s' if many else ''} of {self.path}"
        if self.trace_place is None:
            return f"{dropped} {'are' if many else 'is'} dropped: with --trace FILE, every segment is kept as it comes"
        where = unfinished(self.trace_place) or self.trace_place
        return f"{dropped} {'are' if many else 'is'} in no result, but in the trace {where}"

    def _skips(self, path: str) -> bool:
        reason = self.sink.reason_to_skip(path)
        if reason:
            self.skipped += 1
            self.view.note(f"skipped: {path}: {reason}")
        return bool(reason)

    def _take(self, path: str, question: str | None) -> None:
        self.path = path
        try:
            caption = None
            for step in self.captioner.stream(path, question):
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
            prompt = self.captioner.settings.prompt if question is None else None
            self._fail(Request(path, prompt, question, self.captioner.settings.system or None), error)
            return
        assert caption is not None  # the last step always carries it
        if caption.trouble is None:
            self.captioned += 1
        else:
            self.failed += 1
        # A result goes before what is said of it: whatever becomes of stderr, it is there.
        self.view.make_way()
        self._write(caption)
        if caption.trouble is None:
            self.view.finished(caption)
        else:
            self.view.failed(Failure(caption.request, caption.trouble.type, caption.trouble.message))

    def _count_segments(self, step: Progress) -> None:
        if step.part is None or step.caption is not None:
            self.finished_segments = 0
        elif step.stage == "decoding" and step.round is None and not step.part.summary:  # the end of a segment
            self.finished_segments += 1

    def _fail(self, request: Request, error: Exception) -> None:
        self.failed += 1
        failure = Failure.of(request, error)
        self.view.make_way()
        self._write(failure)
        self.view.failed(failure)
        if self.debug:
            print_traceback(error)

    def _write(self, result: Caption | Failure) -> None:
        self.sink.write(result)
        if self.trace is not None:
            self.trace.result(result)
