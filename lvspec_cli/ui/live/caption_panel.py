"""The panel of the growing caption, and the legend of its colours."""

from __future__ import annotations

from rich.segment import Segment

from lvspec_cli.decoding.events import Origin
from lvspec_cli.ui.live.cells import Line, cut, filled, heading, words
from lvspec_cli.ui.live.formats import clock_time
from lvspec_cli.ui.live.glyphs import Glyphs
from lvspec_cli.ui.live.known import Known
from lvspec_cli.ui.live.palette import PLAIN, QUIET, REJECTED, origin_style
from lvspec_cli.ui.live.wrapping import CaptionWrap


def caption_panel(known: Known, width: int, rows: int, glyphs: Glyphs, wrap: CaptionWrap) -> list[Line]:
    """A heading and ``rows`` lines with the end of the caption."""
    drafts = known.setup.drafts
    shown = [
        tuple(Segment(text, PLAIN if text == " " else origin_style(origin, drafts)) for text, origin in runs)
        for runs in wrap.last_lines(known.pieces, width, rows)
    ]
    return [heading("caption", (words(_part(known), QUIET),), width, glyphs), *filled(shown, rows)]


def _part(known: Known) -> str:
    """Which part of the video this is about."""
    if known.part is None:
        return ""
    if known.part.summary:
        return "summary of all segments"
    sight = known.sight
    span = "" if sight is None else f", {clock_time(sight.start_s)} to {clock_time(sight.end_s)}"
    return f"part {known.part.index + 1} of {known.part.count}{span}"


def legend(known: Known, width: int, glyphs: Glyphs) -> Line:
    """What the colours and marks mean, on one line."""
    parts: list[Segment] = []
    for origin in known.setup.kinds:
        parts += [words(glyphs.mark(origin)), words(origin.value, origin_style(origin, True)), words("  ")]
    return cut([*parts, words(glyphs.rejected), words("rejected", REJECTED)], width, glyphs)


def origin_label(origin: Origin, glyphs: Glyphs) -> Line:
    """An origin's mark and name, as its tokens look."""
    mark = glyphs.mark(origin)
    return Segment(f"{mark} " if mark else "", PLAIN), Segment(origin.value, origin_style(origin, True))
