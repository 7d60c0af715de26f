"""Screens of the live view, looked at by people and kept as pictures in `snapshots/`.

A changed screen fails here. Look at the new pictures, and keep them with
``RENEW_SNAPSHOTS=1 pytest tests/ui/test_live_snapshots.py``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lvspec_cli.caption import Part, Sight
from lvspec_cli.ui.live.glyphs import glyphs_for
from lvspec_cli.ui.live.known import Known
from lvspec_cli.ui.live.layout import compose
from lvspec_cli.ui.live.picture import as_svg, picture
from tests.ui.events import FACTS, TARGET, Decode, drafted_rounds, in_the_middle, known_after, settings
from tests.ui.screens import content

FOLDER = Path(__file__).parent / "snapshots"


def prefilling() -> Known:
    """Nothing is said yet, in the second of several videos."""
    return known_after(Decode().before(), place=(1, 7))


def alone() -> Known:
    """The target decodes alone."""
    decode = Decode(drafts=False)
    words = ("Two", "children", "build", "a", "castle", "of", "sand", "while", "the", "tide", "comes", "in.")
    rounds = [decode.round([(f" {word}", TARGET)], seconds=0.08) for word in words]
    return known_after([*decode.before(), *rounds], settings(method="ar"))


def in_parts() -> Known:
    """The second segment of the third of several videos, one of which failed."""
    first = Decode(Part(0, 3), Sight(FACTS, (2.5, 7.5), 0.0, 10.0))
    second = Decode(Part(1, 3), Sight(FACTS, (12.5, 17.5), 10.0, 20.0))
    steps = [step for each in (first, second) for step in (*each.before(), *drafted_rounds(each))]
    return known_after(steps, settings(max_tokens=200), path="film.mkv", place=(2, 7))


def ended() -> Known:
    """A round without a draft ended the caption."""
    decode = Decode()
    rounds = [*drafted_rounds(decode), decode.round([(" again", TARGET), ("<end>", TARGET)], finish="stop")]
    return known_after([*decode.before(), *rounds], settings(draft_tokens="auto"))


SCREENS: dict[str, tuple[Callable[[], Known], int, int]] = {
    "decoding-80x24": (in_the_middle, 80, 24),
    "decoding-200x60": (in_the_middle, 200, 60),
    "decoding-60x12": (in_the_middle, 60, 12),
    "decoding-60x24": (in_the_middle, 60, 24),
    "decoding-40x8": (in_the_middle, 40, 8),
    "prefilling-80x24": (prefilling, 80, 24),
    "target-alone-80x24": (alone, 80, 24),
    "target-alone-130x30": (alone, 130, 30),
    "in-parts-100x30": (in_parts, 100, 30),
    "ended-140x24": (ended, 140, 24),
}


def drawn(name: str) -> str:
    """The picture of a screen."""
    know, width, height = SCREENS[name]
    return picture(know(), width, height, name)


def compare(name: str, now: str) -> None:
    """Hold a picture against the one that is kept; or keep it, if that is asked for."""
    path = FOLDER / f"{name}.svg"
    if os.environ.get("RENEW_SNAPSHOTS"):
        path.write_text(now, encoding="utf-8")
    assert content(now) == content(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_looks_as_it_was_found_good(name: str) -> None:
    compare(name, drawn(name))


def test_a_screen_without_unicode_looks_as_it_was_found_good() -> None:
    lines = compose(in_the_middle(), 80, 24, glyphs_for("ascii"))
    assert all(segment.text.isascii() for line in lines for segment in line)
    compare("ascii-80x24", as_svg(lines, 80, "ascii-80x24"))


def test_a_light_picture_differs_from_a_dark_one_in_colours_only() -> None:
    dark, light = (picture(in_the_middle(), 80, 24, "both", light=light) for light in (False, True))
    assert [entry[:3] for entry in content(dark)] == [entry[:3] for entry in content(light)]
    assert dark != light


@pytest.mark.parametrize("name", SCREENS)
def test_a_picture_needs_nothing_from_anywhere(name: str) -> None:
    without_namespace = drawn(name).replace('xmlns="http://www.w3.org/2000/svg"', "")
    for reach in ("http", "url(http", "@import", "@font-face", "<script", "href"):
        assert reach not in without_namespace
