"""Presets: read as written, with defaults for the rest, and wrong ones named by file, line and key."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from lvspec_cli import preset as preset_module
from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.errors import PresetError
from lvspec_cli.named_files import NamedFile
from lvspec_cli.preset import (
    FrameSpec,
    GenerationSpec,
    Preset,
    PromptSpec,
    PruningSpec,
    list_presets,
    load_preset,
    preset_files,
    user_presets_folder,
)
from lvspec_cli.settings import user_file
from tests.yaml_files import complaint_of, written

FULL = """\
schema: lvspec.preset/1
name: pair
description: Two models.
notice: "only shapes"
licence: Apache 2.0
target: {model: Owner/big, revision: abc, dtype: bfloat16, quantization: nf4, device: cuda, attention: eager}
draft:  {model: Owner/small}
frames: {count: null, fps: 2, max_frames: 64, min_pixels: 6400, max_pixels: 12800}
method: strict
draft_tokens: 7
generation: {max_tokens: 200, temperature: 0.5, top_p: 0.9, top_k: 20, seed: 3}
prompts: {caption: "Describe this video.", system: Be terse., summary: "Sum up: {segments}"}
on_oom: shrink
draft_video: {pruning: attention, keep: 0.2, mass: 0}
"""
SHORT = "schema: lvspec.preset/1\ntarget: {model: Owner/big}\ndraft: {model: Owner/small}\n"


complaint = partial(complaint_of, load_preset, PresetError)


def test_every_key_is_read(tmp_path: Path) -> None:
    preset = load_preset(written(tmp_path, FULL))
    assert (preset.name, preset.description, preset.notice) == ("pair", "Two models.", "only shapes")
    assert preset.licence == "Apache 2.0"
    assert dataclasses.astuple(preset.target) == ("Owner/big", False, "abc", "bfloat16", "nf4", "cuda", "eager")
    assert dataclasses.astuple(preset.draft) == ("Owner/small", False, None, "auto", "none", "auto", "auto")
    assert preset.frames == FrameSpec(None, 2.0, 64, 6400, 12800)
    assert (preset.method, preset.draft_tokens) == ("strict", 7)
    assert preset.generation == GenerationSpec(200, 0.5, 0.9, 20, 3)
    assert preset.prompts == PromptSpec("Describe this video.", "Be terse.", "Sum up: {segments}")
    assert preset.on_oom == "shrink"
    assert preset.draft_video == PruningSpec("attention", 0.2, 0.0)
    lines = {"schema": 1, "licence": 5, "target": 6, "target.model": 6, "frames.fps": 8, "generation.seed": 11}
    assert lines.items() <= preset.given.items()
    assert "frames.count" not in preset.given


def test_the_draft_length_may_be_left_to_the_engine(tmp_path: Path) -> None:
    assert load_preset(written(tmp_path, SHORT + "draft_tokens: auto\n")).draft_tokens == "auto"


def test_what_is_not_written_has_its_default(tmp_path: Path) -> None:
    preset = load_preset(written(tmp_path, SHORT))
    assert preset == Preset(name="my", target=preset.target, draft=preset.draft, path=tmp_path / "my.yaml")


def test_a_null_is_as_if_not_written(tmp_path: Path) -> None:
    nulls = "name: null\nframes: null\ngeneration: {seed: null}\nmethod: null\n"
    assert load_preset(written(tmp_path, SHORT + nulls)) == load_preset(written(tmp_path, SHORT))


def test_the_usual_summary_quotes_the_captions_and_the_demo_pair_is_asked_what_it_knows(tmp_path: Path) -> None:
    assert load_preset(written(tmp_path, SHORT)).prompts.summary.count("{segments}") == 1
    demo = load_preset("demo").prompts
    assert demo.summary == demo.caption


def test_folders_are_relative_to_the_preset(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    text = SHORT.replace("Owner/big", "weights/target").replace("Owner/small", "./absent")
    preset = load_preset(written(tmp_path, text))
    assert (preset.target.model, preset.target.is_local) == (str(tmp_path / "weights" / "target"), True)
    assert (preset.draft.model, preset.draft.is_local) == (str(tmp_path / "absent"), True)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("schema: lvspec.preset/1", "schema: lvspec.preset/9", 1, "schema must be lvspec.preset/1, not"),
        ("schema: lvspec.preset/1", "", 1, "schema must be lvspec.preset/1"),
        ("draft_tokens: 7", "draft_token: 7", 10, "draft_token (did you mean draft_tokens?)"),
        ("fps: 2", "fsp: 2", 8, "frames.fsp (did you mean fps?)"),
        ("seed: 3", "xyzzy: 3", 11, "known are max_tokens, temperature"),
        (
            "draft_tokens: 7",
            "draft_tokens: seven",
            10,
            "draft_tokens must be a whole number of at least 1, or auto, not 'seven'",
        ),
        ("draft_tokens: 7", "draft_tokens: true", 10, "must be a whole number"),
        ("draft_tokens: 7", "draft_tokens: 0", 10, "at least 1, or auto, not 0"),
        ("top_p: 0.9", "top_p: 1.5", 11, "generation.top_p must be a number above 0 and at most 1, not 1.5"),
        ("temperature: 0.5", "temperature: .nan", 11, "generation.temperature must be a number"),
        ("temperature: 0.5", "temperature: -1", 11, "of at least 0, not -1"),
        ("dtype: bfloat16", "dtype: float8", 6, "target.dtype must be auto or float32 or bfloat16 or float16"),
        ("quantization: nf4", "quantization: q4", 6, "target.quantization must be none or nf4 or int8"),
        ("model: Owner/big, ", "", 6, "target.model is missing"),
        ("frames: {count: null", "frames: {count: 8", 8, "frames.fps must be null where count is given"),
        ("min_pixels: 6400", "min_pixels: 64000", 8, "frames.min_pixels must not exceed max_pixels"),
        ("method: strict", "name: again", 9, "name is given twice"),
        ("method: strict", "method: [strict]", 9, "method must be text, not a list"),
        ("method: strict", "method: {a: 1}", 9, "method must be text, not a section"),
        ("prompts: {caption: ", "prompts: {caption: 3} #", 12, "prompts.caption must be text, not 3"),
        ("on_oom: shrink", "on_oom: pray", 13, "on_oom must be fail or shrink, not 'pray'"),
        ("on_oom: shrink", "generation: lots", 13, "generation is given twice"),
        ("pruning: attention", "pruning: half", 14, "draft_video.pruning must be none or uniform or attention, not"),
        ("keep: 0.2", "keep: 0", 14, "draft_video.keep must be a number above 0 and at most 1, not 0"),
        ("mass: 0}", "mass: 1.1}", 14, "draft_video.mass must be a number of at least 0 and at most 1, not 1.1"),
        ('notice: "only shapes"', "notice: [", 6, "not valid YAML"),
        ("name: pair", "name: &a pair\nmethod: *a", 3, "write the value out instead of *a"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    assert old in FULL
    message = complaint(written(tmp_path, FULL.replace(old, new)))
    assert says in message
    assert f", line {line}:" in message


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text", "\x00", "a: 2020-99-99", "[" * 700])
def test_what_is_no_preset_at_all_is_an_error_of_one_sentence(tmp_path: Path, text: str) -> None:
    complaint(written(tmp_path, text))


def test_bytes_that_are_no_text_are_an_error_of_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PresetError, match="not UTF-8"):
        load_preset(path)


def test_a_file_that_is_too_large_is_an_error_of_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("schema: lvspec.preset/1\n" + "# more\n" * 3_000_000, encoding="utf-8")
    with pytest.raises(PresetError, match=r"my\.yaml: it is larger than 256 KiB; give the path of a YAML file$"):
        load_preset(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PresetError, match="there is no preset file"):
        load_preset(tmp_path / "absent.yaml")


def test_built_in_presets_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, SHORT, "alpha.yaml")
    written(tmp_path, SHORT, "beta.yaml")
    monkeypatch.setattr(preset_module, "built_in_folder", lambda: tmp_path)
    assert list_presets() == ("alpha", "beta")
    assert load_preset("beta").path == tmp_path / "beta.yaml"
    with pytest.raises(PresetError, match=r"did you mean alpha\?.*choose one of alpha, beta"):
        load_preset("alhpa")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The folders of the built-in presets and of the user's own, both empty."""
    built_in, users = tmp_path / "built-in", tmp_path / "users"
    for folder in (built_in, users):
        folder.mkdir()
    monkeypatch.setattr(preset_module, "built_in_folder", lambda: built_in)
    monkeypatch.setattr(preset_module, "user_presets_folder", lambda: users)
    return built_in, users


def test_a_users_preset_is_found_by_name_and_goes_before_a_built_in_one(folders: tuple[Path, Path]) -> None:
    built_in, users = folders
    for folder, name in ((built_in, "both"), (built_in, "plain"), (users, "both"), (users, "own")):
        written(folder, SHORT, f"{name}.yaml")
    assert preset_files() == (
        NamedFile("both", users / "both.yaml", is_users=True, hides_built_in=True),
        NamedFile("own", users / "own.yaml", is_users=True, hides_built_in=False),
        NamedFile("plain", built_in / "plain.yaml", is_users=False, hides_built_in=False),
    )
    assert [load_preset(name).path.parent for name in ("both", "own", "plain")] == [users, users, built_in]


def test_a_file_that_is_just_being_written_is_no_preset(folders: tuple[Path, Path]) -> None:
    written(folders[1], SHORT, ".mine.4711.yaml")
    assert list_presets() == ()


def test_a_folder_that_is_not_there_holds_no_presets(folders: tuple[Path, Path]) -> None:
    folders[1].rmdir()
    assert list_presets() == ()


def test_the_users_folder_lies_beside_the_users_settings() -> None:
    assert user_presets_folder().parent == user_file().parent


BUILT_IN = sorted(path.stem for path in preset_module.built_in_folder().glob("*.yaml"))


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_preset_can_be_read(name: str) -> None:
    preset = load_preset(name)
    assert preset.name == name
    assert preset.description
    assert preset.licence


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name != "demo"])
def test_models_of_the_hub_are_pinned_to_a_commit(name: str) -> None:
    preset = load_preset(name)
    for spec in (preset.target, preset.draft):
        assert not spec.is_local
        assert re.fullmatch("[0-9a-f]{40}", spec.revision or "")


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name != "demo"])
def test_an_uncalibrated_preset_is_lossless(name: str) -> None:
    preset = load_preset(name)
    assert preset.calibration is None
    assert not METHODS[preset.method].lossy


def test_the_4_bit_forms_are_the_same_pairs_in_4_bits() -> None:
    for name in ("qwen2.5-vl-32b", "llava-onevision-72b"):
        whole, small = load_preset(name), load_preset(f"{name}-4bit")
        for one, other in ((whole.target, small.target), (whole.draft, small.draft)):
            assert other == dataclasses.replace(one, quantization="nf4")


def test_the_pairs_that_are_promised_are_there() -> None:
    pairs = {
        "qwen2.5-vl-32b": ("32B", "7B"),
        "qwen2.5-vl-32b-4bit": ("32B", "7B"),
        "qwen2.5-vl-72b-4bit": ("72B", "7B"),
        "qwen2.5-vl-7b": ("7B", "3B"),
        "llava-onevision-72b": ("72b", "7b"),
        "llava-onevision-72b-4bit": ("72b", "7b"),
        "llava-onevision-7b": ("7b", "0.5b"),
        "qwen3-vl-32b": ("32B", "4B"),
        "qwen3-vl-8b": ("8B", "2B"),
        "smolvlm2-2.2b": ("2.2B", "256M"),
    }
    assert set(BUILT_IN) == {*pairs, "demo"}
    for name, sizes in pairs.items():
        preset = load_preset(name)
        for spec, size in zip((preset.target, preset.draft), sizes, strict=True):
            assert f"-{size}-" in spec.model


def test_one_model_is_pinned_to_one_commit_everywhere() -> None:
    specs = [spec for name in BUILT_IN for preset in [load_preset(name)] for spec in (preset.target, preset.draft)]
    revisions = {(spec.model, spec.revision) for spec in specs}
    assert len(revisions) == len({model for model, _ in revisions})


def test_reading_presets_imports_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "transformers")
    code = f"import sys, lvspec_cli.preset_reader; print([name for name in {heavy} if name in sys.modules])"
    root = Path(__file__).resolve().parents[1]
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert result.stdout.strip() == "[]"
