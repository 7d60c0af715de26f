"""Figures as a table: the same cells for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lvspec_cli.decoding.events import Refusal

if TYPE_CHECKING:
    from lvspec_cli.bench.bootstrap import Estimate
    from lvspec_cli.bench.figures import Figures

NOTHING = "-"
FEW = 20  # clips, below which intervals are no good


@dataclass(frozen=True)
class Table:
    """Text in rows and columns."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]  # as many cells as there are headings
    note: str  # how to read it


Column = tuple[str, "Callable[[Figures], str]"]

_SPEED: tuple[Column, ...] = (
    ("method", lambda row: row.setting.row.title),
    ("draft", lambda row: row.setting.chosen or NOTHING),
    ("decode", lambda row: times(row.speed.decode)),
    ("end to end", lambda row: times(row.speed.end_to_end)),
    ("tokens a round", lambda row: value(row.speed.acceptance_length, "{:.2f}")),
)
_TRUTH: tuple[Column, ...] = (
    ("accuracy", lambda row: percent(row.faithfulness.accuracy)),
    ("retention", lambda row: percent(row.faithfulness.retention, interval=True)),
)
_FIDELITY: tuple[Column, ...] = (
    ("token agreement", lambda row: percent(row.faithfulness.token_agreement)),
    ("chrF", lambda row: percent(row.faithfulness.chrf)),
    ("nats a token", lambda row: value(row.looseness.gap_nats_per_token, "{:.3f}") if row.looseness else NOTHING),
    ("loose", lambda row: percent(row.looseness.loose_share) if row.looseness else NOTHING),
    ("shifted", lambda row: percent(row.looseness.shifted_share) if row.looseness else NOTHING),
    ("kept mismatches", lambda row: percent(row.looseness.kept_mismatches) if row.looseness else NOTHING),
    ("guarded", lambda row: str(row.looseness.refusals.get(Refusal.GUARD.value, 0)) if row.looseness else NOTHING),
)


def comparison_table(rows: Sequence[Figures], clips: int) -> Table:
    """One line a row; ``clips``: how many the figures are of."""
    truth = any(row.faithfulness.accuracy is not None for row in rows)
    columns = (*_SPEED, *(_TRUTH if truth else ()), *_FIDELITY)
    return Table(
        title=f"Methods side by side on {clips} clip{'s' * (clips != 1)}",
        headings=tuple(heading for heading, _ in columns),
        rows=tuple(tuple(cell(row) for _, cell in columns) for row in rows),
        note=_note(truth, clips),
    )


def sweep_table(rows: Sequence[Figures], chosen: Sequence[Figures], clips: int) -> Table:
    """Decoding speed over the reference by method and draft length; ``chosen``: the rows of the comparison."""
    best = {row.setting.label for row in chosen}
    titles = list(dict.fromkeys(row.setting.row.title for row in rows if row.setting.row.drafts))
    lengths = list(dict.fromkeys(row.setting.chosen for row in rows if row.setting.row.drafts))
    cells = {(row.setting.row.title, row.setting.chosen): _swept(row, best) for row in rows}
    return Table(
        title=f"Sweep: decoding speed over ar by draft tokens, on {clips} tuning clip{'s' * (clips != 1)}",
        headings=("method", *lengths),
        rows=tuple((title, *(cells.get((title, length), NOTHING) for length in lengths)) for title in titles),
        note="* each method's best, with which it is measured.",
    )


def as_markdown(table: Table) -> str:
    """A title, the table and its note."""
    lines = [table.headings, ("---", *("---:" for _ in table.headings[1:])), *table.rows]
    return "\n".join([f"### {table.title}", "", *map(_markdown_line, lines), "", table.note, ""])


def times(estimate: Estimate | None) -> str:
    """A ratio of speeds with its interval."""
    return NOTHING if estimate is None else f"{estimate.value:.2f}x{_interval(estimate, 1, 2)}"


def percent(estimate: Estimate | None, *, interval: bool = False) -> str:
    """A share, with its interval if that is wanted."""
    if estimate is None:
        return NOTHING
    return f"{100 * estimate.value:.1f}%{_interval(estimate, 100, 1) if interval else ''}"


def value(estimate: Estimate | None, form: str) -> str:
    """A figure without its interval."""
    return NOTHING if estimate is None else form.format(estimate.value)


def _interval(estimate: Estimate, scale: float, digits: int) -> str:
    """Without spaces inside, so that no line breaks there."""
    return f" ({scale * estimate.low:.{digits}f}\N{EN DASH}{scale * estimate.high:.{digits}f})"


def _swept(row: Figures, best: set[str]) -> str:
    star = " *" if row.setting.label in best else ""
    return value(row.speed.decode, "{:.2f}x") + star


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _note(truth: bool, clips: int) -> str:
    few = f" They are narrower than they should be with {clips} clips." if clips < FEW else ""
    retention = "Retention: accuracy over that of ar. " if truth else ""
    return (
        "Speed over ar: median over clips of the ratios of a clip; decode: seconds a token after the prefill, end to "
        f"end: seconds a caption from the file on. {retention}Agreement and chrF are with ar's answer. Mismatches: "
        "draft tokens that the target would not say. In brackets: 95 % intervals, bootstrap over clips; one without "
        f"width says only that no clip differed.{few}"
    )
