"""The ablation: what its labels say, what its figures mean, and how it is called."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import partial
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest

from lvspec_cli.bench.ablation import Ablation
from lvspec_cli.bench.ablation_table import ablation_tables, findings
from lvspec_cli.bench.anchors import GREY, attribute_places, blanked, true_anchors
from lvspec_cli.bench.areas import area, lead_in_area, signal_figures
from lvspec_cli.bench.arena import Arena, Measured
from lvspec_cli.bench.bootstrap import Resamples
from lvspec_cli.bench.clips import make_clips
from lvspec_cli.bench.matching import MatchedRows, Matching, asked_values, matched_rows, threshold_at
from lvspec_cli.bench.quality import Quality
from lvspec_cli.bench.record import ablation_record
from lvspec_cli.bench.signals import Places, SignalReader, offered_signals
from lvspec_cli.bench.table import as_markdown
from lvspec_cli.bench.tally import Tally
from lvspec_cli.bench.tuning import bisected_share
from lvspec_cli.calibration.separation import area_under_curve
from lvspec_cli.cli import main
from lvspec_cli.decoding.looseness import Looseness
from lvspec_cli.decoding.relevance import Calibration
from lvspec_cli.demo.grammar import caption
from lvspec_cli.demo.scene import random_truth
from lvspec_cli.models.pair import load_pair
from lvspec_cli.preset import load_preset
from tests.bench.test_figures import measured, usual

CLIPS, PLACES = 20, 50


@pytest.fixture(scope="module")
def places() -> list[Places]:
    """Captions whose anchors one signal knows, one knows the wrong way round, and one cannot know."""
    generator = np.random.default_rng(0)
    made = []
    for _ in range(CLIPS):
        anchor = generator.random(PLACES) < 0.4
        scores = {
            "attention": anchor.astype(float),
            "cosine": -anchor.astype(float),
            "chance": generator.random(PLACES),
        }
        mismatch = tuple((generator.random(PLACES) < 0.5).tolist())
        made.append(
            Places(
                mismatch=mismatch,
                open=mismatch,
                anchor=tuple(anchor.tolist()),
                drop=tuple((2.0 * anchor).tolist()),
                scores={name: tuple(values.tolist()) for name, values in scores.items()},
            )
        )
    return made


@pytest.fixture
def ablation(places: list[Places]) -> Ablation:
    resamples = Resamples(CLIPS, resamples=50)
    signals, lead = signal_figures(places, resamples), lead_in_area(places, "attention", "cosine", resamples)
    nothing = MatchedRows(())
    return Ablation("cosine", CLIPS * PLACES, 500, 400, 200, 200, signals, lead, guarded=nothing, unguarded=nothing)


def quality(same: int) -> Quality:
    """``same`` of four attributes are named as the reference names them."""
    marks = {str(index): index < same for index in range(4)}
    return Quality(marks, marks, 1.0, 1.0, False)


def matched(by_signal: list[int], by_chance: list[int]) -> MatchedRows:
    """Rows that name so many of four attributes, clip by clip, as the reference does."""
    loose = Tally(12, 3, 1, {"anchor": 2}, 0.5, 0.2, 0.7)
    count = len(by_signal)

    def row(name: str, same: list[int]) -> Measured:
        one = measured(usual(name), 1.0, 3, 4, loose)
        qualities = tuple(map(quality, same))
        return replace(one, runs=one.runs[:1] * count, answers=one.answers[:1] * count, qualities=qualities)

    rows = [row("ar", [4] * count), row("lvspec", by_signal), row("random", by_chance)]
    return matched_rows(rows, Resamples(count))


def test_the_words_of_the_grammar_are_anchors_and_nothing_else_is() -> None:
    generator = random.Random(0)
    for _ in range(300):
        pieces = caption(random_truth(generator), generator)
        places = attribute_places([piece.text for piece in pieces])
        assert places == [piece.attribute is not None for piece in pieces]


def test_every_part_of_an_attribute_s_word_is_an_anchor() -> None:
    assert attribute_places(["A", " tri", "angle", " tri", "angles", ". Red", "!"]) == [
        *(False, True, True, False, False, True, False)
    ]


def test_a_place_is_an_anchor_if_the_target_or_the_draft_names_an_attribute() -> None:
    said = ["A", " red", " circle", " moves", "."]
    assert true_anchors(said, ["The", " red", " small", " and", "."]) == [False, True, True, False, False]
    assert true_anchors(said, ["A", " shape", " circle", " blue", "."]) == [False, True, True, True, False]


def test_a_signal_that_is_the_label_has_area_one_and_chance_a_half(ablation: Ablation) -> None:
    known, wrong, dice = ablation.signals
    for areas in (known.mismatches, known.open, known.everywhere):
        for estimate in (areas.anchors, areas.blanked):
            assert estimate is not None
            assert (estimate.value, estimate.low, estimate.high) == (1.0, 1.0, 1.0)
    assert wrong.mismatches.anchors is not None
    assert wrong.mismatches.anchors.value == 0.0
    assert dice.everywhere.anchors is not None
    assert dice.everywhere.anchors.low < 0.5 < dice.everywhere.anchors.high
    assert dice.everywhere.anchors.value == pytest.approx(0.5, abs=0.06)


def test_the_area_is_that_of_all_places_together_ties_and_unknown_tokens_included() -> None:
    generator = np.random.default_rng(1)
    scores = [np.round(generator.random(count), 1) for count in (0, 1, 9, 30)]
    scores[3][:4] = np.inf
    anchors = [generator.random(len(each)) < each for each in scores]
    estimate = area([each.tolist() for each in scores], [each.tolist() for each in anchors], Resamples(4))
    assert estimate is not None
    assert estimate.value == pytest.approx(area_under_curve(np.concatenate(scores), np.concatenate(anchors)))
    assert estimate.low <= estimate.value <= estimate.high


def test_without_anchors_there_is_no_area() -> None:
    assert area([[1.0, 2.0]], [[False, False]], Resamples(1)) is None


def test_the_best_signal_and_those_no_better_than_chance_are_told(ablation: Ablation) -> None:
    assert ablation.best is not None
    assert ablation.best.name == "attention"
    by_truth = {"anchors": ("cosine",), "blanked": ("cosine",)}  # of signals alone, not of controls
    assert ablation.no_better_than_chance == {"mismatches": by_truth, "open": by_truth}
    about_signals, *_ = findings(ablation)
    assert (
        "The best signal at telling attributes is attention (1.00), clearly better than the preset's own, cosine, "
        "by +1.00 (+1.00 to +1.00)." in about_signals
    )
    assert "No better than chance: cosine" in about_signals


def test_tables_have_a_cell_for_every_heading_and_the_record_is_json(ablation: Ablation) -> None:
    for table in ablation_tables(ablation, CLIPS):
        assert all(len(row) == len(table.headings) for row in table.rows)
        assert as_markdown(table).startswith("### Ablation: ")
    record = json.loads(json.dumps(ablation_record(ablation), allow_nan=False))
    assert record["best_signal"] == "attention"
    assert [signal["name"] for signal in record["area_under_curve"]] == ["attention", "cosine", "chance"]
    assert set(record["area_under_curve"][0]["mismatches"]["blanked"]) == {"value", "low", "high"}
    assert record["area_of_best_minus_own"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert record["best_minus_random"] == {"best": None, "same_attributes": None}


def test_signals_are_compared_on_the_same_clips(places: list[Places]) -> None:
    # The areas of the two vary from clip to clip, and alike: one is the other with a few anchors forgotten.
    generator = np.random.default_rng(2)
    better, worse = [], []
    for each in places:
        noisy = np.array(each.scores["attention"]) + generator.normal(0, generator.uniform(0.1, 2.0), PLACES)
        forgotten = np.array(each.anchor) & (generator.random(PLACES) < 0.05)
        better.append(tuple(noisy.tolist()))
        worse.append(tuple(np.where(forgotten, noisy.min(), noisy).tolist()))
    both = [
        replace(each, scores={"attention": one, "cosine": other})
        for each, one, other in zip(places, better, worse, strict=True)
    ]
    attention, cosine = (signal.mismatches.anchors for signal in signal_figures(both, Resamples(CLIPS)))
    lead = lead_in_area(both, "attention", "cosine", Resamples(CLIPS))
    assert attention is not None
    assert cosine is not None
    assert lead is not None
    assert attention.low < cosine.high  # seen apart, nothing could be told
    assert lead.sign == 1
    assert lead.value == pytest.approx(attention.value - cosine.value)


HARD = [4, 1, 4, 0, 3, 4, 1, 4, 2, 4, 0, 3]  # what is kept on clips of which some are hard for everybody


@pytest.mark.parametrize(
    ("by_chance", "verdict", "sign"),
    [
        (HARD, "no clear difference", 0),
        ([*HARD[1:], HARD[0]], "no clear difference", 0),  # other clips, but as many
        ([max(0, same - 1) for same in HARD], "a clear difference", 1),
        ([min(4, same + 1) for same in HARD], "clearly less than by chance", -1),
    ],
)
def test_a_difference_from_chance_is_that_of_the_same_clips_and_claimed_only_where_it_is_clear(
    ablation: Ablation, by_chance: list[int], verdict: str, sign: int
) -> None:
    rows = matched(HARD, by_chance)
    assert rows.best == "lvspec"
    assert rows.lead is not None
    assert rows.lead.sign == sign
    assert rows.lead.value == pytest.approx((sum(HARD) - sum(by_chance)) / 48)
    same = [row.faithfulness.same_attributes for row in rows.rows[1:]]
    assert all(each is not None for each in same)
    assert same[0].low < same[1].high  # type: ignore[union-attr]  # seen apart, nothing could be told
    assert same[1].low < same[0].high  # type: ignore[union-attr]
    told = replace(ablation, guarded=rows, unguarded=rows)
    _, about_guarded, about_unguarded = findings(told)
    assert verdict in about_guarded
    assert about_unguarded == about_guarded
    record = ablation_record(told)
    assert record["best_minus_random"]["same_attributes"]["value"] == rows.lead.value
    assert record["findings"][1:] == [about_guarded, about_unguarded]


def test_without_a_truth_or_a_control_no_row_is_judged(ablation: Ablation) -> None:
    row = measured(usual("lvspec"), 1.0, 3, None, Tally(12, 3, 1, {}, 0.5, 0.2, 0.7))
    unknown = matched_rows([row, row], Resamples(len(row.runs)))
    assert (unknown.best, unknown.lead) == (None, None)
    assert findings(replace(ablation, guarded=unknown))[1] == "No row can be judged."


def test_a_signal_s_threshold_is_one_of_what_it_says_where_it_is_asked(places: list[Places]) -> None:
    values = asked_values(places, ["attention", "chance"])
    assert len(values["chance"]) == sum(sum(each.mismatch) for each in places)
    for share in (0.1, 0.5, 0.9):
        below = np.mean(np.array(values["chance"]) < threshold_at(values["chance"], share))
        assert below == pytest.approx(share, abs=0.01)


def test_unknown_values_are_left_out_of_a_threshold() -> None:
    assert threshold_at([1.0, inf, 3.0, inf], 0.5) == 2.0
    assert threshold_at([inf, nan], 0.5) == 0.0


def test_signals_that_need_a_calibration_are_offered_with_one_only() -> None:
    assert offered_signals(Looseness(), None) == ("attention", "cosine")
    table = Calibration(table=np.zeros(3))  # type: ignore[arg-type]
    assert offered_signals(Looseness(), table) == ("attention", "cosine", "table")


def test_a_share_is_found_where_what_it_reaches_is_not_proportional() -> None:
    assert bisected_share(lambda share: share**4, 0.2, steps=10) ** 4 == pytest.approx(0.2, abs=0.01)
    assert bisected_share(lambda share: 0.1 * share, 0.9) > 0.99  # as loose as it can be
    assert bisected_share(lambda share: 0.1 + share, 0.0) < 0.01  # as strict as it can be


def test_a_blanked_clip_has_the_shape_and_the_times_of_the_clip_and_moves_the_target() -> None:
    preset = load_preset("demo")
    pair = load_pair(preset)
    (clip,) = make_clips(pair, preset, range(5000, 5001))
    blank = blanked(pair, clip, preset.prompts)
    assert blank.times == clip.target.times
    assert blank.token_ids.equal(clip.target.token_ids)
    assert {name: tensor.shape for name, tensor in blank.tensors.items()} == {
        name: tensor.shape for name, tensor in clip.target.tensors.items()
    }
    whole = np.full((8, 160, 160, 3), GREY, dtype=np.uint8)
    assert clip.frames_shape == whole.shape
    places = SignalReader(pair, Looseness(), preset.prompts, 60).read(clip)
    assert len(places.mismatch) == len(places.drop) == len(places.scores["cosine"]) > 20
    assert all(mismatch for mismatch, is_open in zip(places.mismatch, places.open, strict=True) if is_open)
    assert np.mean(np.array(places.drop)[np.array(places.anchor)]) > 0.5  # attributes need the video


def test_bench_prints_the_ablation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # How near a share comes is no property of what is printed, and every halving decodes all tuning clips.
    monkeypatch.setattr("lvspec_cli.bench.matching.bisected_share", partial(bisected_share, steps=2))
    outputs = [tmp_path / "bench.json", tmp_path / "table.md"]
    flags = ["--methods", "ar", "--draft-tokens", "4", "--max-tokens", "30", "--threads", "1", "-q"]
    flags += ["-o", str(outputs[0]), "--markdown", str(outputs[1])]
    assert main(["bench", "--clips", "1", "--seed", "5000", "--ablation", *flags]) == 0
    said = capsys.readouterr().out
    text = outputs[1].read_text(encoding="utf-8")
    record = json.loads(outputs[0].read_text(encoding="utf-8"))
    for title in ("what each signal knows of the anchors", "what each signal saves at equal looseness"):
        assert title in said
        assert title in text
    ablation = record["ablation"]
    assert record["tuning_clips"] == ["seed 5001"]
    assert {"attention", "cosine", "chance"} <= {signal["name"] for signal in ablation["area_under_curve"]}
    rows = {row["row"]: row for row in ablation["rows"]}
    assert {"ar", "lvspec-attention", "lvspec-cosine", "random"} <= set(rows)
    assert rows["lvspec-cosine"]["parameters"]["relevance"] == "cosine"
    assert rows["lvspec-cosine"]["parameters"]["shift_window"] == 0
    own = ablation["own_signal"]
    for name in rows.keys() - {"ar", "random", f"lvspec-{own}"}:  # the own one keeps the preset's rule
        assert isinstance(rows[name]["parameters"]["threshold"], float), name
        assert rows[name]["parameters"]["filler_share"] is None, name
    assert rows["lvspec-cosine"]["parameters"]["min_probability"] == 0.1
    assert rows["ar"]["faithfulness"]["same_attributes"]["value"] == 1.0
    unguarded = {row["row"]: row["parameters"] for row in ablation["unguarded_rows"]}
    assert unguarded.keys() == rows.keys()
    for name in unguarded.keys() - {"ar"}:
        assert (unguarded[name]["min_probability"], unguarded[name]["critical_words"]) == (0.0, [])


def test_without_the_flag_there_is_no_ablation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--clips", "1", "--methods", "ar", "--max-tokens", "9", "-q", "-o", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["ablation"] is None


def test_all_signals_are_cut_at_an_absolute_threshold_even_if_the_preset_s_own_is_not(tiny_preset: Path) -> None:
    preset = load_preset(tiny_preset)  # without a calibration, so that its own rule is a share of fillers
    pair = load_pair(preset)
    clips = make_clips(pair, preset, range(1000, 1002))
    reader = SignalReader(pair, Looseness(), preset.prompts, 12)
    values = asked_values([reader.read(clip) for clip in clips], reader.signals)
    matching = Matching(Arena(pair, preset, 12), clips, values, 3, lambda stage, count: lambda done: None)
    loose = Looseness(min_probability=0.0, critical_words=())
    *by_signal, control = matching.settings(loose)
    assert [setting.row.name for setting in by_signal] == ["lvspec-attention", "lvspec-cosine"]
    for setting in by_signal:
        assert setting.looseness is not None
        assert setting.looseness.threshold is not None
        assert setting.looseness.filler_share is None
    assert control.row.method == "random"
    kept = matching.settings(replace(loose, threshold=0.25))[0].looseness
    assert kept is not None
    assert kept.threshold == 0.25  # a threshold of its own stays
