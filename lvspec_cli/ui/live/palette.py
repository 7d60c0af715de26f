"""Colours and styles. Okabe and Ito's colours, which colour-blind people tell apart, and no two origins alike without.

Of the eight colours these four have a contrast of 3 and more on black and on white; everything else is in the
terminal's own colour, bold or dim.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rich.style import Style

from lvspec_cli.decoding.events import Origin

_GREEN, _VERMILLION, _BLUE, _PURPLE = "#009e73", "#d55e00", "#0072b2", "#cc79a7"

PLAIN = Style.null()
TITLE = Style(bold=True)  # of panels, and the video's name
VALUE = Style(bold=True)  # a number that is looked for
QUIET = Style(dim=True)  # labels, rules, what is not known yet
DONE = Style(color=_GREEN)  # the part of a bar that is done
ALARM = Style(color=_VERMILLION, bold=True)  # failed videos

ORIGIN_STYLES: Mapping[Origin, Style] = MappingProxyType(
    {
        Origin.EXACT: Style(color=_GREEN),
        Origin.LOOSE: Style(color=_VERMILLION, italic=True),
        Origin.SHIFTED: Style(color=_PURPLE, underline=True),
        Origin.RECOVERED: Style(color=_BLUE, bold=True),
        Origin.BONUS: Style(color=_BLUE, bold=True, underline=True),
        Origin.TARGET: Style(bold=True),
    }
)
BAR_STYLES: Mapping[Origin, Style] = MappingProxyType(
    {origin: Style(color=style.color) for origin, style in ORIGIN_STYLES.items()}
)
REJECTED = Style(color=_VERMILLION, strike=True)
DISCARDED = Style(dim=True)

# Terminals that know sixteen colours only show different ones of the four as the same one.
_OF_SIXTEEN = {_GREEN: "green", _VERMILLION: "red", _BLUE: "cyan", _PURPLE: "magenta"}
SIXTEEN_COLOURS: Mapping[Style, Style] = MappingProxyType(
    {
        style: style + Style(color=_OF_SIXTEEN[style.color.name])
        for style in (DONE, ALARM, REJECTED, *ORIGIN_STYLES.values(), *BAR_STYLES.values())
        if style.color is not None
    }
)


def origin_style(origin: Origin | None, drafts: bool) -> Style:
    """How a token looks; where nothing is drafted, all are the target's and none needs to stand out."""
    if origin is None:
        return QUIET
    return ORIGIN_STYLES[origin] if drafts else PLAIN
