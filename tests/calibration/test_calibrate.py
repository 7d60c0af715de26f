"""`lvspec calibrate` on real clips with the embedded pair: what it finds, writes, resumes and refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lvspec_cli.calibration.journal import SUFFIX
from lvspec_cli.cli.entry import main
from lvspec_cli.demo.clip import write_clip
from lvspec_cli.models.calibration_file import read_calibration
from lvspec_cli.preset import load_preset
from lvspec_cli.preset_schema import editor_line

SEEDS = range(40_000, 40_004)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("clips")
    paths = [folder / f"{seed}.mp4" for seed in SEEDS]
    for seed, path in zip(SEEDS, paths, strict=True):
        write_clip(seed, path)
    return list(map(str, paths))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One draft length on one video is timed: what is fastest is no property."""
    monkeypatch.setattr("lvspec_cli.calibration.draft_speed.DRAFT_LENGTHS", (6,))
    monkeypatch.setattr("lvspec_cli.calibration.calibrator.TIMED_VIDEOS", 1)
    monkeypatch.setattr("lvspec_cli.calibration.evidence.SAMPLED_TEXTS", 1)


def calibrate(output: Path, *videos: str, preset: str | Path = "demo") -> int:
    return main(["calibrate", "-o", str(output), "--preset", str(preset), *videos])


def test_anchors_depend_on_the_video_and_fillers_do_not(
    clips: list[str], quick: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "mine.yaml"
    assert calibrate(output, *clips) == 0
    assert output.read_text(encoding="utf-8").startswith(editor_line())
    preset = load_preset(output)
    assert (preset.method, preset.draft_tokens, preset.name) == ("lvspec", 6, "mine")
    assert preset.calibration == tmp_path / "mine.calibration.json"
    from lvspec_cli.models.checkpoint import read_checkpoint

    checkpoint = read_checkpoint(preset.target, "target")
    tokenizer: Any = checkpoint.tokenizer
    table = read_calibration(preset.calibration, max(tokenizer.get_vocab().values()) + 1, checkpoint.layer_count).table
    assert table is not None

    def known(words: tuple[str, ...]) -> list[float]:
        values = [float(table[tokenizer(f" {word}").input_ids[0]]) for word in words]
        return [value for value in values if value == value]

    anchors = known(("red", "blue", "green", "yellow", "circle", "square", "cross", "striped", "checkered", "white"))
    assert min(anchors) > 5 * max(known(("in", "there", "at", "dots")))
    assert not (tmp_path / f"mine.yaml{SUFFIX}").exists()
    said = capsys.readouterr().err
    assert "draft_tokens: " in said
    assert "tokens measured" in said
    assert f"wrote {output}" in said


def test_an_interrupted_calibration_goes_on_where_it_was(
    tiny_preset: Path, clips: list[str], quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lvspec_cli.calibration import calibrator

    measured: list[Any] = []

    def counted(*given: Any) -> Any:
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append(given)
        return measure(*given)

    measure = calibrator.measure_video
    monkeypatch.setattr(calibrator, "measure_video", counted)
    output = tmp_path / "mine.yaml"
    assert calibrate(output, *clips, preset=tiny_preset) == 130
    journal = tmp_path / f"mine.yaml{SUFFIX}"
    lines = journal.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    journal.write_text("\n".join([*lines, lines[2][:50]]), encoding="utf-8")  # a line that a kill cut off
    monkeypatch.setattr(calibrator, "measure_video", lambda *given: measured.append(given) or measure(*given))
    assert calibrate(output, *clips, preset=tiny_preset) == 0
    assert len(measured) == len(clips)
    assert output.exists()


def test_evidence_of_other_settings_is_not_taken(clips: list[str], quick: None, tmp_path: Path) -> None:
    output = tmp_path / "mine.yaml"
    (tmp_path / f"mine.yaml{SUFFIX}").write_text('{"settings": {}}\n', encoding="utf-8")
    assert calibrate(output, *clips) == 2
    assert not output.exists()


@pytest.mark.parametrize(
    ("output", "videos", "complaint"),
    [
        ("x.txt", ["a.mp4"], "must end in .yaml"),
        ("gone/x.yaml", ["a.mp4"], "there is no folder"),
        ("x.yaml", [], "no video given"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_loaded(
    output: str, videos: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(tmp_path / output, *videos) == 2
    assert complaint in capsys.readouterr().err


def test_a_folder_that_nobody_may_write_in_is_refused_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)  # root may write anywhere
    assert main(["calibrate", "-o", str(tmp_path / "x.yaml"), "--preset", "no such preset", "a.mp4"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"the folder {tmp_path} is not yours to write in" in line


def test_videos_on_which_no_word_depends_are_refused_and_nothing_is_written(
    tiny_preset: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lvspec_cli.calibration.signals.VISUAL_NATS", float("inf"))
    other, output = tmp_path / "other.mp4", tmp_path / "x.yaml"
    write_clip(SEEDS[0], other)
    assert main(["calibrate", "-o", str(output), "--preset", str(tiny_preset), str(clip), str(other)]) == 2
    assert "no word depends on what these videos show: name more, and more varied, videos" in capsys.readouterr().err
    assert not output.exists()
    assert (tmp_path / f"x.yaml{SUFFIX}").exists()  # with more videos, it goes on


def test_a_choice_of_the_signal_that_could_not_be_tried_is_said(
    tiny_preset: Path, clip: Path, quick: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, output = tmp_path / "other.mp4", tmp_path / "x.yaml"
    write_clip(SEEDS[0], other)
    assert main(["calibrate", "-o", str(output), "--preset", str(tiny_preset), str(clip), str(other)]) == 0
    said = capsys.readouterr().err
    assert "could not be compared on videos that they were not fitted to" in said
    assert "nan" not in said
    assert load_preset(output).method == "lvspec"


def test_one_readable_video_is_too_few(clips: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(tmp_path / "x.yaml", clips[0], str(tmp_path / "gone.mp4")) == 2
    said = capsys.readouterr().err
    assert "left out: " in said
    assert "at least 2 videos" in said
