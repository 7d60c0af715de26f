"""Figures as a table: the same cells for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from lvspec_cli.bench.rows import ROWS
from lvspec_cli.decoding.events import Refusal
from lvspec_cli.demo.scene import ATTRIBUTES

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


Row = TypeVar("Row")
Column: TypeAlias = tuple[str, Callable[[Row], str]]  # its heading, and what its cell says of a row

_NAME: tuple[Column[Figures], ...] = (("method", lambda row: row.setting.row.title),)
_SPEED: tuple[Column[Figures], ...] = (
    ("draft", lambda row: row.setting.chosen or NOTHING),
    ("decode", lambda row: times(row.speed.decode)),
    ("end to end", lambda row: times(row.speed.end_to_end)),
    ("tokens a round", lambda row: value(row.speed.acceptance_length, "{:.2f}")),
)
_TRUTH: tuple[Column[Figures], ...] = (
    ("accuracy", lambda row: percent(row.faithfulness.accuracy)),
    ("retention", lambda row: percent(row.faithfulness.retention, interval=True)),
)
_FIDELITY: tuple[Column[Figures], ...] = (
    ("token agreement", lambda row: percent(row.faithfulness.token_agreement)),
    ("chrF", lambda row: percent(row.faithfulness.chrf)),
    ("tokens a caption", lambda row: number(row.speed.tokens_per_caption, 1)),
)
_LOOSENESS: tuple[Column[Figures], ...] = (
    ("nats a token", lambda row: value(row.looseness.gap_nats_per_token, "{:.3f}") if row.looseness else NOTHING),
    ("loose", lambda row: percent(row.looseness.loose_share) if row.looseness else NOTHING),
    ("shifted", lambda row: percent(row.looseness.shifted_share) if row.looseness else NOTHING),
    ("kept mismatches", lambda row: percent(row.looseness.kept_mismatches) if row.looseness else NOTHING),
    ("guarded", lambda row: str(row.looseness.refusals.get(Refusal.GUARD.value, 0)) if row.looseness else NOTHING),
)
_SPEED_NOTE = (
    "Speed over ar: median over clips of the ratios of a clip; decode: seconds a token after the prefill; end to end: "
    "seconds a caption from the file on, so that a method which says less seems faster (see tokens a caption)."
)
_QUALITY_NOTE = "Agreement of tokens, and chrF, with ar's answer. Tokens a caption: mean, with the final stop token."
_TRUTH_NOTE = "Accuracy: share of the attributes named right; retention: that over ar's."
_LOOSENESS_NOTE = (
    "Nats lost by keeping what the target would not say; loose and shifted: shares of all tokens; mismatches: draft "
    "tokens that the target would not say; guarded: kept but for their low probability."
)
_INTERVALS_NOTE = (
    "In brackets: 95 % intervals, bootstrap over clips; one without width says only that no clip differed."
)


def comparison_table(rows: Sequence[Figures], clips: int) -> Table:
    """Everything, one line a row; ``clips``: how many the figures are of."""
    columns = (*_NAME, *_SPEED, *_quality_columns(rows), *_LOOSENESS)
    note = f"{_SPEED_NOTE} {_quality_note(rows)} {_LOOSENESS_NOTE} {_intervals_note(clips)}"
    return table_of(f"Methods side by side on {counted(clips)}", rows, columns, note)


def comparison_parts(rows: Sequence[Figures], clips: int) -> tuple[Table, ...]:
    """The same in tables that fit a terminal of the usual width."""
    return (
        table_of(f"Speed over ar on {counted(clips)}", rows, (*_NAME, *_SPEED), _SPEED_NOTE),
        table_of("Quality", rows, (*_NAME, *_quality_columns(rows)), _quality_note(rows)),
        table_of("Looseness", rows, (*_NAME, *_LOOSENESS), f"{_LOOSENESS_NOTE} {_intervals_note(clips)}"),
    )


def sweep_table(rows: Sequence[Figures], chosen: Sequence[Figures], clips: int) -> Table:
    """Decoding speed over the reference by draft length and method; ``chosen``: the rows of the comparison."""
    drafting = [row for row in rows if row.setting.row.drafts]
    best = {row.setting.label for row in chosen}
    titles = tuple(dict.fromkeys(row.setting.row.title for row in drafting))
    cells = {(row.setting.chosen, row.setting.row.title): _swept(row, best) for row in drafting}
    return Table(
        title=f"Sweep: decoding speed over ar by draft tokens, on {counted(clips)} for tuning",
        headings=("draft", *titles),
        rows=tuple(
            (length, *(cells.get((length, title), NOTHING) for title in titles))
            for length in dict.fromkeys(row.setting.chosen for row in drafting)
        ),
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


def number(estimate: Estimate | None, digits: int) -> str:
    """A figure with its interval."""
    return NOTHING if estimate is None else f"{estimate.value:.{digits}f}{_interval(estimate, 1, digits)}"


def value(estimate: Estimate | None, form: str) -> str:
    """A figure without its interval."""
    return NOTHING if estimate is None else form.format(estimate.value)


def _interval(estimate: Estimate, scale: float, digits: int) -> str:
    """Without spaces inside, so that no line breaks there."""
    return f" ({scale * estimate.low:.{digits}f}\N{EN DASH}{scale * estimate.high:.{digits}f})"


def table_of(title: str, rows: Sequence[Row], columns: Sequence[Column[Row]], note: str) -> Table:
    """What each column tells of each row."""
    return Table(
        title=title,
        headings=tuple(heading for heading, _ in columns),
        rows=tuple(tuple(cell(row) for _, cell in columns) for row in rows),
        note=note,
    )


def _quality_columns(rows: Sequence[Figures]) -> tuple[Column[Figures], ...]:
    return (*(_TRUTH if _truth_is_known(rows) else ()), *_FIDELITY)


def _quality_note(rows: Sequence[Figures]) -> str:
    known = _truth_is_known(rows)
    return " ".join(filter(None, (_TRUTH_NOTE if known else "", _QUALITY_NOTE, _controls_note(rows, truth=known))))


def _controls_note(rows: Sequence[Figures], *, truth: bool) -> str:
    """What sets the control without guard and list apart; empty if it is not among the rows."""
    bare = next((row.setting.row for row in rows if row.setting.row.as_loose_as and not row.setting.row.guarded), None)
    if bare is None:
        return ""
    told = f"Neither the guard nor the list of critical words holds for {bare.name} ({bare.title})"
    answers = _answers_on_the_list(rows) if truth else ()
    if answers:
        told += f", and that list has words that are answers about the synthetic clips ({', '.join(answers)})"
    fair = ROWS["random-guarded"]
    return f"{told}: the fair comparison of the score alone is {fair.name} ({fair.title})."


def _answers_on_the_list(rows: Sequence[Figures]) -> tuple[str, ...]:
    """The critical words of the rows that name an attribute of the synthetic clips."""
    listed = {word for row in rows if row.setting.looseness for word in row.setting.looseness.critical_words}
    return tuple(word for values in ATTRIBUTES.values() for word in values if word in listed)


def _truth_is_known(rows: Sequence[Figures]) -> bool:
    return any(row.faithfulness.accuracy is not None for row in rows)


def _intervals_note(clips: int) -> str:
    few = f" They are narrower than they should be with {counted(clips)}." if clips < FEW else ""
    return _INTERVALS_NOTE + few


def counted(clips: int) -> str:
    """So many clips, in words."""
    return f"{clips} clip{'s' * (clips != 1)}"


def _swept(row: Figures, best: set[str]) -> str:
    return value(row.speed.decode, "{:.2f}x") + ("*" if row.setting.label in best else "")


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
