"""Numbers as people read them, in few and mostly equal many characters."""

from __future__ import annotations


def clock_time(seconds: float) -> str:
    """A place in a video: ``1:05``, ``1:02:03``, and ``0:07.5`` where it is between two seconds."""
    tenths = round(max(seconds, 0.0) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    shown = f"{rest // 10:02d}" + (f".{rest % 10}" if rest % 10 else "")
    return f"{hours}:{minutes:02d}:{shown}" if hours else f"{minutes}:{shown}"


def elapsed(seconds: float) -> str:
    """How long something has taken: ``3.2 s``, ``47 s``, ``2 min 05 s``, ``1 h 04 min``."""
    seconds = max(seconds, 0.0)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def remaining(seconds: float) -> str:
    """About how long something will take; no more precise than it is known."""
    if seconds < 60:
        return f"{max(5 * round(seconds / 5), 5)} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def memory(count: int) -> str:
    """Bytes, as MiB or GiB."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def speed(tokens_per_second: float) -> str:
    """Tokens a second, to about three digits."""
    return f"{tokens_per_second:.0f}" if tokens_per_second >= 99.95 else f"{tokens_per_second:.1f}"
