"""The ablation: what its labels say, what its figures mean, and how it is called."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lvspec_cli.bench.ablation import Ablation, area, signal_figures
from lvspec_cli.bench.ablation_table import ablation_tables, findings
from lvspec_cli.bench.anchors import GREY, attribute_places, blanked, true_anchors
from lvspec_cli.bench.bootstrap import Resamples
from lvspec_cli.bench.clips import make_clips
from lvspec_cli.bench.figures import figures
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
    signals = signal_figures(places, Resamples(CLIPS, resamples=50))
    return Ablation("cosine", CLIPS * PLACES, 500, 400, 200, 200, signals, rows=(), unguarded_rows=())


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
        "The best signal at telling attributes is attention (1.00), clearly better than the preset's own, cosine."
        in about_signals
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


@pytest.mark.parametrize(("by_chance", "clear"), [(4, False), (2, True)])
def test_a_difference_from_chance_is_claimed_only_where_it_is_clear(
    ablation: Ablation, by_chance: int, clear: bool
) -> None:
    loose = Tally(12, 3, 1, {"anchor": 2}, 0.5, 0.2, 0.7)
    runs = [measured(usual(name), 1.0, 3, right, loose) for name, right in (("lvspec", 4), ("random", by_chance))]
    reference = measured(usual("ar"), 2.0, 10, 4)
    resamples = Resamples(len(reference.runs))
    rows = tuple(figures(each, reference, resamples) for each in (reference, *runs))
    _, about_guarded, about_unguarded = findings(replace(ablation, rows=rows, unguarded_rows=rows))
    assert "stay with lvspec (100.0%)" in about_guarded
    assert ("no clear difference" not in about_guarded) == clear
    assert about_unguarded == about_guarded


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
    blank = blanked(pair, clip, preset.prompts.caption)
    assert blank.times == clip.target.times
    assert blank.token_ids.equal(clip.target.token_ids)
    assert {name: tensor.shape for name, tensor in blank.tensors.items()} == {
        name: tensor.shape for name, tensor in clip.target.tensors.items()
    }
    whole = np.full((8, 160, 160, 3), GREY, dtype=np.uint8)
    assert clip.frames_shape == whole.shape
    places = SignalReader(pair, Looseness(), preset.prompts.caption, 60).read(clip)
    assert len(places.mismatch) == len(places.drop) == len(places.scores["cosine"]) > 20
    assert all(mismatch for mismatch, is_open in zip(places.mismatch, places.open, strict=True) if is_open)
    assert np.mean(np.array(places.drop)[np.array(places.anchor)]) > 0.5  # attributes need the video


def test_bench_prints_the_ablation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = [tmp_path / "bench.json", tmp_path / "table.md"]
    flags = ["--methods", "ar", "--draft-tokens", "4", "--max-tokens", "30", "--threads", "1", "-q"]
    flags += ["-o", str(outputs[0]), "--markdown", str(outputs[1])]
    assert main(["bench", "--clips", "2", "--seed", "5000", "--ablation", *flags]) == 0
    said = capsys.readouterr().out
    text = outputs[1].read_text(encoding="utf-8")
    record = json.loads(outputs[0].read_text(encoding="utf-8"))
    for title in ("what each signal knows of the anchors", "what each signal saves at equal looseness"):
        assert title in said
        assert title in text
    ablation = record["ablation"]
    assert record["tuning_clips"] == ["seed 5002", "seed 5003"]
    assert {"attention", "cosine", "chance"} <= {signal["name"] for signal in ablation["area_under_curve"]}
    rows = {row["row"]: row for row in ablation["rows"]}
    assert {"ar", "lvspec-attention", "lvspec-cosine", "random"} <= set(rows)
    assert rows["lvspec-cosine"]["parameters"]["relevance"] == "cosine"
    assert rows["lvspec-cosine"]["parameters"]["shift_window"] == 0
    assert rows["lvspec-cosine"]["parameters"]["min_probability"] == 0.1
    assert rows["ar"]["faithfulness"]["same_attributes"]["value"] == 1.0
    unguarded = {row["row"]: row["parameters"] for row in ablation["unguarded_rows"]}
    assert unguarded.keys() == rows.keys()
    for name in unguarded.keys() - {"ar"}:
        assert (unguarded[name]["min_probability"], unguarded[name]["critical_words"]) == (0.0, [])


def test_without_the_flag_there_is_no_ablation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--clips", "1", "--methods", "ar", "--max-tokens", "9", "-q", "-o", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["ablation"] is None
