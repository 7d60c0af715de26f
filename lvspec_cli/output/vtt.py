"""WebVTT subtitles: a cue for each segment, one over the whole video if there are none; the summary is a note."""

from __future__ import annotations

from html import escape

from lvspec_cli.output.cue import cue_text, cues_of
from lvspec_cli.output.result import Result, passages_of
from lvspec_cli.output.timecode import clock
from lvspec_cli.output.writer import ResultWriter


class VttWriter(ResultWriter):
    """One file, one video; a failed one leaves nothing."""

    suffix = ".vtt"
    holds_one = True
    tells_failures = False

    def write(self, result: Result) -> None:
        """Write the header, the summary as a note that no player shows, and the cues."""
        if result.text is None:
            return
        # Before the cues: a reader that does not know notes takes one after them for a part of the last.
        notes = [f"NOTE {cue_text(p.text, _escape)}\n" for p in passages_of(result) if p.kind == "summary"]
        cues = [f"{clock(cue.start_ms)} --> {clock(cue.end_ms)}\n{cue.text}\n" for cue in cues_of(result, _escape)]
        self._emit("\n".join(["WEBVTT\n", *notes, *cues]))


def _escape(text: str) -> str:
    return escape(text, quote=False)
