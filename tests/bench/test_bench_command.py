"""`lvspec bench` as its users call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from lvspec_cli import files
from lvspec_cli.bench import side_by_side
from lvspec_cli.bench.arena import Arena
from lvspec_cli.bench.clips import BenchClip, make_clips
from lvspec_cli.bench.contenders import EngineContender
from lvspec_cli.bench.options import ComparisonOptions
from lvspec_cli.bench.rows import ROWS
from lvspec_cli.bench.setting import usual_setting
from lvspec_cli.bench.side_by_side import rows_for
from lvspec_cli.cli import main
from lvspec_cli.decoding.looseness import Looseness
from lvspec_cli.demo.clip import write_clip
from lvspec_cli.errors import LvspecError, OutOfMemory, UsageError
from lvspec_cli.memory import explained_memory
from lvspec_cli.models.pair import load_pair
from lvspec_cli.preset import ModelSpec, Preset, load_preset


def test_methods_are_measured_side_by_side_on_clips_with_truth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = [tmp_path / name for name in ("bench.json", "table.md", "plot.svg")]
    flags = ["-o", str(outputs[0]), "--markdown", str(outputs[1]), "--plot", str(outputs[2])]
    assert (
        main(
            [
                "bench",
                "--preset",
                "demo",
                "--clips",
                "2",
                "--methods",
                "ar,strict",
                "--draft-tokens",
                "5",
                "--threads",
                "1",
                *flags,
            ]
        )
        == 0
    )
    said = capsys.readouterr()
    assert "measuring: 2 of 2" in said.err
    assert "strict" in said.out
    assert "measuring" not in said.out
    record = json.loads(outputs[0].read_text(encoding="utf-8"))
    assert record["schema"] == "lvspec.bench/1"
    assert [row["row"] for row in record["rows"]] == ["ar", "strict"]
    assert record["rows"][1]["faithfulness"]["retention"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert record["rows"][1]["faithfulness"]["equal_captions"] == 2
    assert record["rows"][1]["looseness"]["gap_nats_per_token"]["value"] == 0.0
    assert record["machine"]["threads"] == 1
    assert [clip["name"] for clip in record["clips"]] == ["seed 1000", "seed 1001"]
    for clip in record["clips"]:
        ar, strict = clip["answers"]["ar"], clip["answers"]["strict"]
        assert ar["tokens"] == strict["tokens"]
        assert sum(strict["quality"]["right"].values()) >= 10  # the pair knows these clips
    assert outputs[1].read_text(encoding="utf-8").count("\n| ") == 4
    assert sorted(tmp_path.iterdir()) == sorted(outputs)


def test_lossy_methods_are_tuned_on_other_clips_than_they_are_measured_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    methods = ["--methods", "ar,random,lvspec", "--sweep", "--draft-tokens", "3,6"]
    assert main(["bench", "--clips", "1", "--max-tokens", "30", "--threads", "1", "-q", "-o", "-", *methods]) == 0
    said = capsys.readouterr()
    record = json.loads(said.out)
    assert "Sweep" in said.err
    assert record["tuning_clips"] == ["seed 1001"]
    assert [clip["name"] for clip in record["clips"]] == ["seed 1000"]
    assert [(row["row"], row["draft_tokens"]) for row in record["sweep"]] == [
        *(("ar", None), ("random", 3), ("random", 6), ("lvspec", 3), ("lvspec", 6)),
    ]
    assert record["settings"]["sweep"] == [3, 6]
    assert {row["draft_tokens"] for row in record["rows"][1:]} <= {3, 6}


def test_videos_of_ones_own_are_measured_against_the_target_and_bad_ones_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_clip(1000, tmp_path / "good.mp4")
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    flags = ["--methods", "ar,strict", "--threads", "1", "--max-tokens", "20", "-o", str(tmp_path / "bench.json")]
    assert main(["bench", "--videos", str(tmp_path), *flags]) == 1  # as for any command, an input failed
    said = capsys.readouterr()
    assert said.err.count("bad.mp4") == 1
    record = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert [Path(clip["name"]).name for clip in record["clips"]] == ["good.mp4"]
    assert [Path(each["path"]).name for each in record["skipped"]] == ["bad.mp4"]
    assert record["rows"][1]["faithfulness"]["accuracy"] is None
    assert record["rows"][1]["faithfulness"]["token_agreement"]["value"] == 1.0


def test_a_video_for_which_there_is_no_memory_is_left_out_and_the_others_are_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("good.mp4", "large.mp4"):
        write_clip(1000, tmp_path / name)
    prefill = EngineContender.prefill

    def short_of_memory(contender: EngineContender, clip: BenchClip) -> int:
        if Path(clip.name).name == "large.mp4" and contender.draft is not None:  # the target alone would fit
            torch.empty(10**15)
        return prefill(contender, clip)

    monkeypatch.setattr(EngineContender, "prefill", short_of_memory)
    flags = ["--methods", "ar,strict", "--threads", "1", "--max-tokens", "9", "-q", "-o", str(tmp_path / "bench.json")]
    assert main(["bench", "--videos", str(tmp_path), *flags]) == 1
    assert "not enough memory for the 100 tokens of this video" in capsys.readouterr().err
    record = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert [Path(clip["name"]).name for clip in record["clips"]] == ["good.mp4"]
    assert [(Path(each["path"]).name, each["type"]) for each in record["skipped"]] == [("large.mp4", "out_of_memory")]


def test_a_clip_is_tried_once_for_each_way_to_prefill_it(tiny_preset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preset = load_preset(tiny_preset)
    pair = load_pair(preset)
    (clip,) = make_clips(pair, preset, range(1000, 1001))
    tried: list[tuple[object, ...]] = []
    monkeypatch.setattr(EngineContender, "prefill", lambda contender, clip: tried.append(contender.kind_of_prefill))
    settings = [usual_setting(row, 3, Looseness()) for row in ROWS.values()]
    Arena(pair, preset, 9).trial(settings)(clip)
    assert len(set(tried)) == len(tried)
    ways = {(drafts, pruning.pruning, watched) for drafts, pruning, watched in tried}  # type: ignore[attr-defined]
    assert ways >= {(False, "none", None), (True, "none", None), (True, "attention", None), (True, "none", "attention")}


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    with pytest.raises(RuntimeError, match="wrong shape"), explained_memory("no memory"):
        raise RuntimeError("wrong shape")
    for error in (torch.OutOfMemoryError("CUDA"), MemoryError()):
        with pytest.raises(OutOfMemory, match="no memory"), explained_memory("no memory"):
            raise error


def test_transformers_own_generation_is_left_out_where_its_copy_does_not_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lvspec_cli.bench.arena.load_peer", lambda *_: torch.empty(10**15))
    flags = ["--methods", "ar,assisted", "--clips", "1", "--sweep", "--max-tokens", "9", "--threads", "1"]
    assert main(["bench", *flags, "-q", "-o", "-"]) == 0
    said = capsys.readouterr()
    assert "assisted is left out: there is not enough memory" in said.err
    assert [row["row"] for row in json.loads(said.out)["rows"]] == ["ar"]


def test_no_readable_video_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    assert main(["bench", "--videos", str(tmp_path / "bad.mp4"), "--threads", "1"]) == 1
    assert "none of the 1 videos can be measured" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--clips", "0"], "--clips must be at least 1, not 0"),
        (["--seed", "-1"], "--seed must be at least 0"),
        (["--methods", "strict,lvspec"], "--methods has no reference: add ar"),
        (["--methods", "ar,fast"], "--methods knows no 'fast'"),
        (["--methods", ""], "--methods knows no ''"),
        (["--draft-tokens", "3,5"], "--draft-tokens takes one length: add --sweep"),
        (["--draft-tokens", "x"], "--draft-tokens must be numbers"),
        (["--draft-tokens", "0"], "--draft-tokens must be at least 1"),
        (["--max-tokens", "1"], "--max-tokens must be at least 2"),
        (["--threads", "0"], "--threads must be at least 1"),
        (["--preset", "no-such"], "there is no preset 'no-such'"),
        (["--videos", "."], "no video in ."),
        (["--videos", "a.mp4", "--clips", "3"], "leave them out with --videos"),
        (["--videos", "a.mp4", "--sweep"], "--sweep needs a second video"),
        (["--videos", "a.mp4", "--ablation"], "--ablation needs synthetic clips, whose truth is known"),
        (["-o", "."], "-o . is a folder"),
        (["-o", "no/bench.json"], "-o no/bench.json cannot be written: there is no folder no"),
        (["--markdown", "no/table.md"], "--markdown no/table.md cannot be written"),
        (["--plot", "plot.pdf"], "--plot plot.pdf must end in .svg or .png"),
    ],
)
def test_wrong_usage_is_one_line_before_any_model_is_loaded(
    arguments: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(side_by_side, "load_pair", lambda *_, **__: pytest.fail("a model was loaded"))
    assert main(["bench", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert complaint in said.err


def test_help_names_the_rows_that_the_draft_length_does_not_reach(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "strict-auto, lvspec-auto, random-paper, paper have lengths of their own" in said


def test_rows_with_a_length_of_their_own_keep_it(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--methods", "ar,strict,lvspec-auto,paper", "--draft-tokens", "3", "--max-tokens", "9"]
    assert main(["bench", "--clips", "1", "--threads", "1", "-q", "-o", "-", *flags]) == 0
    rows = {row["row"]: row["draft_tokens"] for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows == {"ar": None, "strict": 3, "lvspec-auto": "auto", "paper": 10}


def test_a_plot_without_matplotlib_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lvspec_cli.bench.plot.find_spec", lambda name: None)
    assert main(["bench", "--plot", "plot.svg"]) == 2
    assert "lvspec[bench]" in capsys.readouterr().err


def test_transformers_own_generation_is_left_out_for_a_quantized_pair() -> None:
    spec = ModelSpec("m", True, quantization="nf4")
    preset = Preset("small", spec, spec, Path("small.yaml"))
    assert "assisted" not in {row.name for row in rows_for(preset, None)}
    with pytest.raises(UsageError, match="unquantized"):
        rows_for(preset, (ROWS["ar"], ROWS["assisted"]))


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text("old", encoding="utf-8")

    def fail(beside: Path) -> None:
        beside.write_text("half", encoding="utf-8")
        raise OSError(28, "No space left on device")

    with pytest.raises(LvspecError, match="No space left"):
        files.replace_file(path, fail)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_sweep_tries_the_given_lengths_or_the_usual_ones() -> None:
    assert ComparisonOptions().swept[0] == 2
    assert ComparisonOptions(draft_tokens=(5,)).swept == ()
    assert ComparisonOptions(videos=("a.mp4", "b.mp4")).swept == ()
    assert ComparisonOptions(videos=("a.mp4", "b.mp4"), sweep=True).swept[0] == 2
    assert ComparisonOptions(sweep=True, draft_tokens=(7, 9)).swept == (7, 9)
