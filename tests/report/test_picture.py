"""Pictures of a report: made by the Chromium of the machine, small, and clear when there is none."""

import io

import numpy as np
import pytest
from PIL import Image

from lvspec_cli.report import picture
from lvspec_cli.report.picture import View, find_chromium, main
from tests.report import traces
from tests.report.pages import page_of

needs_chromium = pytest.mark.skipif(find_chromium() is None, reason="the program chromium takes the picture")


@pytest.fixture
def page(tmp_path):
    """The page of one traced video."""
    path = tmp_path / "report.html"
    path.write_text(page_of(tmp_path, traces.trace()), encoding="utf-8")
    return path


@needs_chromium
def test_a_picture_shows_the_token_in_the_wanted_theme_and_is_small(page, tmp_path):
    output = tmp_path / "report.png"
    assert main([str(page), "-o", str(output), "--token", "5", "--dark", "--width", "1200", "--height", "1000"]) == 0
    content = output.read_bytes()
    assert len(content) < 300_000
    image = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert image.shape == (1000, 1200, 3)
    assert image[2, 2].max() < 60
    hot = (image[..., 0] > 220) & (image[..., 1] > 170) & (image[..., 2] < 180)
    assert hot.sum() > 20, "there is no heat in it"


def test_a_view_is_told_in_the_address():
    assert View().fragment == "theme=light"
    assert View(token=7, dark=True).fragment == "theme=dark&token=7"


def test_without_chromium_one_sentence_says_what_to_install(page, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(picture.shutil, "which", lambda name: None)
    assert main([str(page), "-o", str(tmp_path / "x.png")]) == 2
    assert capsys.readouterr().err == (
        "lvspec: error: a picture needs Chromium: install it, so that one of chromium, chromium-browser, google-chrome "
        "is on the PATH\n"
    )


@pytest.mark.parametrize("program", ["#!/bin/sh\nexit 3\n", "#!/bin/sh\nexit 0\n"])
def test_a_browser_that_makes_no_picture_leaves_no_file(page, tmp_path, monkeypatch, capsys, program):
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "chromium"
    fake.write_text(program)
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")
    assert main([str(page), "-o", str(tmp_path / "x.png")]) == 1
    assert f"{fake} makes no picture of {page}: does it run by itself?" in capsys.readouterr().err
    assert list(tmp_path.glob("*.png")) == list(tmp_path.glob(".*.png")) == []


def test_a_page_that_is_not_there_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(picture, "find_chromium", lambda: "chromium")
    assert main([str(tmp_path / "no.html"), "-o", str(tmp_path / "x.png")]) == 2
    assert "there is no page" in capsys.readouterr().err
