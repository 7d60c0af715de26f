"""Laws of cutting a video into segments, over arbitrary spans, lengths, overlaps and scenes."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.errors import LvspecError, SceneDetectorUnavailable, UsageError
from lvspec_cli.video.segmentation import MOST_SPANS, SHORTEST_SCENE_S, SegmentOptions, Span, cut, cut_at

STARTS = st.floats(0, 5_000)
DURATIONS = st.floats(0.01, 10_000)
LENGTHS = st.floats(10, 1_000)
SHARES = st.floats(0, 0.8)  # of a length
BOUNDARIES = st.lists(st.floats(0, 20_000), max_size=40)


def _covered(spans: list[Span], start: float, end: float) -> bool:
    whole = (spans[0].start_s, spans[-1].end_s) == (start, end)
    return whole and all(later.start_s <= earlier.end_s for earlier, later in pairwise(spans))


def _ascending(spans: list[Span]) -> bool:
    ordered = all(a.start_s < b.start_s and a.end_s < b.end_s for a, b in pairwise(spans))
    return ordered and all(span.start_s < span.end_s for span in spans)


@given(start=STARTS, duration=DURATIONS, seconds=LENGTHS, share=SHARES)
def test_segments_cover_the_span_in_order_and_none_is_empty(
    start: float, duration: float, seconds: float, share: float
) -> None:
    spans = cut(start, start + duration, seconds, share * seconds)
    assert _covered(spans, start, start + duration)
    assert _ascending(spans)


@given(start=STARTS, duration=DURATIONS, seconds=LENGTHS, share=SHARES)
def test_segments_have_their_length_and_distance(start: float, duration: float, seconds: float, share: float) -> None:
    overlap = share * seconds
    *others, last = cut(start, start + duration, seconds, overlap)
    assert all(span.end_s - span.start_s == pytest.approx(seconds) for span in others)
    assert last.end_s - last.start_s <= 1.1 * seconds * (1 + 1e-9)
    for earlier, later in pairwise([*others, last]):
        assert later.start_s - earlier.start_s == pytest.approx(seconds - overlap)


@given(start=STARTS, duration=DURATIONS, seconds=LENGTHS, share=SHARES)
def test_the_last_segment_shows_what_is_worth_a_caption(
    start: float, duration: float, seconds: float, share: float
) -> None:
    spans = cut(start, start + duration, seconds, share * seconds)
    if len(spans) > 1:
        assert spans[-1].end_s - spans[-2].end_s >= 0.1 * seconds * (1 - 1e-9)


@given(start=STARTS, duration=DURATIONS, seconds=LENGTHS)
def test_without_overlap_each_segment_begins_exactly_where_the_one_before_ends(
    start: float, duration: float, seconds: float
) -> None:
    spans = cut(start, start + duration, seconds)
    assert all(earlier.end_s == later.start_s for earlier, later in pairwise(spans))


@pytest.mark.parametrize(
    ("end", "seconds", "overlap", "edges"),
    [
        (60, 30, 0, [(0, 30), (30, 60)]),
        (30, 10, 5, [(0, 10), (5, 15), (10, 20), (15, 25), (20, 30)]),
        (60.9, 30, 0, [(0, 30), (30, 60.9)]),
        (63, 30, 0, [(0, 30), (30, 60), (60, 63)]),
        (25, 10, 2, [(0, 10), (8, 18), (16, 25)]),
        (4, 10, 2, [(0, 4)]),
        (10.5, 10, 9, [(0, 10.5)]),
    ],
)
def test_segments_are_where_one_expects_them(
    end: float, seconds: float, overlap: float, edges: list[tuple[float, float]]
) -> None:
    assert cut(0, end, seconds, overlap) == [Span(*edge) for edge in edges]


@given(count=st.integers(1, 700), seconds=st.sampled_from([0.1, 0.3, 0.7, 1 / 3, 1.1]))
def test_rounding_makes_no_segment_more_or_less(count: int, seconds: float) -> None:
    assert len(cut(0.0, count * seconds, seconds)) == count
    assert len(cut(7.7, 7.7 + count * seconds, seconds)) == count


@pytest.mark.parametrize(("seconds", "overlap"), [(0.001, 0), (10, 9.9999), (5e-324, 0)])
def test_a_slip_of_the_keyboard_is_no_year_of_work(seconds: float, overlap: float) -> None:
    with pytest.raises(LvspecError, match=f"more than {MOST_SPANS} segments: choose a longer --segment"):
        cut(0, 3600, seconds, overlap)


@given(start=STARTS, duration=DURATIONS, scenes=BOUNDARIES)
def test_scenes_cover_the_span_in_order_and_none_is_short(start: float, duration: float, scenes: list[float]) -> None:
    end = start + duration
    spans = cut_at(scenes, start, end)
    assert _covered(spans, start, end)
    assert _ascending(spans)
    assert all(earlier.end_s == later.start_s for earlier, later in pairwise(spans))
    assert len(spans) == 1 or min(span.end_s - span.start_s for span in spans) >= SHORTEST_SCENE_S * (1 - 1e-9)


@given(start=STARTS, duration=DURATIONS, scenes=BOUNDARIES)
def test_scenes_begin_at_the_boundaries_given(start: float, duration: float, scenes: list[float]) -> None:
    begun = [span.start_s for span in cut_at(scenes, start, start + duration)]
    assert set(begun) <= {start, *scenes}
    assert cut_at(begun, start, start + duration) == cut_at(scenes, start, start + duration)


def test_boundaries_far_apart_and_within_are_all_kept() -> None:
    spans = cut_at((2.0, 8.0, 5.0, 50.0), 1.0, 9.5)
    assert [(span.start_s, span.end_s) for span in spans] == [(1.0, 2.0), (2.0, 5.0), (5.0, 8.0), (8.0, 9.5)]
    assert cut_at((), 3.0, 9.0) == [Span(3.0, 9.0)]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"segment": 0.0}, "--segment must be scenes or a number of seconds greater than 0, not 0"),
        ({"segment": -3.0}, "--segment"),
        ({"segment": float("nan")}, "--segment"),
        ({"segment": float("inf")}, "--segment"),
        ({"segment": 10.0, "overlap": 10.0}, "--overlap 10 must be shorter than --segment 10"),
        ({"segment": 10.0, "overlap": 12.5}, "--overlap 12.5 must be shorter than --segment 10"),
        ({"segment": 10.0, "overlap": -1.0}, "--overlap must be 0 or more seconds, not -1"),
        ({"segment": 10.0, "overlap": float("nan")}, "--overlap"),
        ({"overlap": 2.0}, "--overlap 2 needs a --segment of a number of seconds"),
        ({"segment": "scenes", "overlap": 2.0}, "--overlap 2 needs a --segment of a number of seconds"),
    ],
)
def test_a_senseless_option_is_refused_by_its_name(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        SegmentOptions(**options)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("missing", ["scenedetect", "cv2"])
def test_scenes_without_what_finds_them_are_refused_at_once(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SceneDetectorUnavailable, match=rf"{missing}: pip install 'lvspec\[scenes\]'") as caught:
        SegmentOptions("scenes")
    assert caught.value.exit_code == 2
    SegmentOptions(10.0)
