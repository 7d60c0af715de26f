"""`lvspec demo screen`: a picture of the live view that really was, and nothing written where it cannot be."""

from __future__ import annotations

import pytest

from lvspec_cli.cli import main
from tests.ui.screens import content


def test_the_picture_shows_a_caption_that_is_being_decoded(tmp_path, capsys):
    folder = tmp_path / "somebody's folder"
    folder.mkdir()
    assert main(["demo", "clip", "--seed", "7", "-o", str(folder / "clip.mp4")]) == 0
    picture = folder / "live.svg"
    assert main(["demo", "screen", str(folder / "clip.mp4"), "-o", str(picture), "--width", "90"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith(f"wrote {picture}\n")
    drawn = picture.read_text(encoding="utf-8")
    words = "".join(text for _, _, text, _ in content(drawn)).replace("\xa0", " ")
    for shown in ("clip.mp4", "decoding", "caption", "round ", "of 16 accepted", "est. speed-up", "160", "blue"):
        assert shown in words
    assert str(tmp_path) not in drawn
    assert "somebody" not in drawn
    assert "http" not in drawn.replace('xmlns="http://www.w3.org/2000/svg"', "")


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        ("live.png", "-o live.png must end in .svg"),
        ("folder.svg", "-o folder.svg is a folder"),
        ("no/live.svg", "-o no/live.svg cannot be written: there is no folder no"),
    ],
)
def test_a_picture_that_cannot_be_written_is_refused_at_once(tmp_path, monkeypatch, capsys, output, complaint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.svg").mkdir()
    assert main(["demo", "screen", "gone.mp4", "-o", output]) == 2
    assert complaint in capsys.readouterr().err


def test_a_video_that_is_not_there_is_one_line(tmp_path, capsys):
    assert main(["demo", "screen", str(tmp_path / "gone.mp4"), "-o", str(tmp_path / "live.svg")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lvspec: error: ")
    assert not (tmp_path / "live.svg").exists()
