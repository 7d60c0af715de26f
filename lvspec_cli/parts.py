"""A video in parts, its segments and a summary of them all: their steps, and one caption from theirs."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lvspec_cli.caption import Caption, Durations, Part, Progress, Request

if TYPE_CHECKING:
    from lvspec_cli.decoding.events import FinishReason
    from lvspec_cli.video.clip import VideoFacts


SEGMENTS = "{segments}"  # in the prompt of a summary: what was said of the segments


def told_as(part: Part, steps: Iterator[Progress]) -> Generator[Progress, None, Caption]:
    """The steps of a part but for its end, of which only the text is left; return its caption."""
    for step in steps:
        if step.caption is None:
            yield replace(step, part=part)
            continue
        yield Progress("decoding", step.text, part=part, sight=step.sight)
        return step.caption
    raise AssertionError("the last step always carries the caption")


def joined(
    request: Request,
    segments: Sequence[Caption],
    summary: Caption | None,
    settings: Mapping[str, Any],
    dressed: Callable[[str], str],
    planning_seconds: float,
) -> Caption:
    """The caption of a whole video from those of its segments, in order of time, and of the summary if there is one.

    ``settings``: of the whole video, in place of those of a segment, which lack what only the whole has and have its
    own start and end; ``dressed``: what is put around the text of a segment; ``planning_seconds``: it took to find
    the segments.
    """
    from lvspec_cli.decoding.stats import DecodingStats

    parts = [*segments, *([summary] if summary else [])]
    stats = DecodingStats()
    for part in parts:
        stats.add(part.stats)
    segment_parts = tuple(
        replace(segment, text=dressed(segment.text)) for part in segments for segment in part.segments
    )
    return replace(
        parts[0],
        request=request,
        text=summary.text if summary else "\n".join(segment.text for segment in segment_parts),
        tokens=tuple(token for part in parts for token in part.tokens),
        finish_reason=_finish_reason(parts),
        stats=stats,
        durations=_durations(parts, planning_seconds),
        facts=_facts(parts),
        frame_times=_frame_times(parts),
        shrunk_from=_shrunk_from(parts),
        segments=segment_parts,
        settings={**parts[0].settings, **settings},
    )


def quoted(segments: Iterable[Caption]) -> str:
    """What was said of the segments, a line each with its times, for a prompt that asks for a summary."""
    return "\n".join(
        f"{segment.start_s:.1f} s to {segment.end_s:.1f} s: {' '.join(segment.text.split())}"
        for caption in segments
        for segment in caption.segments
    )


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
    warnings = dict.fromkeys(warning for each in facts for warning in each.warnings)
    return replace(facts[0], bad_packets=max(each.bad_packets for each in facts), warnings=tuple(warnings))


def _shrunk_from(parts: Sequence[Caption]) -> int | None:
    """All frames that were to be shown, if there was not enough memory for them in every part."""
    if all(part.shrunk_from is None for part in parts):
        return None
    left_out = sum(part.shrunk_from - len(part.frame_times) for part in parts if part.shrunk_from is not None)
    return len(_frame_times(parts)) + left_out


def _frame_times(parts: Sequence[Caption]) -> tuple[float, ...]:
    return tuple(sorted({time for part in parts for time in part.frame_times}))
