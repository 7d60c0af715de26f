"""The bench runs from end to end on a tiny pair, and what it compares is comparable."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import Qwen2Tokenizer

from lvspec_cli.bench.__main__ import main
from lvspec_cli.bench.arena import plan_for
from lvspec_cli.bench.clips import make_clips
from lvspec_cli.bench.comparison import median_ratio
from lvspec_cli.bench.compiled_steps import compare, compile_subject
from lvspec_cli.bench.long_cache import LARGEST_DIFFERENCE, measure_case, pair_case
from lvspec_cli.bench.options import BenchOptions
from lvspec_cli.bench.peer import Arrivals, assistances, load_peer, read_run
from lvspec_cli.bench.quantized import measure_quantized, quantized_subject
from lvspec_cli.bench.signal_cost import long_prompt, measure_signals, signal_subject
from lvspec_cli.bench.startup import imported_by_help
from lvspec_cli.bench.step_cost import StepCosts, predicted_speed
from lvspec_cli.bench.view_cost import VIEW_SHARE, view_subject
from lvspec_cli.caption import Progress
from lvspec_cli.captioner import Captioner
from lvspec_cli.decoding.looseness import Looseness
from lvspec_cli.decoding.model import Extension
from lvspec_cli.demo.architecture import Size, build_model, build_processor
from lvspec_cli.errors import UsageError
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.pair import load_pair
from lvspec_cli.preset import load_preset
from lvspec_cli.ui.live.view import LiveView

SIZES = {"target": Size(2, 64, 96, 4, 1, 1, 32, 48, 2), "draft": Size(1, 64, 96, 4, 1, 1, 32, 48, 2)}
PRESET = """
schema: lvspec.preset/1
target: {model: target, dtype: float32, device: cpu}
draft: {model: draft, dtype: float32, device: cpu}
frames: {count: 8, min_pixels: 6400, max_pixels: 6400}
generation: {max_tokens: 12}
draft_tokens: 4
prompts: {caption: Describe this video.}
"""


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def preset_path(tmp_path_factory: pytest.TempPathFactory, demo_tokenizer: Qwen2Tokenizer) -> Path:
    folder = tmp_path_factory.mktemp("pair")
    for role, size in SIZES.items():
        torch.manual_seed(0)
        build_model(size, demo_tokenizer).save_pretrained(folder / role)
        build_processor(demo_tokenizer).save_pretrained(folder / role)
    (folder / "tiny.yaml").write_text(PRESET, encoding="utf-8")
    return folder / "tiny.yaml"


def test_the_bench_measures_and_reports_all_of_decoding(
    preset_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "bench.json"
    arguments = ["--preset", str(preset_path), "--clips", "1", "--draft-tokens", "2,3", "--json", str(record)]
    assert main([*arguments, "--subjects", "decoding,peer,engine"]) == 0
    written = json.loads(record.read_text(encoding="utf-8"))
    lines = {line["name"]: line for subject in written["subjects"] for line in subject["lines"]}
    assert written["settings"]["max_tokens"] == 12
    assert written["machine"]["threads"] == 1
    assert lines["strict / ar at its best"]["goal"] == {"comparison": "at least", "bound": 1.6}
    for claim in ("strict equal to ar", "generate equal to ar", "assisted equal to generate"):
        assert lines[claim]["value"] == 1.0
    assert {f"assisted, {assistance.name} / generate" for assistance in assistances((2, 3))} <= lines.keys()
    engine = next(subject for subject in written["subjects"] if subject["title"].startswith("Engine time"))
    assert [line["name"].split(",")[0] for line in engine["lines"]] == ["ar", "strict", "lvspec"]
    assert engine["lines"][2]["name"] == "lvspec, 4 draft tokens"  # the preset's, whatever is best for strict
    assert {line["goal"]["bound"] for line in engine["lines"]} == {0.05}
    printed = capsys.readouterr().out
    assert all(subject["title"] in printed for subject in written["subjects"])


def test_the_view_s_cost_is_that_of_the_same_decodes_of_which_some_are_watched(
    preset_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = load_preset(preset_path)
    pair = load_pair(preset)
    clips = make_clips(pair, preset, range(1000, 1001))
    heard: list[str] = []
    progress = LiveView.progress

    def listening(view: LiveView, step: Progress) -> None:
        heard.append(step.text)
        progress(view, step)

    monkeypatch.setattr(LiveView, "progress", listening)
    subject = view_subject(pair, clips, 12, plan_for(preset, "lvspec"), turns=2)
    names = [line.name for line in subject.lines]
    assert names == [
        f"{size}, {what}" for size in ("80 x 24", "200 x 60") for what in ("watched over unwatched", "drawing")
    ]
    assert {line.goal for line in subject.lines} == {VIEW_SHARE}
    assert all(0 <= line.value < 1 for line in subject.lines if line.name.endswith("drawing"))
    watched = 2 * (1 + 2)  # at two sizes, once ahead and in two turns
    assert heard == heard[: len(heard) // watched] * watched
    assert "".join(heard)


def test_compiled_passes_are_measured_beside_plain_ones(preset_path: Path) -> None:
    preset = load_preset(preset_path)
    pair, fast = load_pair(preset), load_pair(replace(preset, compile=True))
    (clip,) = make_clips(pair, preset, range(1000, 1001))
    assert pair.draft is not None
    assert fast.draft is not None
    found = compare("draft step", fast.draft, pair.draft, clip.draft, 1, turns=2)
    assert found.first_seconds > 10 * min(found.plain)  # the compiler was at work; others may be, too, at any one step
    (line,) = compile_subject([found]).lines
    assert line.value == median_ratio(found.plain, found.compiled)


def test_a_target_in_four_bits_is_measured_beside_the_full_one() -> None:
    pytest.importorskip("bitsandbytes")
    preset = load_preset("demo")  # the layers of the tiny pair are too small for the kernels of some processors
    pair = load_pair(preset)
    clips = make_clips(pair, preset, range(1000, 1002))
    found = measure_quantized(pair, preset, clips, max_tokens=8, turns=2)
    few, whole = found.layer_bytes
    linear = [each for each in pair.target._text_model.layers.modules() if hasattr(each, "in_features")]
    assert whole == 4 * sum(each.weight.numel() for each in linear)
    assert whole / 8 < few < whole / 7  # 4 bits of 32, and the constants of every 64 weights
    assert all(quality.equal for quality in found.whole)
    values = {line.name: line.value for line in quantized_subject(found).lines}
    assert values["weights of the decoder layers' linear modules over full"] == few / whole
    assert values["captions equal to the full target's"] in (0.0, 0.5, 1.0)


def test_both_caches_compute_the_same_with_many_video_positions(preset_path: Path) -> None:
    preset = load_preset(preset_path)
    pair = load_pair(preset)
    steps = measure_case(pair_case(pair.target, load_peer(pair, preset).target), positions=70)
    assert steps.difference < LARGEST_DIFFERENCE
    assert len(steps.ours) == len(steps.plain) > 0


def test_a_signal_s_cost_is_that_of_passes_behind_the_same_prompt_of_which_one_watches(preset_path: Path) -> None:
    pair = load_pair(load_preset(preset_path))
    prompt = long_prompt(pair, 300)
    assert prompt.video_tokens == 300
    passes: list[tuple[bool, int, int]] = []  # whether it watches, positions before it, tokens
    extend = type(pair.target).extend

    def spied(model: VideoLanguageModel, tokens: torch.Tensor) -> Extension:
        extension = extend(model, tokens)
        seen = extension.video_attention is not None or extension.video_cosine is not None
        passes.append((seen, model.length - len(tokens), len(tokens)))
        return extension

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(pair.target), "extend", spied)
        times = measure_signals(pair, Looseness(), prompt, turns=2)
    assert set(times.watched) == {"attention", "cosine", "nothing again"}  # the pair has no calibration
    assert len(times.plain) == len(times.watched["cosine"]) == 2
    assert {(before, count) for _, before, count in passes} == {(prompt.length - 1, 11)}
    # Two signals and two plain ones, each with five passes a turn, and one ahead that both plain ones share.
    assert (sum(seen for seen, _, _ in passes), len(passes)) == (2 * 11, 2 * 11 + 1 + 2 * 10)
    assert pair.target.watched is None
    lines = signal_subject([times]).lines
    assert [line.name.partition(",")[0] for line in lines] == ["attention", "cosine", "nothing again"]
    assert lines[0].value == median_ratio(times.watched["attention"], times.plain) - 1


def test_the_bench_tells_what_signals_cost_behind_a_clip_and_behind_a_long_video(
    preset_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lvspec_cli.bench.suite.long_prompt", lambda pair: long_prompt(pair, 300))
    record = tmp_path / "bench.json"
    flags = ["--preset", str(preset_path), "--clips", "1", "--subjects", "signals", "--json", str(record)]
    assert main(flags) == 0
    (subject,) = json.loads(record.read_text(encoding="utf-8"))["subjects"]
    assert len(subject["lines"]) == 2 * 3
    assert [line["goal"] and line["goal"]["bound"] for line in subject["lines"]] == 2 * [0.01, 0.01, None]


def test_the_bench_tells_what_a_trace_costs(preset_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvspec_cli.bench.trace_cost.TURNS", 1)
    record = tmp_path / "bench.json"
    flags = ["--preset", str(preset_path), "--clips", "2", "--subjects", "trace", "--json", str(record)]
    assert main(flags) == 0
    (subject,) = json.loads(record.read_text(encoding="utf-8"))["subjects"]
    assert [line["name"].partition(",")[0] for line in subject["lines"]] == [
        "end to end",
        "behind the prefill",
        "nothing again",
    ]
    assert [line["goal"] and line["goal"]["bound"] for line in subject["lines"]] == [0.03, None, None]
    assert [line["note"].endswith(" kB") for line in subject["lines"]] == [False, True, False]


def test_the_bench_tells_how_long_is_waited_for_frames(
    preset_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TURNS", 2), ("SIDE", 160), ("FRAMES", 16)):
        monkeypatch.setattr(f"lvspec_cli.bench.reading_ahead.{name}", value)
    expected: list[Path] = []
    expect = Captioner.expect

    def spied(captioner: Captioner, path: Path) -> None:
        expected.append(path)
        expect(captioner, path)

    monkeypatch.setattr(Captioner, "expect", spied)
    record = tmp_path / "bench.json"
    flags = ["--preset", str(preset_path), "--clips", "2", "--subjects", "read-ahead", "--json", str(record)]
    assert main(flags) == 0
    (subject,) = json.loads(record.read_text(encoding="utf-8"))["subjects"]
    ahead, in_turn, ratio, reading = (line["value"] for line in subject["lines"])
    assert [line["goal"] and line["goal"]["bound"] for line in subject["lines"]] == [0.02, None, None, None]
    assert 0 <= ahead < 1
    assert reading == pytest.approx(in_turn / (1 - in_turn))
    assert ratio > 0
    assert [path.stem for path in expected] == 3 * ["1000", "1001", "1001"]  # a turn ahead, then the two


def test_the_peer_keeps_its_own_weights_and_attention(preset_path: Path) -> None:
    preset = load_preset(preset_path)
    pair = load_pair(preset)
    peer = load_peer(pair, preset)
    assert peer.target.config.text_config._attn_implementation == "sdpa"
    assert all(parameter.is_contiguous() for parameter in peer.target.parameters())
    ours = {parameter.data_ptr() for parameter in pair.target.model.parameters()}
    assert ours.isdisjoint(parameter.data_ptr() for parameter in peer.target.parameters())


def test_the_decode_of_generate_runs_from_the_first_arrival_to_the_last() -> None:
    arrivals = Arrivals()
    arrivals.times, arrivals.counts = [0.0, 5.0, 6.0, 8.0], [100, 4, 2, 1]
    run = read_run((1, 2, 3, 4, 5, 6, 7), arrivals, 9.0)
    assert (run.num_rounds, run.decode_tokens, run.decode_seconds, run.total_seconds) == (3, 3, 3.0, 9.0)


def test_a_prediction_divides_tokens_by_the_cost_of_a_round() -> None:
    costs = StepCosts(target_seconds=0.005, draft_ratio=0.1, verify_ratios={6: 1.5})
    assert predicted_speed(costs, draft_tokens=5, acceptance_length=4.0) == pytest.approx(4.0 / (5 * 0.1 + 1.5))


def test_help_is_seen_to_import_typer_and_no_torch() -> None:
    assert imported_by_help("typer")
    assert imported_by_help("torch") == []


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (["--clips", "0"], "--clips"),
        (["--draft-tokens", "2,x"], "--draft-tokens"),
        (["--draft-tokens", "0"], "--draft-tokens"),
        (["--threads", "0"], "--threads"),
        (["--subjects", "speed"], "--subjects"),
        (["--preset", "no-such-preset"], "no-such-preset"),
    ],
)
def test_bad_options_are_one_line_and_exit_2(
    arguments: list[str], flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert flag in said.err
    assert said.err.count("\n") == 1


def test_max_tokens_must_leave_something_to_time() -> None:
    with pytest.raises(UsageError, match="--max-tokens"):
        BenchOptions(max_tokens=1)
