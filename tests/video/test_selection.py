"""Laws of frame selection, over arbitrary times, spans and counts."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.errors import SelectionOutsideVideo
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.selection import rate_count, select, showing, slot_middles

SECONDS = st.floats(0.01, 10_000, allow_nan=False)
COUNTS = st.integers(1, 300)
GAPS = st.lists(st.floats(0.001, 5.0), min_size=1, max_size=60)


def _times(gaps: list[float]) -> list[float]:
    return list(itertools.accumulate(gaps[:-1], initial=0.0))


@given(duration=SECONDS, count=COUNTS)
def test_slot_middles_ascend_within_the_video(duration: float, count: int) -> None:
    moments = select(ReadOptions(frame_count=count), duration).moments
    assert len(moments) == count
    assert moments[0] > 0
    assert moments[-1] < duration
    assert all(earlier < later for earlier, later in itertools.pairwise(moments))


@given(duration=SECONDS, count=COUNTS)
def test_slot_middles_are_the_same_from_either_end(duration: float, count: int) -> None:
    moments = slot_middles(0.0, duration, count)
    mirrored = [duration - moment for moment in reversed(moments)]
    assert moments == pytest.approx(mirrored, rel=1e-9, abs=1e-9 * duration)


@given(duration=SECONDS, count=st.integers(1, 100))
def test_three_times_the_slots_keep_the_middles(duration: float, count: int) -> None:
    assert slot_middles(0.0, duration, 3 * count)[1::3] == pytest.approx(slot_middles(0.0, duration, count), rel=1e-9)


@given(start=SECONDS, length=SECONDS, rate=st.floats(0.05, 60), most=COUNTS)
def test_a_rate_stays_within_the_span_and_the_most_frames(start: float, length: float, rate: float, most: int) -> None:
    options = ReadOptions(frame_count=None, frames_per_second=rate, start_s=start, max_frames=most)
    selection = select(options, start + length)
    assert 1 <= len(selection.moments) <= most
    assert selection.moments[0] >= start
    assert selection.moments[-1] <= start + length
    assert bool(selection.warnings) == (rate_count(start, start + length, rate) > most)


@given(periods=st.integers(1, 500), rate=st.sampled_from([1.0, 5.0, 23.976, 24.0, 25.0, 29.97, 30.0, 59.94]))
def test_a_span_of_whole_periods_holds_that_many_moments(periods: int, rate: float) -> None:
    options = ReadOptions(frame_count=None, frames_per_second=rate)
    assert len(select(options, periods / rate).moments) == periods


@given(gaps=GAPS, count=COUNTS)
def test_each_chosen_frame_shows_at_some_moment_and_each_moment_is_covered(gaps: list[float], count: int) -> None:
    times = _times(gaps)
    moments = slot_middles(0.0, sum(gaps), count)
    chosen = showing(times, moments)
    by_hand = {max(i for i, time in enumerate(times) if time <= moment + 1e-9) for moment in moments}
    assert chosen == sorted(by_hand)


@given(gaps=GAPS)
def test_slots_finer_than_every_gap_choose_every_frame(gaps: list[float]) -> None:
    times = _times(gaps)
    slots = int(sum(gaps) / min(gaps)) * 2 + 2
    assert showing(times, slot_middles(0.0, sum(gaps), slots)) == list(range(len(times)))


@given(gaps=GAPS, count=COUNTS, offset=st.floats(0, 1))
def test_choosing_again_among_the_chosen_changes_nothing(gaps: list[float], count: int, offset: float) -> None:
    times = _times(gaps)
    chosen = showing(times, slot_middles(0.0, sum(gaps), count))
    again = showing(times, [times[index] for index in chosen])
    assert again == chosen


@given(numbers=st.lists(st.integers(0, 5000), min_size=1, max_size=60, unique=True))
def test_times_rounded_to_milliseconds_still_show_at_their_moment(numbers: list[int]) -> None:
    exact = [number / 29.97 for number in sorted(numbers)]
    rounded = [round(time, 3) for time in exact]
    assert showing(rounded, exact, tick_s=0.001) == list(range(len(exact)))


def test_a_coarse_clock_does_not_move_the_choice_by_a_frame() -> None:
    assert showing([0.0, 0.04, 0.08], [0.035, 0.075], tick_s=0.04) == [0, 1]


def test_before_the_first_frame_the_first_frame_counts_as_showing() -> None:
    assert showing([0.5, 1.0], [0.1]) == [0]


@given(duration=SECONDS, beyond=st.floats(0, 100))
def test_a_start_past_the_end_is_refused(duration: float, beyond: float) -> None:
    with pytest.raises(SelectionOutsideVideo, match="past the end"):
        select(ReadOptions(start_s=duration + beyond), duration)


@given(duration=SECONDS, first=st.floats(0, 1, exclude_max=True), start=st.floats(0, 1, exclude_max=True))
def test_the_span_begins_no_earlier_than_the_pictures(duration: float, first: float, start: float) -> None:
    first_s, start_s = first * duration, start * duration
    selection = select(ReadOptions(frame_count=3, start_s=start_s), duration, first_s)
    assert selection.start_s == max(first_s, start_s)
    assert selection.moments == slot_middles(selection.start_s, duration, 3)
    assert select(ReadOptions(frame_count=3), duration, first_s).start_s == first_s
    at_a_rate = select(ReadOptions(frame_count=None, frames_per_second=1.0), duration, first_s)
    assert at_a_rate.moments[0] == first_s or len(at_a_rate.moments) == ReadOptions.max_frames


@given(first=st.floats(1, 100), share=st.floats(0.01, 1))
def test_a_span_that_is_over_before_the_pictures_is_refused(first: float, share: float) -> None:
    with pytest.raises(SelectionOutsideVideo, match="not after the first frame"):
        select(ReadOptions(start_s=0.0, end_s=share * first), first + 10, first)


@given(duration=SECONDS, start=st.floats(0, 1, exclude_max=True))
def test_the_span_ends_with_the_video(duration: float, start: float) -> None:
    options = ReadOptions(start_s=start * duration, end_s=2 * duration)
    selection = select(options, duration)
    assert (selection.start_s, selection.end_s) == (start * duration, duration)
