"""What the templates are given: values to show, in the order of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from lvspec_cli.report.charts import BarChart, TimeSplit, histogram_chart, rounds_chart, time_split
from lvspec_cli.report.documents import Documents, VideoDocument
from lvspec_cli.report.facts import ModelRow, Pairs, Tile, fidelity, models, settings, tiles, video_facts
from lvspec_cli.report.fields import is_number
from lvspec_cli.report.figures import Figures
from lvspec_cli.report.heat import Frame, frames
from lvspec_cli.report.record import Record, Segment
from lvspec_cli.report.tokens import Item, token_data
from lvspec_cli.report.trace import Part, PartHead
from lvspec_cli.report.wording import count, counted, moment

_MOST_DETAILED = 50  # records without a trace that are shown in detail; of more, the rows must do
_MOST_OPEN = 3  # videos that are unfolded from the start
_NAME = 120  # characters of a name in the title of the page


@dataclass(frozen=True)
class PartView:
    """A caption: of the whole video, of a segment, or the summary."""

    title: str  # "" if there is only one
    span: str  # which part of the video
    text: str  # what the record says; "" if the tokens say the same
    items: tuple[Item, ...]  # empty without a trace
    counts: tuple[tuple[str, int], ...]  # tokens by kind
    data: dict[str, Any] | None  # for the script
    frames: tuple[Frame, ...]
    has_heat: bool  # whether any token says where it looks
    chart: BarChart | None
    prompt: str | None  # where it is not that of the video


@dataclass(frozen=True)
class VideoView:
    """One video in detail."""

    name: str  # of the file, without its folder
    path: str
    error: str | None
    partial: bool  # whether there is a caption of some of it at least
    interrupted: bool
    asked: Pairs  # prompt or question, system
    tiles: tuple[Tile, ...]
    parts: tuple[PartView, ...]
    time: TimeSplit | None
    histogram: BarChart | None  # where there is no trace
    fidelity: tuple[str, ...]
    models: tuple[ModelRow, ...]
    settings: Pairs
    facts: Pairs


@dataclass(frozen=True)
class Row:
    """One video in the index."""

    path: str
    detail: int | None  # which of the videos in detail it is; None if it is none
    text: str
    figures: Figures
    status: str  # "" if all went well
    failed: bool


@dataclass(frozen=True)
class PageView:
    """The whole page."""

    title: str
    videos: tuple[VideoView, ...]
    rows: tuple[Row, ...]  # empty if there is but one video
    counts: tuple[str, ...]  # sentences on all videos
    tiles: tuple[Tile, ...]  # of all videos together
    time: TimeSplit | None  # of all videos together
    fold: bool  # whether the videos are folded at first
    notes: tuple[str, ...]


def page_view(documents: Documents) -> PageView:
    """The page of some videos. Raises LvspecError."""
    videos = documents.videos
    detailed = [video for video in videos if video.parts or len(videos) <= _MOST_DETAILED]
    numbers = {id(video): number for number, video in enumerate(detailed)}
    figures = [_figures(video) for video in videos]
    total = Figures.total(figures)
    several = len(videos) > 1
    return PageView(
        title=counted(len(videos), "video") if several else _shortened(_name(videos[0].run.path)),
        videos=tuple(map(video_view, detailed)),
        rows=tuple(_row(*each, numbers) for each in zip(videos, figures, strict=True)) if several else (),
        counts=_counts(videos),
        tiles=tiles(total) if several else (),
        time=time_split(total) if several else None,
        fold=len(detailed) > _MOST_OPEN,
        notes=documents.notes,
    )


def video_view(video: VideoDocument) -> VideoView:
    """One video in detail. Raises LvspecError."""
    figures, record, run = _figures(video), video.record, video.run
    system = run.system or (video.parts[0].head.run.system if video.parts else None)
    asked = (("Question", run.question), ("Prompt", run.prompt), ("System prompt", system))
    histogram = record.stats.numbers("acceptance_histogram") if record and not video.parts else ()
    return VideoView(
        name=_name(run.path),
        path=run.path,
        error=f"{record.error_type}: {record.error_message}" if record and record.error_type else None,
        partial=record is not None and record.text is not None,
        interrupted=record is None,
        asked=tuple((label, text) for label, text in asked if text),
        tiles=tiles(figures),
        parts=tuple(_traced(video)) if video.parts else tuple(_recorded(record)),
        time=time_split(figures),
        histogram=histogram_chart(histogram),
        fidelity=fidelity(video, figures),
        models=models(video),
        settings=settings(video),
        facts=video_facts(video),
    )


def _figures(video: VideoDocument) -> Figures:
    if video.record is not None and video.record.text is not None:
        return Figures.of_stats(video.record.stats)
    return Figures.of_parts(video.parts)


def _traced(video: VideoDocument) -> list[PartView]:
    segments = video.record.segments if video.record else ()
    views = []
    for part in sorted(video.parts, key=lambda part: not part.head.summary):
        head, tokens = part.head, token_data(part)
        span = "" if head.start_s is None or head.end_s is None else _span(head.start_s, head.end_s)
        views.append(
            PartView(
                title=_part_title(head) if head.parts > 1 else "",
                span="" if head.summary else span,
                text=_as_written(part, video.record, segments),
                items=tokens.items,
                counts=tokens.counts,
                data=_data(part, tokens.payload),
                frames=frames(head),
                has_heat=any("grounding" in payload for payload in tokens.payload),
                chart=rounds_chart(part.rounds),
                prompt=head.run.prompt if head.run.prompt != video.run.prompt else None,
            )
        )
    return views


def _part_title(head: PartHead) -> str:
    if head.summary:
        return "Summary"
    return f"Segment {head.part + 1} of {head.parts - bool(head.run.settings.get('summary'))}"


def _as_written(part: Part, record: Record | None, segments: Sequence[Segment]) -> str:
    """What the record has as the text of a part, if it is more or other than what the tokens say."""
    if record is None or record.text is None:
        return ""
    text = record.text
    if not part.head.summary and part.head.parts > 1:
        text = segments[part.head.part].text if part.head.part < len(segments) else ""
    return "" if text.strip() in part.text else text


def _data(part: Part, payload: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the script is given of a part."""
    head = part.head
    relevances = [each["relevance"] for each in payload if "relevance" in each]
    layout = head.layout
    return {
        "tokens": payload,
        "signal": head.signal,
        "threshold": head.threshold,
        "scale": max([*relevances, head.threshold or 0.0], default=0.0),
        "grounding": head.grounding,
        "layout": layout and [layout.steps, layout.rows, layout.columns, layout.frames_per_step],
        "aspect": _aspect(head),
        "times": [moment(time) for time in head.frame_times_s],
    }


def _aspect(head: PartHead) -> float:
    """Width over height of a frame, kept within what can be shown."""
    width, height = head.run.facts.get("width"), head.run.facts.get("height")
    if not is_number(width) or not is_number(height) or min(width, height) <= 0:
        return 1
    return round(min(max(width / height, 0.25), 4), 3)


def _recorded(record: Record | None) -> list[PartView]:
    """The captions of a record without a trace."""
    if record is None or record.text is None:
        return []
    segments = record.segments
    if len(segments) <= 1 and record.summary is None:
        return [_plain("", "", record.text)]
    number = len(segments)
    views = [
        _plain(f"Segment {at} of {number}" if number > 1 else "Segment", _segment_span(each), _told(each))
        for at, each in enumerate(segments, 1)
    ]
    return views if record.summary is None else [_plain("Summary", "", record.summary), *views]


def _told(segment: Segment) -> str:
    return segment.text if segment.error is None else f"(Not captioned: {segment.error})"


def _plain(title: str, span: str, text: str) -> PartView:
    return PartView(title, span, text, (), (), None, (), False, None, None)


def _segment_span(segment: Segment) -> str:
    return "" if segment.start_s is None or segment.end_s is None else _span(segment.start_s, segment.end_s)


def _span(start: float, end: float) -> str:
    return f"{moment(start)} to {moment(end)}"


def _row(video: VideoDocument, figures: Figures, numbers: dict[int, int]) -> Row:
    record = video.record
    failed = record is not None and record.error_type is not None
    status = "interrupted" if record is None else ""
    if record is not None and failed:
        status = f"{'failed' if record.text is None else 'in part'} ({record.error_type}): {record.error_message}"
    text = record.text if record else " ".join(part.text for part in video.parts)
    return Row(video.run.path, numbers.get(id(video)), text or "", figures, status, failed)


def _counts(videos: Sequence[VideoDocument]) -> tuple[str, ...]:
    failed = sum(video.record is not None and video.record.error_type is not None for video in videos)
    interrupted = sum(video.record is None for video in videos)
    traced = sum(bool(video.parts) for video in videos)
    numbers = {
        "captioned": len(videos) - failed - interrupted,
        "failed": failed,
        "interrupted": interrupted,
        "with a trace": traced,
    }
    return tuple(f"{count(number)} {what}" for what, number in numbers.items() if number)


def _name(path: str) -> str:
    return PurePath(path).name or path


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[:_NAME]}..."
