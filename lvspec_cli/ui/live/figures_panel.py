"""The panels of numbers: speed, acceptance by kind, and accepted tokens round by round."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment

from lvspec_cli.decoding.events import Origin
from lvspec_cli.ui.live.caption_panel import origin_label
from lvspec_cli.ui.live.cells import Line, cut, filled, heading, padded, spread, width_of, words
from lvspec_cli.ui.live.chart import bar, columns
from lvspec_cli.ui.live.formats import memory, speed
from lvspec_cli.ui.live.glyphs import Glyphs
from lvspec_cli.ui.live.known import Figures, Known, RunSetup
from lvspec_cli.ui.live.palette import BAR_STYLES, PLAIN, QUIET, VALUE

_LABEL, _VALUE = 23, 8  # cells, the first where there is room for it


def speed_panel(known: Known, width: int, glyphs: Glyphs, *, spark: bool) -> list[Line]:
    """A heading and a line for each figure; with ``spark``, acceptance per round on a line of its own."""
    lines = [_fact(name, value, width, glyphs) for name, value in _speeds(known, glyphs)]
    if spark and known.setup.drafts:
        lines.append(_sparkline(known, width, glyphs))
    return [heading("speed", (), width, glyphs), *lines]


def speed_rows(setup: RunSetup, *, spark: bool) -> int:
    """Lines of the speed panel."""
    return 5 + spark if setup.drafts else 4


def acceptance_panel(known: Known, width: int, glyphs: Glyphs) -> list[Line]:
    """A heading and a line for each kind of token: how many there are, and their share. It is the legend as well."""
    counts = {} if known.figures is None else known.figures.tokens_by_origin
    total = sum(counts.values())
    lines = [_kind(origin, counts.get(origin, 0), total, width, glyphs) for origin in known.setup.kinds]
    return [heading("acceptance", (words(f"{total} tokens" if total else "", QUIET),), width, glyphs), *lines]


def acceptance_rows(setup: RunSetup) -> int:
    """Lines of the acceptance panel; none where nothing can be accepted."""
    return 1 + len(setup.kinds) if setup.drafts else 0


def chart_panel(known: Known, width: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """A heading and a chart of ``rows`` lines: the draft tokens that the last rounds accepted."""
    bars = columns(known.accepted, known.longest_draft, width, rows, glyphs)
    drafted = words(f"of {known.longest_draft} drafted" if known.longest_draft else "", QUIET)
    return [heading("accepted a round", (drafted,), width, glyphs), *filled(bars, rows)]


def figures_line(known: Known, width: int, glyphs: Glyphs) -> Line:
    """The most important figures on one line."""
    (_, now), (_, mean), *others = _speeds(known, glyphs)
    parts = [words(now, VALUE), words(" tok/s, mean ", QUIET), words(mean, VALUE)]
    for short, (_, value) in zip(("length", "est. speed-up") if known.setup.drafts else (), others, strict=False):
        parts += [words(f" {glyphs.dot} {short} ", QUIET), words(value, VALUE)]
    return cut(parts, width, glyphs)


def _speeds(known: Known, glyphs: Glyphs) -> list[tuple[str, str]]:
    """Names and values; how many depends on the method alone."""
    figures = known.figures
    now, mean = (None, None) if figures is None else (figures.speed_now, figures.speed_mean)
    shown = [("tokens/s now", _or_unknown(now, glyphs)), ("tokens/s mean", _or_unknown(mean, glyphs))]
    if not known.setup.drafts:
        return [*shown, ("ms a token", glyphs.unknown if not mean else f"{1000 / mean:.1f}")]
    return [*shown, *_gains(figures, glyphs)]


def _gains(figures: Figures | None, glyphs: Glyphs) -> list[tuple[str, str]]:
    length = None if figures is None else figures.acceptance_length
    speedup = None if figures is None else figures.speedup
    return [
        ("acceptance length", glyphs.unknown if length is None else f"{length:.2f}"),
        ("est. speed-up", glyphs.unknown if speedup is None else f"{speedup:.1f}{glyphs.times}"),
    ]


def _or_unknown(value: float | None, glyphs: Glyphs) -> str:
    return glyphs.unknown if value is None else speed(value)


def _fact(name: str, value: str, width: int, glyphs: Glyphs) -> Line:
    label = padded((words(name, QUIET),), min(_LABEL, width - _VALUE))
    return cut((*label, words(value, VALUE if value != glyphs.unknown else QUIET)), width, glyphs)


def _sparkline(known: Known, width: int, glyphs: Glyphs) -> Line:
    label = padded((words("accepted a round", QUIET),), min(_LABEL, width - _VALUE))
    (spark,) = columns(known.accepted, known.longest_draft, width - width_of(label), 1, glyphs)
    return (*label, *spark)


def _kind(origin: Origin, count: int, total: int, width: int, glyphs: Glyphs) -> Line:
    share = count / total if total else 0.0
    numbers = words(f"{count:5d}", VALUE if count else QUIET), words(f"{100 * share:4.0f} %", QUIET)
    label = padded((*([] if glyphs.mark(origin) else [Segment("  ", PLAIN)]), *origin_label(origin, glyphs)), 12)
    room = width - width_of(label) - width_of(numbers) - 2
    return spread((*label, *bar(share, room, glyphs, BAR_STYLES[origin], rest=False)), numbers, width, glyphs)


def facts_line(known: Known, width: int, glyphs: Glyphs) -> Line:
    """What is known of the video and of what the models see of it, in this order, as far as there is room."""
    told = [f" {glyphs.dot} {fact}" for fact in _facts(known, glyphs)]
    while told and cell_len("".join(told)) - 3 > width:
        told.pop()
    return (words("".join(told)[3:], QUIET),)


def _facts(known: Known, glyphs: Glyphs) -> list[str]:
    told: list[str] = []
    if known.sight is not None:
        video = known.sight.facts
        told += [f"{video.width}{glyphs.times}{video.height}", f"{video.duration_s:.1f} s"]
        told += [glyphs.on_one_line(video.codec), f"{len(known.sight.frame_times)} frames"]
    if (figures := known.figures) is not None:
        told += [f"{memory(figures.memory_bytes)} memory"] if figures.memory_bytes is not None else []
        told.append(f"{figures.video_tokens} video tokens")
        if figures.draft_video_tokens not in (None, figures.video_tokens):
            told.append(f"{figures.draft_video_tokens} for the draft")
    return told
