"""Screens of terminals, for tests that look at them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

import pyte

from lvspec_cli.ui.live.cells import Line

SVG = "{http://www.w3.org/2000/svg}"
_CELL = 12.2  # width of a cell in a picture


def plain(lines: Sequence[Line]) -> list[str]:
    """Lines without their looks."""
    return ["".join(segment.text for segment in line if not segment.is_control).rstrip() for line in lines]


def content(picture: str) -> list[tuple[float, int, str, str]]:
    """Of each text in a picture: how far down it stands, in which column, what it says and how it looks."""
    root = ElementTree.fromstring(picture)
    looks = dict(re.findall(r"\.lvspec-(r\d+) \{ (.*?) \}", root.findtext(f"{SVG}style") or ""))
    found = []
    for text in root.iter(f"{SVG}text"):
        name = text.attrib["class"].removeprefix("lvspec-")
        found.append(
            (
                float(text.attrib.get("y", 0)),
                round(float(text.attrib["x"]) / _CELL),
                text.text or "",
                looks.get(name, ""),
            )
        )
    return found


def terminal(columns: int, rows: int) -> tuple[pyte.Screen, pyte.Stream]:
    """An emulated terminal and what feeds it, which turns line feeds as a terminal's driver does."""
    screen = pyte.Screen(columns, rows)
    screen.set_mode(pyte.modes.LNM)
    return screen, pyte.Stream(screen)


def shown(screen: pyte.Screen) -> list[str]:
    """The lines of an emulated terminal, without what is blank at their ends."""
    return [line.rstrip() for line in screen.display]
