"""The lines at the top: the video's name, what is going on, and how far all videos are."""

from __future__ import annotations

from rich.cells import cell_len

from lvspec_cli.ui.live.cells import Line, cut, cut_front, padded, width_of, words
from lvspec_cli.ui.live.chart import bar, moving_bar
from lvspec_cli.ui.live.formats import elapsed, remaining, speed
from lvspec_cli.ui.live.glyphs import Glyphs
from lvspec_cli.ui.live.known import Known
from lvspec_cli.ui.live.palette import ALARM, QUIET, TITLE
from lvspec_cli.ui.stage_names import STAGE_NAMES

_LABEL = 20  # cells, before a bar
_TOLD = 28  # cells, behind a bar, at least
_SPINS = 8  # a second
_LEAST_NAME = 12  # cells of a video's name that are shown in any case


def title_line(known: Known, width: int, glyphs: Glyphs) -> Line:
    """The video's name, and the method."""
    counter = f"[{known.videos.index + 1}/{known.videos.count}] " if known.videos.count > 1 else ""
    method = f"method {known.setup.method}"
    room = width - cell_len(counter) - cell_len(method) - 2
    name = cut_front(glyphs.on_one_line(known.path), max(room, _LEAST_NAME), glyphs)
    left = padded((words(counter, QUIET), words(name, TITLE)), width - cell_len(method))
    return cut((*left, words(method, QUIET)), width, glyphs)


def progress_line(known: Known, width: int, glyphs: Glyphs) -> Line:
    """The stage with a bar, which stands still only where it is known how much there is to do."""
    spin = glyphs.spinner[int(known.video_seconds * _SPINS) % len(glyphs.spinner)]
    label = f"{spin} {STAGE_NAMES[known.stage]}"
    done = 0 if known.figures is None else known.figures.num_tokens
    most = known.setup.max_tokens
    if known.stage not in ("decoding", "done"):
        return _row(label, None, elapsed(known.stage_seconds), width, glyphs, known.stage_seconds)
    told = f"{done} of {most} tokens" if most else f"{done} tokens"
    share = done / most if most else None
    return _row(label, share, f"{told}, {elapsed(known.stage_seconds)}", width, glyphs, known.stage_seconds)


def videos_line(known: Known, width: int, glyphs: Glyphs) -> Line:
    """How far a run over several videos is."""
    videos = known.videos
    left = "" if videos.remaining_seconds is None else f"about {remaining(videos.remaining_seconds)} left"
    label = f"  {videos.captioned} done"
    failed = f"{videos.failed} failed" if videos.failed else ""
    return _row(label + ", " * bool(failed), videos.index / videos.count, left, width, glyphs, 0.0, failed)


def _row(
    label: str, share: float | None, told: str, width: int, glyphs: Glyphs, seconds: float, alarm: str = ""
) -> Line:
    """A label, a bar that goes to and fro if no share is known, and a text at the end."""
    before = padded((words(label), words(alarm, ALARM)), _LABEL)
    after = words(" " + told.rjust(_TOLD - 1), QUIET)
    room = max(width - width_of(before) - after.cell_length - 1, 4)
    drawn = moving_bar(seconds, room, glyphs) if share is None else bar(share, room, glyphs)
    return cut((*before, words(" "), *drawn, after), width, glyphs)


def status_line(known: Known, width: int, glyphs: Glyphs) -> Line:
    """All of it in one line, for terminals that have no room for more."""
    counter = f"[{known.videos.index + 1}/{known.videos.count}] " if known.videos.count > 1 else ""
    told = STAGE_NAMES[known.stage]
    if (figures := known.figures) is not None:
        told = f"{figures.num_tokens} tokens"
        speedy = f"{told}, {speed(figures.speed_mean or 0.0)} tokens/s"
        told = speedy if cell_len(counter) + cell_len(speedy) + _LEAST_NAME <= width else told
    room = max(width - cell_len(counter) - cell_len(told) - 2, _LEAST_NAME)
    name = cut_front(glyphs.on_one_line(known.path), room, glyphs)
    return cut((words(counter, QUIET), words(name, TITLE), words(f": {told}")), width, glyphs)
