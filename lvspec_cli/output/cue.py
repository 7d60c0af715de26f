"""The cues of subtitles: times that every player can show, and texts that steer none.

Players take what looks like a tag for one, whichever dialect it is from: ``<i>`` of SubRip and WebVTT, ``{\\an8}`` of
SubStation, which players and converters also heed in the other two. SubRip has no way to escape them. So a cue is one
line (a blank one would end it), and the characters that begin tags are replaced by others that look alike. The exact
text is in the formats that are meant for programs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from lvspec_cli.output.result import Result, passages_of
from lvspec_cli.output.sanitize import for_terminal, on_one_line
from lvspec_cli.output.timecode import span_in_ms

_UNSAFE_EVERYWHERE = str.maketrans({"{": "(", "}": ")", "\\": "/"})
# Some readers take any line with two times in it for the head of a cue. A joiner has no width and divides the figures.
_TIME = re.compile(r"(\d:\d{1,2}[.,])(?=\d)")
_JOINER = "\N{WORD JOINER}"


@dataclass(frozen=True)
class Cue:
    """One subtitle."""

    start_ms: int  # into the video
    end_ms: int  # into the video; later than the start
    text: str  # one line, escaped


def cues_of(result: Result, escape: Callable[[str], str]) -> list[Cue]:
    """A cue for each segment; one over all of the video if it has but one."""
    return [
        Cue(*span_in_ms(passage.start_s, passage.end_s), cue_text(passage.text, escape))
        for passage in passages_of(result)
        if passage.kind == "segment"
    ]


def cue_text(text: str, escape: Callable[[str], str]) -> str:
    """A text on one line that no reader takes for anything but text; `escape` is what the format itself asks for."""
    line = for_terminal(on_one_line(text)).strip()
    return escape(_TIME.sub(rf"\1{_JOINER}", line).translate(_UNSAFE_EVERYWHERE))
