"""From runs to figures, tables, Markdown and JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lvspec_cli.bench.arena import Measured
from lvspec_cli.bench.bootstrap import Resamples
from lvspec_cli.bench.comparison import Run
from lvspec_cli.bench.figures import Figures, figures, kept_mismatches
from lvspec_cli.bench.plot import draw
from lvspec_cli.bench.quality import Answer, Quality
from lvspec_cli.bench.record import row_record
from lvspec_cli.bench.rows import ROWS
from lvspec_cli.bench.setting import Setting, settings_to_try, usual_setting
from lvspec_cli.bench.table import Table, as_markdown, comparison_parts, comparison_table, sweep_table
from lvspec_cli.bench.tally import Tally
from lvspec_cli.bench.tuning import Sweep, matched_share
from lvspec_cli.decoding.looseness import Looseness

CLIPS = 3


def measured(setting: Setting, seconds: float, rounds: int, right: int | None, tally: Tally | None = None) -> Measured:
    """Ten tokens a clip in ``seconds`` of decoding, and one second more from end to end."""
    tokens = tuple(range(10))
    marks = None if right is None else {str(index): index < right for index in range(4)}
    run = Run(tokens, rounds, 10, seconds, seconds + 1, tally)
    quality = Quality(marks, marks, 0.5 if right == 3 else 1.0, 1.0, right == 4)
    return Measured(setting, (run,) * CLIPS, (Answer(tokens, "text"),) * CLIPS, (quality,) * CLIPS)


def usual(name: str, draft_tokens: int = 5) -> Setting:
    return usual_setting(ROWS[name], draft_tokens, Looseness())


def table_rows(truth: bool = True) -> list[Figures]:
    loose = Tally(12, 3, 1, {"anchor": 2, "guard": 4}, 0.5, 0.2, 0.7)
    reference = measured(usual("ar"), 2.0, 10, 4 if truth else None)
    lvspec = measured(usual("lvspec"), 1.0, 2, 3 if truth else None, loose)
    peer = measured(usual("assisted"), 4.0, 5, 4 if truth else None)
    return [figures(each, reference, Resamples(CLIPS)) for each in (reference, lvspec, peer)]


def test_figures_are_ratios_over_the_reference() -> None:
    _, lvspec, peer = table_rows()
    assert lvspec.speed.decode is not None
    assert lvspec.speed.decode.value == 2.0
    assert lvspec.speed.end_to_end is not None
    assert lvspec.speed.end_to_end.value == 1.5
    assert lvspec.speed.acceptance_length is not None
    assert lvspec.speed.acceptance_length.value == 5.0
    assert lvspec.faithfulness.accuracy is not None
    assert lvspec.faithfulness.retention is not None
    assert lvspec.faithfulness.accuracy.value == lvspec.faithfulness.retention.value == 0.75
    assert lvspec.looseness is not None
    assert lvspec.looseness.gap_nats_per_token is not None
    assert lvspec.looseness.gap_nats_per_token.value == pytest.approx(0.05)
    assert lvspec.looseness.kept_mismatches is not None
    assert lvspec.looseness.kept_mismatches.value == 0.4  # 3 loose and 1 shifted, 6 refused
    assert lvspec.looseness.refusals == {"anchor": 6, "guard": 12}
    assert peer.looseness is None


def test_a_table_has_a_cell_for_every_heading_and_says_nothing_of_truth_that_is_not_known() -> None:
    known, unknown = (comparison_table(table_rows(truth), CLIPS) for truth in (True, False))
    for table in (known, unknown):
        assert [row[0] for row in table.rows] == ["ar", "lvspec", "Hugging Face assisted"]
        assert {len(row) for row in table.rows} == {len(table.headings)}
    assert "retention" in known.headings
    assert "retention" not in unknown.headings
    assert known.rows[1][known.headings.index("decode")].startswith("2.00x ")
    assert known.rows[1][known.headings.index("guarded")] == "12"


def test_how_much_is_said_stands_beside_the_speed_a_caption() -> None:
    reference = measured(usual("ar"), 2.0, 10, 4)
    run = replace(reference.runs[0], tokens=tuple(range(4)))
    terse = replace(reference, setting=usual("lvspec"), runs=(run, *reference.runs[1:]))
    row = figures(terse, reference, Resamples(CLIPS))
    assert row.speed.tokens_per_caption is not None
    assert row.speed.tokens_per_caption.value == 8.0
    assert row.speed.tokens_per_caption.low < 8.0 < row.speed.tokens_per_caption.high
    assert row_record(row)["speed"]["tokens_per_caption"]["value"] == 8.0
    _, quality, _ = comparison_parts([row], CLIPS)
    assert quality.rows[0][quality.headings.index("tokens a caption")].startswith("8.0 (")


def test_the_note_says_which_control_has_neither_guard_nor_list_and_which_is_the_fair_one() -> None:
    rows = [row for row in table_rows() if row.setting.row.name != "assisted"]
    _, without, _ = comparison_parts(rows, CLIPS)
    assert "random" not in without.note
    control = measured(usual("random"), 1.0, 2, 3)
    control_row = figures(control, measured(usual("ar"), 2.0, 10, 4), Resamples(CLIPS))
    _, quality, _ = comparison_parts([*rows, control_row], CLIPS)
    assert (
        "Neither the guard nor the list of critical words holds for random (random, as loose as lvspec)" in quality.note
    )
    assert "answers about the synthetic clips (before, after, two, three, four)" in quality.note
    assert "the fair comparison of the score alone is random-guarded" in quality.note
    assert quality.note in comparison_table([*rows, control_row], CLIPS).note


def test_the_parts_for_a_terminal_say_what_the_whole_table_says() -> None:
    rows = table_rows()
    parts, whole = comparison_parts(rows, CLIPS), comparison_table(rows, CLIPS)
    assert ("method", *(heading for part in parts for heading in part.headings[1:])) == whole.headings
    assert all(len(line) == len(part.headings) for part in parts for line in part.rows)


def test_markdown_is_a_table_whose_cells_cannot_break_it() -> None:
    lines = as_markdown(Table("Title", ("method", "figure"), (("a|b", "1"), ("c", "2")), "Note.")).splitlines()
    assert lines == [
        "### Title",
        "",
        "| method | figure |",
        "| --- | ---: |",
        "| a\\|b | 1 |",
        "| c | 2 |",
        "",
        "Note.",
    ]


def test_a_row_is_json_with_intervals_and_parameters() -> None:
    record = json.loads(json.dumps(row_record(table_rows()[1]), allow_nan=False))
    assert (record["row"], record["method"], record["draft_tokens"]) == ("lvspec", "lvspec", 5)
    assert set(record["speed"]["decode"]) == {"value", "low", "high"}
    assert record["parameters"]["min_probability"] == Looseness().min_probability
    assert record["assistance"] is None


def test_lvspec_without_shift_differs_in_nothing_else() -> None:
    with_shift, without = usual("lvspec").looseness, usual("lvspec-unshifted").looseness
    assert with_shift == Looseness()
    assert without == Looseness(shift_window=0)


def test_no_two_settings_of_a_sweep_share_a_label_or_a_column() -> None:
    for row in ROWS.values():
        tried = settings_to_try(usual_setting(row, 5, Looseness()), (2, 5, 8))
        assert len({each.label for each in tried}) == len({each.chosen for each in tried}) == len(tried)
    assert len(settings_to_try(usual("ar"), (2, 5, 8))) == 1
    assert [each.draft_tokens for each in settings_to_try(usual("strict-auto"), (2, 5, 8))] == ["auto"]


def test_a_sweep_marks_the_fastest_draft_length_of_every_method() -> None:
    reference = measured(usual("ar"), 2.0, 10, None)
    tried = [reference, *(measured(usual("strict", n), seconds, 3, None) for n, seconds in ((2, 1.2), (4, 0.9)))]
    rows = tuple(figures(each, reference, Resamples(CLIPS)) for each in tried)
    best = Sweep(rows).best("strict")
    assert best.draft_tokens == 4
    table = sweep_table(rows, [row for row in rows if row.setting == best], CLIPS)
    assert table.headings == ("draft", "strict")
    assert table.rows == (("2", "1.67x"), ("4", "2.22x*"))


def test_the_control_is_made_as_loose_as_is_wanted() -> None:
    assert 0.8 * matched_share(lambda share: 0.8 * share, 0.4) == pytest.approx(0.4)
    assert matched_share(lambda share: 0.3 * share, 0.9) == 1.0  # as loose as it can be
    assert matched_share(lambda share: share, 0.0) == 0.0


def test_the_share_of_kept_mismatches_is_of_those_judged() -> None:
    one, other = Tally(4, 1, 1, {"guard": 2}, 0, 0, 0), Tally(4, 0, 0, {"mismatch": 4}, 0, 0, 0)
    assert kept_mismatches([Run((1,), 1, 1, 1.0, 1.0, each) for each in (one, other)]) == 0.25
    assert kept_mismatches([Run((1,), 1, 1, 1.0, 1.0)]) == 0.0


@pytest.mark.parametrize("truth", [True, False])
def test_a_plot_names_every_point(tmp_path: Path, truth: bool) -> None:
    pytest.importorskip("matplotlib").rcParams["svg.fonttype"] = "none"  # text stays text
    draw(tmp_path / "plot.svg", table_rows(truth))
    picture = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    for label in ("ar", "lvspec, 5 draft tokens", "Hugging Face assisted, constant 5"):
        assert f">{label}<" in picture
    assert ("token agreement" in picture) is not truth
    draw(tmp_path / "plot.png", table_rows(truth), swept=table_rows(truth))
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plot.png", "plot.svg"]
