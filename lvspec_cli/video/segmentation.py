"""Where a video is cut into segments: pure rules, and the options that are checked before any video is read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from typing import Literal, TypeAlias

from lvspec_cli.errors import SceneDetectorUnavailable, UsageError, VideoTooLong
from lvspec_cli.parsing import SCENES

SegmentLength: TypeAlias = float | Literal["scenes"]

SHORTEST_REST = 0.1  # of a segment's length; what is left over at the end and shorter is no segment of its own
SHORTEST_SCENE_S = 1.0  # s; a scene that is shorter is no segment of its own
MOST_SPANS = 10_000  # of one video; more are a slip of the keyboard, and would take weeks


@dataclass(frozen=True)
class Span:
    """A part of a video: [start_s, end_s)."""

    start_s: float  # s into the video
    end_s: float  # s likewise; later than start_s


@dataclass(frozen=True)
class SegmentOptions:
    """How to cut a video into segments.

    Raises:
        UsageError: a value makes no sense; the sentence names the command-line flag.
        SceneDetectorUnavailable: it is to be cut at its scenes, and what finds them is not installed.
    """

    segment: SegmentLength | None = None  # s, the length of a segment; "scenes": a segment for each; None: do not cut
    overlap: float = 0.0  # s that a segment shares with the one before it; 0 with scenes, which do not overlap

    def __post_init__(self) -> None:
        if not (math.isfinite(self.overlap) and self.overlap >= 0):
            raise UsageError(f"--overlap must be 0 or more seconds, not {self.overlap:g}")
        if self.segment is None or self.segment == SCENES:
            self._check_no_overlap()
        elif not (math.isfinite(self.segment) and self.segment > 0):
            raise UsageError(f"--segment must be {SCENES} or a number of seconds greater than 0, not {self.segment:g}")
        elif self.overlap >= self.segment:
            raise UsageError(f"--overlap {self.overlap:g} must be shorter than --segment {self.segment:g}")
        if self.segment == SCENES:
            check_scene_detector()

    def _check_no_overlap(self) -> None:
        if self.overlap:
            raise UsageError(f"--overlap {self.overlap:g} needs a --segment of a number of seconds")


def check_scene_detector() -> None:
    """Raise SceneDetectorUnavailable if a package that finds scenes is not installed. Imports none of them."""
    missing = [name for name in ("scenedetect", "cv2") if find_spec(name) is None]
    if missing:
        raise SceneDetectorUnavailable(
            f"--segment {SCENES} needs the package {' and '.join(missing)}: pip install 'lvspec[scenes]'"
        )


def cut(
    start_s: float, end_s: float, seconds: float, overlap: float = 0.0, shortest_rest: float = SHORTEST_REST
) -> list[Span]:
    """Spans of [start, end), each ``seconds`` long and beginning ``seconds - overlap`` after the one before.

    The last one ends at the end. Where less than ``shortest_rest`` of a length is left uncovered, the span before
    takes it in: a span may be up to that much longer than ``seconds``. A video that is shorter is one span.

    Args:
        start_s, end_s: seconds; start < end.
        seconds, overlap: seconds; 0 <= overlap < seconds.
        shortest_rest: share of ``seconds``, more than 0 and at most 1.

    Raises:
        VideoTooLong: that would be more than MOST_SPANS.
    """
    step, rest = seconds - overlap, shortest_rest * seconds
    if (end_s - start_s) > MOST_SPANS * step:
        raise VideoTooLong(
            f"--segment {seconds:g} with --overlap {overlap:g} cuts {end_s - start_s:.0f} s into more than "
            f"{MOST_SPANS} segments: choose a longer --segment or a shorter --overlap"
        )
    spans: list[Span] = []
    while True:
        # Multiples, since sums would add up the rounding; and an end that is exactly where the next span begins.
        start, following = (start_s + number * step for number in (len(spans), len(spans) + 1))
        if end_s - (following + overlap) < rest:
            return [*spans, Span(start, end_s)]
        spans.append(Span(start, following + overlap))


def cut_at(scene_starts: Iterable[float], start_s: float, end_s: float) -> list[Span]:
    """Spans of [start, end) that begin where scenes begin; a scene shorter than SHORTEST_SCENE_S joins the one before.

    Where the first is so short, it joins the next. Starts outside the span are passed over.
    """
    edges = [start_s]
    for scene in sorted(scene_starts):
        if scene - edges[-1] >= SHORTEST_SCENE_S and end_s - scene >= SHORTEST_SCENE_S:
            edges.append(scene)
    return [Span(earlier, later) for earlier, later in pairwise([*edges, end_s])]
