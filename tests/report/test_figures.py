"""Figures and charts: they add up, whether they come from a record, from a trace, or from many videos."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.report import read_documents
from lvspec_cli.report.charts import HEIGHT, histogram_chart, rounds_chart, time_split
from lvspec_cli.report.facts import fidelity, tiles
from lvspec_cli.report.fields import Fields
from lvspec_cli.report.figures import Figures
from lvspec_cli.report.wording import decimal, harmless, moment, seconds, setting, share, size
from tests.report import traces

amounts = st.floats(0, 1e6)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A video with a trace and a record."""
    path = tmp_path_factory.mktemp("figures") / "t.jsonl"
    path.write_text(traces.json_lines(traces.trace()))
    return read_documents([str(path)]).videos[0]


def test_a_trace_counts_as_its_record_does(video):
    of_record, of_rounds = Figures.of_stats(video.record.stats), Figures.of_parts(video.parts)
    for name in ("tokens", "rounds", "draft_tokens", "accepted", "loose", "shifted"):
        assert getattr(of_record, name) == getattr(of_rounds, name)
    for name in ("decode_seconds", "draft_seconds", "verify_seconds"):
        assert getattr(of_record, name) == pytest.approx(getattr(of_rounds, name))


def test_a_trace_knows_what_loosening_cost(video):
    figures = Figures.of_parts(video.parts)
    loosened = [place for each in video.parts[0].rounds for place in each.kept if place.verdict != "exact"]
    assert figures.gap_nats == pytest.approx(
        sum(place.choice.log_probability - place.target_log_probability for place in loosened)
    )
    assert 0 < figures.loosened_ratio < 1


@given(st.lists(st.builds(Figures, tokens=amounts, rounds=amounts, decode_seconds=amounts), max_size=5))
def test_the_total_adds_everything_up(several):
    total = Figures.total(several)
    assert total.tokens == pytest.approx(sum(each.tokens for each in several))
    assert total.tokens_per_second == (total.tokens / total.decode_seconds if total.decode_seconds else None)


def test_the_speed_up_of_many_is_weighted_by_their_time():
    def figures(speedup, decode):
        return Figures.of_stats(Fields({"estimated_speedup": speedup, "decode_seconds": decode}, "here"))

    assert Figures.total([figures(2.0, 1.0), figures(4.0, 3.0)]).speedup == pytest.approx(3.5)
    assert Figures.total([figures(2.0, 1.0), figures(None, 100.0)]).speedup == pytest.approx(2.0)
    assert Figures.total([figures(None, 1.0)]).speedup is None


def figures_of(**changed):
    return Figures.of_stats(Fields({**traces.record()["stats"], **changed}, "here"))


def labels(figures):
    return [tile.label.replace("\xa0", " ") for tile in tiles(figures)]


def test_a_cost_that_is_not_known_is_not_shown_as_none():
    figures = figures_of(log_probability_gap_nats=None)
    assert figures.loosened > 0
    assert figures.gap_per_token is figures.loosened_ratio is None
    assert not any("fidelity" in label for label in labels(figures))
    both = Figures.total([figures, figures_of()])
    assert both.gap_per_token is both.loosened_ratio is None


def test_a_trace_that_does_not_tell_every_cost_tells_none(tmp_path):
    lines = traces.trace(finished=False)
    loose = next(place for place in lines[1]["places"] if place["verdict"] == "loose")
    loose["draft"]["target_log_probability"] = None  # the logarithm of 0
    (tmp_path / "t").write_text(traces.json_lines(lines))
    (video,) = read_documents([str(tmp_path / "t")]).videos
    figures = Figures.of_parts(video.parts)
    assert figures.loosened_ratio is None
    assert fidelity(video, figures)[-1] == "What that cost is not known."


def test_where_nothing_was_said_nothing_is_said_of_its_fidelity(video):
    assert fidelity(video, Figures()) == ("Lossy: the text may differ from the target's own.",)
    assert fidelity(video, Figures(tokens=3))[0].endswith("No token was loosened here.")


def test_draft_tokens_of_unknown_fate_are_not_shown_as_rejected():
    assert figures_of(num_accepted_draft_tokens=None).acceptance_rate is None
    assert figures_of(num_accepted_draft_tokens=0).acceptance_rate == 0


def test_a_speed_up_that_some_videos_lack_says_of_how_many_it_is():
    known, unknown = figures_of(), figures_of(estimated_speedup=None)
    assert labels(known)[0] == "estimated speed-up over the target alone"
    assert labels(Figures.total([known, unknown]))[0] == "estimated speed-up over the target alone, in 1 of 2 videos"
    assert labels(Figures.total([known, Figures()]))[0] == "estimated speed-up over the target alone"
    assert not any("speed-up" in label for label in labels(unknown))


def test_decoding_that_is_not_split_is_no_rest():
    names = [piece.name for piece in time_split(Figures(prefill_seconds=1, decode_seconds=2)).pieces]
    assert names == ["prefill", "decoding"]


def test_nothing_known_is_no_figure_and_no_error():
    nothing = Figures()
    assert nothing.tokens_per_second is nothing.mean_acceptance_length is nothing.acceptance_rate is None
    assert nothing.gap_per_token is nothing.loosened_ratio is nothing.speedup is None
    assert time_split(nothing) is None


@given(
    st.builds(Figures, read_seconds=amounts, decode_seconds=amounts, draft_seconds=amounts, end_to_end_seconds=amounts)
)
def test_the_pieces_of_the_time_fill_the_bar(figures):
    split = time_split(figures)
    if split is not None:
        assert sum(piece.width for piece in split.pieces) == pytest.approx(100, abs=0.01)
        ends = [piece.x + piece.width for piece in split.pieces]
        assert [piece.x for piece in split.pieces[1:]] == pytest.approx(ends[:-1], abs=0.01)


def test_the_bars_of_the_rounds_stand_on_each_other_and_on_the_ground(video):
    chart = rounds_chart(video.parts[0].rounds)
    for bar in (bar for row in chart.rows for bar in row.bars):
        below = HEIGHT
        for piece in bar.pieces:
            assert piece.start + piece.length == pytest.approx(below, abs=0.02)
            below = piece.start
        assert below >= 0
    assert chart.top == traces.GAMMA + 1


def test_many_rounds_are_drawn_in_rows_that_lose_none(video):
    chart = rounds_chart(video.parts[0].rounds * 50)
    assert [bar.number for row in chart.rows for bar in row.bars] == list(range(1, 401))
    assert len(chart.rows) == 5


def test_a_decode_without_a_draft_has_no_chart_of_acceptance():
    assert rounds_chart([]) is None
    assert histogram_chart([4]) is None
    assert histogram_chart([0, 0]) is None


def test_the_histogram_has_a_bar_for_every_number_of_accepted_tokens():
    chart = histogram_chart([0, 3, 0, 1])
    assert [bar.title.replace("\xa0", " ") for bar in chart.rows[0].bars] == [
        "0 draft tokens kept: 0 rounds",
        "1 draft token kept: 3 rounds",
        "2 draft tokens kept: 0 rounds",
        "3 draft tokens kept: 1 round",
    ]


@given(st.text())
def test_harmless_text_can_be_encoded_and_steers_nobody(text):
    shown = harmless(text)
    assert shown.encode("utf-8") is not None
    assert harmless(shown) == shown
    assert not any(character in shown for character in "\x00\x1b\x7f\x9b\u202e\u2066\u2028")


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp"])))
def test_ordinary_text_is_left_as_it_is(text):
    assert harmless(text + "\n\t") == text + "\n\t"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (decimal(0), "0"),
        (decimal(0.0363), "0.036"),
        (decimal(3.456), "3.46"),
        (decimal(1234.5), "1,234"),
        (decimal(1e-9), "1.00e-09"),
        (share(0.5375), "54 %"),
        (share(0.021), "2.1 %"),
        (seconds(0.0123), "12.3 ms"),
        (seconds(2.5), "2.50 s"),
        (seconds(8544), "2 h 22 min"),
        (seconds(150), "2 min"),
        (moment(0.375), "0.38 s"),
        (moment(4.0), "4 s"),
        (moment(61.5), "1:01.50"),
        (moment(119.999), "2:00.00"),
        (size(897_146_880), "897 MB"),
        (size(3e15), "3,000 TB"),
        (setting([]), "none"),
        (setting({"a": [1, True]}), "a: 1, yes"),
        (setting(None), "\u2013"),
    ],
)
def test_numbers_and_settings_are_short_and_have_their_units(shown, expected):
    assert shown.replace("\xa0", " ") == expected
