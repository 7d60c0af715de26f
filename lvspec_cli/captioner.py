"""The façade: from the path of a video to its caption, with everything loaded once and only when it is needed."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from lvspec_cli.caption import Caption, Progress, Request, Sight
from lvspec_cli.decoding.draft_length import DraftLength
from lvspec_cli.errors import OutOfMemory, UsageError
from lvspec_cli.offline import go_offline
from lvspec_cli.parts import SEGMENTS, SegmentedVideo, expect_spans, spans_of
from lvspec_cli.plan import Plan, Shrunk, check_fits, placed, shaping
from lvspec_cli.preset import Preset, load_preset
from lvspec_cli.profiles import CAPTION_ONLY, for_answers, settings_for
from lvspec_cli.selection import choose_preset
from lvspec_cli.settings import Layer, Settings, argument_layer, resolve
from lvspec_cli.step_times import StepTimes

if TYPE_CHECKING:
    from lvspec_cli.forecast import Forecast
    from lvspec_cli.models.pair import Pair
    from lvspec_cli.session import Session
    from lvspec_cli.video.clip import Clip
    from lvspec_cli.video.read_ahead import ReadAhead

# Decided when a captioner is made; a single call cannot change them.
_OF_THE_CAPTIONER = {"preset", "device", "dtype", "quantize", "offline", "format", "ui"}


class Captioner:
    """Captions videos and answers questions about them with one pair of models.

    Models are loaded by the first video that can be read, and stay. A captioner is a context manager: leaving it ends
    the process that reads videos. It is not to be shared between threads.

        with Captioner.from_preset("demo", max_tokens=100) as captioner:
            for path in paths:
                print(captioner.caption(path).text)

    Options are the settings of the command line, written with underscores: ``frames``, ``fps``, ``start``, ``method``,
    ``draft_tokens``, ``max_tokens``, ``temperature`` and so on. Errors are of `lvspec_cli.errors.LvspecError`.
    """

    def __init__(
        self, preset: Preset, layers: Sequence[Layer] = (), *, ignore_memory: bool = False, trace: bool = False
    ) -> None:
        """`layers`: settings that go before the preset's, highest first. Wrong ones raise UsageError.

        `ignore_memory`: load the models even where their estimate says that there is too little memory for them.
        `trace`: let the rounds of `stream` carry what explains them, the evidence that costs time to gather (see
        `lvspec_cli.decoding.events.Round`); the texts are the same. It may be changed between videos.
        """
        self.trace = trace
        self._layers = tuple(layers)
        self._plan = Plan.of(settings_for(preset, self._layers))
        check_fits(self._plan, preset)
        self._preset = placed(preset, self.settings)
        self._ignore_memory = ignore_memory
        self._reader: ReadAhead | None = None
        self._pair: Pair | None = None
        self._step_times = StepTimes()
        self._lengths: dict[str, DraftLength] = {}  # method -> what chooses its draft length, if that is left open

    @classmethod
    def from_preset(
        cls,
        preset: str | os.PathLike[str] = "auto",
        *,
        ignore_memory: bool = False,
        trace: bool = False,
        **options: Any,
    ) -> Captioner:
        """A captioner for a preset: the name of a built-in one, the path of a YAML file, or auto for the best here.

        Environment variables and configuration files are the command line's affair and play no part here. What one
        must know of a preset to read its captions rightly is a UserWarning. ``offline=True`` is for the whole process.

        Raises:
            PresetError: there is no such preset, or it cannot be understood.
            UsageError: an option is unknown or wrong.
        """
        layers = [argument_layer(options)]
        if resolve(layers).offline:
            go_offline()
        name = os.fspath(preset)
        found = choose_preset().preset if name == "auto" else load_preset(name)
        captioner = cls(found, layers, ignore_memory=ignore_memory, trace=trace)
        if captioner.preset.notice:
            warnings.warn(captioner.preset.notice, stacklevel=2)
        return captioner

    @property
    def settings(self) -> Settings:
        """The settings in force, each with its origin."""
        return self._plan.settings

    @property
    def preset(self) -> Preset:
        """The preset in force."""
        return self._preset

    @property
    def loaded(self) -> bool:
        """Whether the models are in memory."""
        return self._pair is not None

    def caption(self, video: str | os.PathLike[str], *, prompt: str | None = None, **options: Any) -> Caption:
        """Describe a video in words; `prompt` takes the place of the preset's instruction, or of a style.

        Raises:
            UsageError: an option is wrong, or the pair does not fit together.
            VideoError: the video cannot be read, or with its prompt goes beyond the positions that a model knows.
            ModelError: the weights cannot be loaded.
            OutOfMemory: the video does not fit into memory; with ``on_oom="shrink"``, half of its frames do not either.
        """
        return _last(self.stream(video, prompt=prompt, **options))

    def ask(self, video: str | os.PathLike[str], question: str, **options: Any) -> Caption:
        """Answer a question about a video. Raises as `caption` does."""
        return _last(self.stream(video, question, **options))

    def stream(
        self,
        video: str | os.PathLike[str],
        question: str | None = None,
        *,
        prompt: str | None = None,
        **options: Any,
    ) -> Iterator[Progress]:
        """The same as `ask` (with a question) or `caption`, step by step; the last step carries the caption.

        The texts of the steps, joined, are the text (see `Progress` for what shrinking a video does to that). The
        iterator may be dropped at any time. Wrong options raise UsageError here, everything else on the way.
        """
        plan = self._plan_with(options, question, prompt).traced(self.trace)
        return self._steps(self._request(os.fspath(video), question, plan), plan)

    def expect(
        self,
        video: str | os.PathLike[str],
        question: str | None = None,
        *,
        prompt: str | None = None,
        **options: Any,
    ) -> None:
        """Say that the same will be asked of this video next: it is read in another process from now on.

        What is wrong with it is raised when it is asked for; wrong options raise UsageError here. Say it when a step of
        the video before is past `reading`, lest the two compete. At most two wait: the first makes room. Of a video in
        segments, only what tells where to cut is read.
        """
        plan = self._plan_with(options, question, prompt).traced(self.trace)
        if plan.segments is None:
            self._expect_part(os.fspath(video), plan)
        else:
            expect_spans(self._video_worker(), os.fspath(video), plan.segments, plan.read)

    def forecast(
        self,
        video: str | os.PathLike[str],
        question: str | None = None,
        *,
        prompt: str | None = None,
        **options: Any,
    ) -> Forecast:
        """What `ask` or `caption` would take: frames, tokens, memory. Reads the video's header and loads no model.

        Raises:
            UsageError: an option is wrong.
            VideoError: the video cannot be read.
            ModelError: a model's configuration is neither on this machine nor known.
        """
        plan = self._plan_with(options, question, prompt)
        request = self._request(os.fspath(video), question, plan)
        facts = self._video_worker().inspect(request.path, plan.read)
        from lvspec_cli.forecast import forecast

        return forecast(request, facts, plan, self._preset)

    def shaping(self, question: str | None = None) -> dict[str, Any]:
        """All that makes the captions of one video, or the answers to a question, differ from other ones."""
        return shaping(self._plan_with({}, question, None), self._preset, question)

    def load(self) -> None:
        """Load the models now rather than with the first video. Raises UsageError, PairError or ModelError."""
        self._loaded_for(self._plan, self._plan.settings.prompt or "")

    def close(self) -> None:
        """End the process that reads videos; the next video starts a new one."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def __enter__(self) -> Captioner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _plan_with(self, options: dict[str, Any], question: str | None, prompt: str | None) -> Plan:
        """The plan of a call with its options; those for captions alone play no part in the answer to a question."""
        if question is not None and prompt is not None:
            raise UsageError("a question and a prompt exclude each other: give one of them")
        elsewhere = sorted(options.keys() & set(CAPTION_ONLY)) if question is not None else []
        if elsewhere:
            raise UsageError(f"{elsewhere[0]} is for captions, not for answers to questions: leave it out")
        if prompt is not None:
            options = {**options, "prompt": prompt}
        if not options and question is None:
            return self._plan
        fixed = sorted(_OF_THE_CAPTIONER & options.keys())
        if fixed:
            raise UsageError(f"{fixed[0]} cannot change from call to call: make another Captioner for it")
        layers = [argument_layer(options), *self._layers]
        plan = Plan.of(settings_for(self._preset, layers if question is None else for_answers(layers)))
        check_fits(plan, self._preset)
        return plan

    def _request(self, path: str, question: str | None, plan: Plan) -> Request:
        system = None if plan.system is None else _said("system message", plan.system)
        if question is not None:
            return Request(path, None, _said("question", question), system)
        return Request(path, _said("prompt", plan.settings.prompt), None, system)

    def _steps(self, request: Request, plan: Plan) -> Iterator[Progress]:
        if plan.segments is None:
            yield from self._whole(request, plan)
            return
        if plan.summarizes and self._pair is not None:  # else loading it will look at the prompt
            self._pair.check_prompt(_said("summary prompt", plan.settings.summary_prompt), plan.system)
        started = perf_counter()
        yield Progress("reading")
        spans = spans_of(self._video_worker(), request.path, plan.segments, plan.read)
        video = SegmentedVideo(request, plan, spans, perf_counter() - started)
        expect_part, summary = partial(self._expect_part, request.path), partial(self._summary_request, request, plan)
        yield from video.steps(self._whole, expect_part, summary)

    def _expect_part(self, path: str, plan: Plan, most_frames: int | None = None) -> None:
        """Begin to read what `_whole` will read first."""
        read = plan.read_for(Shrunk.of(plan.read, most_frames))
        self._video_worker().expect(path, read, pictures=plan.decode.trace)

    def _summary_request(self, request: Request, plan: Plan, said: str) -> Request:
        """Ask for a summary of what was said of the segments; a question is asked once more, of the whole video."""
        if request.question is not None:
            return request
        wanted = _said("summary prompt", plan.settings.summary_prompt)
        assert self._pair is not None  # the segments are captioned
        return replace(request, prompt=wanted.replace(SEGMENTS, self._pair.without_control_tokens(said)))

    def _whole(self, request: Request, plan: Plan, most_frames: int | None = None) -> Iterator[Progress]:
        """All steps of what the plan shows of a video, with fewer frames if memory does not suffice (`CaptionPart`)."""
        known = Shrunk.of(plan.read, most_frames)
        try:
            yield from self._attempt(request, plan, known)
            return
        except OutOfMemory as error:
            self._release_memory()
            if known is not None or not plan.shrinks or error.frame_count is None or error.frame_count < 2:
                raise
            shrunk = Shrunk(error.frame_count, error.frame_count // 2)
        # Only now is the error gone, and with it all that it held of the failed attempt.
        yield from self._attempt(request, plan, shrunk)

    def _attempt(self, request: Request, plan: Plan, shrunk: Shrunk | None) -> Iterator[Progress]:
        """All steps; ``shrunk``: to how many frames, None: as many as the plan says."""
        yield Progress("reading")
        started = perf_counter()
        reader, traced = self._video_worker(), plan.decode.trace
        clip = reader.read(request.path, plan.read_for(shrunk), pictures=traced)
        read_seconds = perf_counter() - started
        if not self._ready_for(plan):
            yield Progress("loading")
        session = self._session(request, plan, clip, read_seconds, shrunk.wanted if shrunk else None)
        sight = Sight(clip.facts, clip.times, clip.start_s, clip.end_s, reader if traced else None)
        yield Progress("prefilling", sight=sight)
        session.prefill()
        if plan.drafts:
            session.stats.target_step_seconds = self._step_times.of(session)
        step = Progress("decoding", sight=sight, stats=session.stats, texts=session.texts, setup=session.setup)
        for event in session.rounds():
            yield replace(step, text=session.push(event), round=event)
        yield Progress("done", session.finish(), caption=session.caption(), sight=sight)

    def _session(
        self, request: Request, plan: Plan, clip: Clip, read_seconds: float, shrunk_from: int | None
    ) -> Session:
        pair = self._loaded_for(plan, request.question or request.prompt or "")
        from lvspec_cli.session import Session

        length = self._lengths.setdefault(plan.decode.method, DraftLength())
        return Session(pair, self._preset, plan, request, clip, read_seconds, length, shrunk_from)

    def _release_memory(self) -> None:
        if self._pair is not None:
            from lvspec_cli.session import release_memory

            release_memory(self._pair)

    def _ready_for(self, plan: Plan) -> bool:
        return self._pair is not None and (self._pair.draft is not None or not plan.drafts)

    def _loaded_for(self, plan: Plan, prompt: str) -> Pair:
        """The pair; its draft is loaded for the first method that needs one.

        What is asked first, and of a summary later, is refused before anything is loaded if it cannot be asked.
        """
        from lvspec_cli.models.pair import load_draft, load_pair

        if self._pair is None:
            self._pair = load_pair(
                self._preset,
                with_draft=plan.drafts,
                prompts=(prompt, *([plan.settings.summary_prompt or ""] if plan.settings.summary else [])),
                system=plan.system,
                options=plan.decode,
                ignore_memory=self._ignore_memory,
            )
        elif not self._ready_for(plan):
            self._pair = load_draft(self._pair, self._preset)
        return self._pair

    def _video_worker(self) -> ReadAhead:
        if self._reader is None:
            from lvspec_cli.video.read_ahead import ReadAhead

            self._reader = ReadAhead()
        return self._reader


def _said(what: str, text: str | None) -> str:
    if text is None or not text.strip():
        raise UsageError(f"the {what} is empty: write what you want to know about the video")
    if any("\ud800" <= character <= "\udfff" for character in text):  # bytes that the system could not decode
        raise UsageError(f"the {what} is not valid UTF-8: write it in that encoding")
    return text


def _last(steps: Iterator[Progress]) -> Caption:
    caption = None
    for step in steps:
        caption = step.caption
    assert caption is not None  # the last step always carries it
    return caption
