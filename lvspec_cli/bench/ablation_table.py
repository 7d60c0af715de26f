"""The ablation as tables, and what they say in a sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lvspec_cli.bench.areas import VISUAL_NATS
from lvspec_cli.bench.table import NOTHING, Column, Table, counted, number, percent, table_of, value

if TYPE_CHECKING:
    from lvspec_cli.bench.ablation import Ablation, Truth, Where
    from lvspec_cli.bench.areas import SignalFigures
    from lvspec_cli.bench.bootstrap import Estimate
    from lvspec_cli.bench.figures import Figures
    from lvspec_cli.bench.matching import MatchedRows

_SIGNAL_COLUMNS: tuple[Column[SignalFigures], ...] = (
    ("signal", lambda signal: f"{signal.name} (control)" if signal.control else signal.name),
    ("attribute, mismatches", lambda signal: number(signal.mismatches.anchors, 2)),
    ("blanked, mismatches", lambda signal: number(signal.mismatches.blanked, 2)),
    ("attribute, open", lambda signal: number(signal.open.anchors, 2)),
    ("blanked, open", lambda signal: number(signal.open.blanked, 2)),
    ("attribute, all", lambda signal: value(signal.everywhere.anchors, "{:.2f}")),
    ("blanked, all", lambda signal: value(signal.everywhere.blanked, "{:.2f}")),
)
_ROW_COLUMNS: tuple[Column[Figures], ...] = (
    ("method", lambda row: row.setting.row.title),
    ("kept mismatches", lambda row: percent(row.looseness.kept_mismatches) if row.looseness else NOTHING),
    ("tokens a round", lambda row: value(row.speed.acceptance_length, "{:.2f}")),
    ("retention", lambda row: percent(row.faithfulness.retention, interval=True)),
    ("same attributes", lambda row: percent(row.faithfulness.same_attributes, interval=True)),
    ("nats a token", lambda row: value(row.looseness.gap_nats_per_token, "{:.3f}") if row.looseness else NOTHING),
)
_TRUTHS: dict[Truth, str] = {"anchors": "attributes", "blanked": "what needs the video"}
_PAIRED = (
    "Differences are those of the same clips, and clear if their interval leaves out 0; the best was chosen on "
    "these clips too, which favours it a little."
)
_WHERE: dict[Where, str] = {"mismatches": "all mismatches", "open": "open ones"}


def ablation_tables(ablation: Ablation, clips: int) -> tuple[Table, Table, Table]:
    """What every signal is worth, then what it saves with and without the guard; ``clips``: how many were measured."""
    return (
        _signals(ablation, clips),
        _rows(ablation, ablation.guarded, "", clips),
        _rows(ablation, ablation.unguarded, " without guard and list", clips),
    )


def findings(ablation: Ablation) -> tuple[str, str, str]:
    """A sentence or two for each table."""
    return _about_signals(ablation), _about_rows(ablation.guarded), _about_rows(ablation.unguarded)


def _signals(ablation: Ablation, clips: int) -> Table:
    note = (
        f"{_about_signals(ablation)} Area under the curve with its 95 % interval, bootstrap over clips: 0.5 is chance, "
        "1 finds every anchor. Attribute: the target's token or the draft's names one; blanked: the target's token "
        f"loses more than {VISUAL_NATS} nats when every frame is grey. Mismatches: places where the draft would say "
        f"another token, {ablation.mismatches} of {ablation.places} ({ablation.anchors} name an attribute, "
        f"{ablation.visual} lose without the video); open: the {ablation.open} of them that neither the critical list "
        f"nor the guard refuses, where alone the signal decides. No method reads the controls. {_PAIRED}"
    )
    title = f"Ablation: what each signal knows of the anchors, on {counted(clips)}"
    return table_of(title, ablation.signals, _SIGNAL_COLUMNS, note)


def _rows(ablation: Ablation, matched: MatchedRows, how: str, clips: int) -> Table:
    """``how``: what sets these rows apart, to go into the title."""
    note = (
        f"{_about_rows(matched)} All were made to keep as many mismatches as the preset's own signal, {ablation.own}, "
        "does, on other clips, every signal by an absolute threshold; none saves shifted tokens, which no signal "
        "decides. Retention: share of the attributes named right, over ar's; same attributes: named as ar names them; "
        f"in brackets 95 % intervals, bootstrap over clips. {_PAIRED}"
    )
    title = f"Ablation: what each signal saves at equal looseness{how}, on {counted(clips)}"
    return table_of(title, matched.rows, _ROW_COLUMNS, note)


def _about_signals(ablation: Ablation) -> str:
    best = ablation.best
    if best is None or best.mismatches.anchors is None:
        return "No signal can be judged: the mismatches are all anchors, or none is; take more clips."
    told = f"The best signal at telling attributes is {best.name} ({best.mismatches.anchors.value:.2f})"
    return f"{told}, {_own(ablation, best)}. {_chance(ablation)}"


def _own(ablation: Ablation, best: SignalFigures) -> str:
    """How the preset's own signal stands to the best one."""
    if best.name == ablation.own:
        return "which is the preset's own"
    if ablation.lead is None:
        return f"while the preset's own, {ablation.own}, cannot be judged"
    difference = _difference(ablation.lead, 1, 2)
    if ablation.lead.sign > 0:
        return f"clearly better than the preset's own, {ablation.own}, by {difference}"
    return f"not clearly better than the preset's own, {ablation.own}: the difference is {difference}"


def _chance(ablation: Ablation) -> str:
    """Which signals are no better than chance, where and at what."""
    told = [
        f"{', '.join(signals)} ({_TRUTHS[truth]}, {_WHERE[where]})"
        for where, by_truth in ablation.no_better_than_chance.items()
        for truth, signals in by_truth.items()
        if signals
    ]
    return f"No better than chance: {'; '.join(told)}." if told else "All are better than chance."


def _about_rows(matched: MatchedRows) -> str:
    """Whether the signal that keeps most of ar's attributes keeps more of them than the dice do."""
    same = {row.setting.row.title: row.faithfulness.same_attributes for row in matched.rows}
    control = next((same[row.setting.row.title] for row in matched.rows if row.setting.row.method == "random"), None)
    best = None if matched.best is None else same[matched.best]
    if best is None or control is None or matched.lead is None:
        return "No row can be judged."
    verdict = {1: "a clear difference", 0: "no clear difference", -1: "clearly less than by chance"}[matched.lead.sign]
    return (
        f"Most of ar's attributes stay with {matched.best} ({best.value:.1%}); with as many mismatches kept by chance "
        f"{control.value:.1%} do: {_difference(matched.lead, 100, 1)} points, which is {verdict}."
    )


def _difference(estimate: Estimate, scale: float, digits: int) -> str:
    """With its sign and its interval."""
    low, high = (f"{scale * bound:+.{digits}f}" for bound in (estimate.low, estimate.high))
    return f"{scale * estimate.value:+.{digits}f} ({low} to {high})"
