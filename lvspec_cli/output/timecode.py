"""Times as people and subtitles read them: hours, minutes, seconds, milliseconds."""

from __future__ import annotations


def span_in_ms(start_s: float, end_s: float) -> tuple[int, int]:
    """Start and end in whole milliseconds; the end is at least one later, for no player shows a cue of length 0."""
    start = round(start_s * 1000)
    return start, max(round(end_s * 1000), start + 1)


def clock(milliseconds: int, mark: str = ".") -> str:
    """``HH:MM:SS.mmm``; hours from 100 on have more digits. `mark` stands before the milliseconds."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{rest:03d}"


def clock_span(start_s: float, end_s: float) -> str:
    """``HH:MM:SS.mmm-HH:MM:SS.mmm``."""
    return "-".join(map(clock, span_in_ms(start_s, end_s)))
