"""SubRip subtitles: a cue for each segment, one over the whole video if there are none.

A summary has no place here: it would stand over all other cues from the first to the last.
"""

from __future__ import annotations

import re

from lvspec_cli.output.cue import cues_of
from lvspec_cli.output.result import Result
from lvspec_cli.output.timecode import clock
from lvspec_cli.output.writer import ResultWriter

_LOOK_ALIKE = str.maketrans("<>", "\u2039\u203a")  # angle quotation marks; they also make "-->" none
_ENTITY = re.compile(r"&(?=#?\w+;)")  # some players decode them


class SrtWriter(ResultWriter):
    """One file, one video; a failed one leaves nothing."""

    suffix = ".srt"
    holds_one = True
    tells_failures = False

    def write(self, result: Result) -> None:
        """Write the cues."""
        cues = enumerate(cues_of(result, _escape), 1)
        self._emit(
            "".join(f"{i}\n{clock(cue.start_ms, ',')} --> {clock(cue.end_ms, ',')}\n{cue.text}\n\n" for i, cue in cues)
        )


def _escape(text: str) -> str:
    return _ENTITY.sub("&\N{WORD JOINER}", text).translate(_LOOK_ALIKE)
