"""A video in parts, its segments and a summary of them all: their steps, and one caption from theirs."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from lvspec_cli.caption import Caption, Durations, Part, Progress, Request, Segment, Trouble
from lvspec_cli.errors import LvspecError, OutOfMemory, VideoError
from lvspec_cli.parsing import SCENES
from lvspec_cli.video.segmentation import Span, cut, cut_at
from lvspec_cli.video.selection import select

if TYPE_CHECKING:
    from lvspec_cli.decoding.events import FinishReason
    from lvspec_cli.plan import Plan
    from lvspec_cli.video.clip import VideoFacts
    from lvspec_cli.video.options import ReadOptions
    from lvspec_cli.video.read_ahead import ReadAhead
    from lvspec_cli.video.remote import RemoteReader
    from lvspec_cli.video.segmentation import SegmentOptions

SEGMENTS = "{segments}"  # in the prompt of a summary: what was said of the segments
_NUMBER = re.compile(r"\d+")
# Settings of which the whole has its own; the others are those that the segments were captioned with.
_OF_THE_WHOLE = ("start_s", "end_s", "summary_prompt")


class CaptionPart(Protocol):
    """Captions what a plan shows of a video; its last step carries the caption."""

    def __call__(self, request: Request, plan: Plan, most_frames: int | None) -> Iterator[Progress]:
        """``most_frames``: memory does not suffice for more; None: nothing is known of that."""
        ...


class ExpectPart(Protocol):
    """Begins to read what a plan shows of the video, for a `CaptionPart` that is called with the same afterwards."""

    def __call__(self, plan: Plan, most_frames: int | None) -> None: ...


@dataclass
class SegmentedVideo:
    """One video on its way through its parts.

    A part that fails costs that part: the others are captioned, and the caption tells of the trouble.
    """

    request: Request
    plan: Plan
    spans: Sequence[Span]
    planning_seconds: float  # s, it took to find the spans
    captions: list[Caption] = field(default_factory=list)  # of the segments that were captioned, not dressed
    segments: list[Segment] = field(default_factory=list)  # all so far, not dressed
    summary: Caption | None = None
    summary_trouble: Trouble | None = None

    def steps(
        self, caption_part: CaptionPart, expect_part: ExpectPart, summary_request: Callable[[str], Request]
    ) -> Iterator[Progress]:
        """All steps. ``summary_request`` makes the request of the summary from what was said of the segments.

        Each part is expected as soon as the one before is read, so that it is read while that one is captioned.

        Raises what the first segment raised if none of them could be captioned, and what concerns more than one part.
        """
        count = len(self.spans) + self.plan.summarizes
        most_frames, first_error = None, None
        for index, span in enumerate(self.spans):
            steps = caption_part(self.request, self.plan.between(span.start_s, span.end_s), most_frames)
            expect_next = partial(self._expect_next, expect_part, index + 1, most_frames)
            try:
                caption = yield from _told_as(Part(index, count), steps, expect_next)
            except (VideoError, OutOfMemory) as error:
                first_error = first_error or _bare(error)
                self.segments.append(Segment(span.start_s, span.end_s, "", None, (), Trouble.of(error)))
                continue
            self.captions.append(caption)
            self.segments += caption.segments
            if caption.shrunk_from is not None:
                most_frames = len(caption.frame_times)
        if not self.captions:
            assert first_error is not None  # there is at least one span
            raise first_error
        if self.plan.summarizes:
            said = quoted((each.start_s, each.end_s, each.text) for each in self.segments if each.error is None)
            steps = caption_part(summary_request(said), self.plan, most_frames)
            try:
                self.summary = yield from _told_as(Part(len(self.spans), count, summary=True), steps)
            except (VideoError, OutOfMemory) as error:
                self.summary_trouble = Trouble.of(error)
        yield Progress("done", caption=self._caption())

    def _expect_next(self, expect_part: ExpectPart, index: int, most_frames: int | None, fewer: int | None) -> None:
        """``fewer``: what memory may do for instead, as was learnt while the part before was captioned."""
        most_frames = most_frames if fewer is None else fewer
        if index < len(self.spans):
            span = self.spans[index]
            expect_part(self.plan.between(span.start_s, span.end_s), most_frames)
        elif self.plan.summarizes:
            expect_part(self.plan, most_frames)

    def _caption(self) -> Caption:
        """The caption of the whole video."""
        from lvspec_cli.decoding.stats import DecodingStats

        parts = [*self.captions, *([self.summary] if self.summary else [])]
        stats = DecodingStats()
        for part in parts:
            stats.add(part.stats)
        segments = tuple(s if s.error else replace(s, text=self.plan.dressed(s.text)) for s in self.segments)
        summary = self.summary.text if self.summary else None
        settings = self.plan.as_record()
        return replace(
            parts[0],
            request=self.request,
            text="\n".join(s.text for s in segments if not s.error) if summary is None else summary,
            tokens=tuple(token for part in parts for token in part.tokens),
            finish_reason=_finish_reason(parts),
            stats=stats,
            durations=_durations(parts, self.planning_seconds),
            facts=_facts(parts),
            frame_times=_frame_times(parts),
            shrunk_from=_shrunk_from(parts),
            segments=segments,
            summary=summary,
            trouble=_trouble(segments, self.summary_trouble),
            settings={**parts[0].settings, **{key: settings[key] for key in _OF_THE_WHOLE}},
        )


def spans_of(reader: RemoteReader, path: str, segments: SegmentOptions, read: ReadOptions) -> list[Span]:
    """Where the segments of a video begin and end. Raises what `RemoteReader` raises, and VideoTooLong."""
    facts = reader.measure(path, read)
    whole = select(read, facts.duration_s, facts.first_frame_s)
    if segments.segment is None or segments.segment == SCENES:
        return cut_at(reader.scenes(path, read), whole.start_s, whole.end_s)
    return cut(whole.start_s, whole.end_s, segments.segment, segments.overlap)


def expect_spans(reader: ReadAhead, path: str, segments: SegmentOptions, read: ReadOptions) -> None:
    """Begin to find out what `spans_of` will ask for."""
    # The process that found the scenes has the index by then: measuring takes it no time.
    reader.expect(path, read, action="scenes" if segments.segment == SCENES else "measure")


def _told_as(
    part: Part, steps: Iterator[Progress], on_read: Callable[[int | None], None] = lambda _: None
) -> Generator[Progress, None, Caption]:
    """The steps of a part but for its end, of which only the text is left; return its caption.

    ``on_read`` is called when the frames are there; if memory does not suffice, once more with how many it may do for.
    """
    attempts, waiting = 0, False
    for step in steps:
        if step.stage == "reading":
            attempts, waiting = attempts + 1, True
        elif waiting:
            waiting = False
            on_read(len(step.sight.frame_times) if attempts > 1 and step.sight is not None else None)
        if step.caption is None:
            yield replace(step, part=part)
            continue
        yield Progress("decoding", step.text, part=part, sight=step.sight)
        return step.caption
    raise AssertionError("the last step always carries the caption")


def _bare(error: LvspecError) -> LvspecError:
    """The error without what it holds of the failed attempt, which may be much memory."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def quoted(segments: Iterable[tuple[float, float, str]]) -> str:
    """What was said of segments, each a start and an end in seconds and a text, as a summary's prompt quotes it."""
    return "\n".join(f"{start_s:.1f} s to {end_s:.1f} s: {' '.join(text.split())}" for start_s, end_s, text in segments)


def _trouble(segments: Sequence[Segment], of_summary: Trouble | None) -> Trouble | None:
    """What went wrong with some of the parts, as one: the first, and how many there are."""
    failed = [segment for segment in segments if segment.error]
    if not failed:
        return of_summary and Trouble(
            of_summary.type, f"the summary failed, the segments did not: {of_summary.message}"
        )
    first = failed[0]
    assert first.error is not None
    count = f"{len(failed)} of {len(segments)} segments{' and the summary' if of_summary else ''} failed"
    return Trouble(first.error.type, f"{count}, the first at {first.start_s:.1f} s: {first.error.message}")


def _finish_reason(parts: Sequence[Caption]) -> FinishReason:
    """Why the first part ended that did not end by itself."""
    return next((part.finish_reason for part in parts if part.finish_reason != "stop"), "stop")


def _durations(parts: Sequence[Caption], planning_seconds: float) -> Durations:
    durations = [part.durations for part in parts]
    return Durations(
        read_seconds=planning_seconds + sum(each.read_seconds for each in durations),
        prepare_seconds=sum(each.prepare_seconds for each in durations),
        end_to_end_seconds=planning_seconds + sum(each.end_to_end_seconds for each in durations),
    )


def _facts(parts: Sequence[Caption]) -> VideoFacts:
    """Those of the video; each part has met its own packets and has its own to tell of them."""
    facts = [part.facts for part in parts]
    warnings = _told_once(warning for each in facts for warning in each.warnings)
    return replace(facts[0], bad_packets=max(each.bad_packets for each in facts), warnings=warnings)


def _told_once(warnings: Iterable[str]) -> tuple[str, ...]:
    """Of warnings that differ in their numbers alone, such as of packets, the one with the largest."""
    told: dict[str, str] = {}
    for warning in warnings:
        kind = _NUMBER.sub("", warning)
        told[kind] = max(told.get(kind, warning), warning, key=_numbers)
    return tuple(told.values())


def _numbers(warning: str) -> list[int]:
    return [*map(int, _NUMBER.findall(warning))]


def _shrunk_from(parts: Sequence[Caption]) -> int | None:
    """All frames that were to be shown, if there was not enough memory for them in every part."""
    if all(part.shrunk_from is None for part in parts):
        return None
    left_out = sum(part.shrunk_from - len(part.frame_times) for part in parts if part.shrunk_from is not None)
    return len(_frame_times(parts)) + left_out


def _frame_times(parts: Sequence[Caption]) -> tuple[float, ...]:
    return tuple(sorted({time for part in parts for time in part.frame_times}))
