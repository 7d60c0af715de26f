"""What the writers write: anything with a path, a text and a record; and what was said of which part of the video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from lvspec_cli.caption import Caption
from lvspec_cli.output.recorded import RecordedCaption

if TYPE_CHECKING:
    from lvspec_cli.decoding.events import FinishReason


class Result(Protocol):
    """A caption, or the failure of one input."""

    @property
    def path(self) -> str:
        """The video, as its user named it."""
        ...

    @property
    def text(self) -> str | None:
        """What was said about the video; None if the input failed."""
        ...

    def as_record(self) -> dict[str, Any]:
        """The whole result as JSON values."""
        ...


# What captions are: fresh ones, and those of an earlier run.
CAPTIONS = (Caption, RecordedCaption)


@dataclass(frozen=True)
class Passage:
    """Something that was said, and of which part of the video."""

    kind: Literal["segment", "summary"]
    start_s: float  # s into the video
    end_s: float  # s into the video
    text: str
    finish_reason: FinishReason | None


def passages_of(result: Result) -> list[Passage]:
    """What was said of each segment, in order of time, and at last the summary, if there is one.

    A video that was captioned as a whole has one segment; what is no caption has none, nor has a segment that failed.
    """
    if not isinstance(result, CAPTIONS):
        return []
    said = [Passage("segment", s.start_s, s.end_s, s.text, s.finish_reason) for s in result.segments if not s.error]
    if result.summary is not None:
        start, end = min(s.start_s for s in result.segments), max(s.end_s for s in result.segments)
        said.append(Passage("summary", start, end, result.summary, result.finish_reason))
    return said
