"""What was measured, as text for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Unit = Literal["x", "%", "s", "ms", ""]
_SCALE = {"x": 1.0, "%": 100.0, "s": 1.0, "ms": 1000.0, "": 1.0}
_HEADINGS = ("measure", "value", "target", "met", "")


@dataclass(frozen=True)
class Goal:
    """What a value should be."""

    comparison: Literal["at least", "at most", "under"]
    bound: float  # in the value's own terms: a ratio, a share, seconds

    def met_by(self, value: float) -> bool:
        """Whether a value is good enough."""
        if self.comparison == "at least":
            return value >= self.bound
        return value <= self.bound if self.comparison == "at most" else value < self.bound


@dataclass(frozen=True)
class Line:
    """One measured number."""

    name: str
    value: float  # a ratio, a share (0 to 1) or seconds, whatever the unit it is shown in
    unit: Unit = "x"  # that it is shown in
    goal: Goal | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal was met; None without a goal."""
        return None if self.goal is None else self.goal.met_by(self.value)

    def cells(self) -> tuple[str, ...]:
        """The line as text, under the headings."""
        goal = "" if self.goal is None else f"{self.goal.comparison} {_shown(self.goal.bound, self.unit)}"
        met = "" if self.met is None else "yes" if self.met else "NO"
        return self.name, _shown(self.value, self.unit), goal, met, self.note


@dataclass(frozen=True)
class Subject:
    """Lines that belong together."""

    title: str
    lines: tuple[Line, ...]
    note: str = ""  # how it was measured


def missed(subjects: Sequence[Subject]) -> list[str]:
    """The lines whose goal was not met, by title and name."""
    return [f"{subject.title}: {line.name}" for subject in subjects for line in subject.lines if line.met is False]


def as_text(subject: Subject) -> str:
    """A subject as a table with aligned columns."""
    rows = [_HEADINGS, *(line.cells() for line in subject.lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    return "\n".join([subject.title, "-" * len(subject.title), *lines, *([subject.note] if subject.note else [])])


def as_record(subject: Subject) -> dict[str, Any]:
    """A subject as JSON values; values are in `unit_of_value`, not in the unit of the text."""
    return {"title": subject.title, "note": subject.note, "lines": [_line_record(line) for line in subject.lines]}


def _line_record(line: Line) -> dict[str, Any]:
    base = {"x": "ratio", "%": "share", "s": "seconds", "ms": "seconds", "": "count"}[line.unit]
    return {
        "name": line.name,
        "value": line.value,
        "unit_of_value": base,
        "goal": None if line.goal is None else asdict(line.goal),
        "met": line.met,
        "note": line.note,
    }


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    name, value, *rest = row
    return [
        name.ljust(widths[0]),
        value.rjust(widths[1]),
        *(cell.ljust(width) for cell, width in zip(rest, widths[2:], strict=True)),
    ]


def _shown(value: float, unit: Unit) -> str:
    number = f"{value * _SCALE[unit]:.2f}"
    separator = " " if unit in ("s", "ms", "%") else ""
    return f"{number.rstrip('0').rstrip('.') if unit == '' else number}{separator}{unit}"
