"""What the bench prints and writes: numbers in their units, goals, and whether they were met."""

from __future__ import annotations

import json

import pytest

from lvspec_cli.bench.report import Goal, Line, Subject, as_record, as_text, missed


@pytest.mark.parametrize(
    ("goal", "good", "bad"),
    [
        (Goal("at least", 1.6), 1.6, 1.59),
        (Goal("at most", 0.6), 0.6, 0.61),
        (Goal("under", 0.3), 0.29, 0.3),
    ],
)
def test_a_goal_is_met_up_to_its_bound(goal: Goal, good: float, bad: float) -> None:
    assert goal.met_by(good)
    assert not goal.met_by(bad)


SUBJECT = Subject(
    "Speed",
    (
        Line("fast / slow", 1.5, goal=Goal("at least", 1.6), note="decode"),
        Line("share", 0.042, "%", Goal("under", 0.05)),
        Line("one step", 0.0051, "ms"),
        Line("help", 0.21, "s"),
        Line("modules", 0, "", Goal("at most", 0)),
    ),
    "How.",
)


def test_a_table_shows_values_and_goals_in_one_unit_and_says_what_was_missed() -> None:
    title, rule, _, *rows, note = as_text(SUBJECT).splitlines()
    assert (title, rule, note) == ("Speed", "-----", "How.")
    assert [" ".join(row.split()) for row in rows] == [
        "fast / slow 1.50x at least 1.60x NO decode",
        "share 4.20 % under 5.00 % yes",
        "one step 5.10 ms",
        "help 0.21 s",
        "modules 0 at most 0 yes",
    ]


def test_columns_are_aligned() -> None:
    lines = as_text(SUBJECT).splitlines()
    goals = {line.index(word) for line in lines for word in ("target", "at least", "under", "at most") if word in line}
    assert len(goals) == 1


def test_only_lines_with_an_unmet_goal_are_missed() -> None:
    assert missed([SUBJECT]) == ["Speed: fast / slow"]


def test_the_record_is_json_and_keeps_values_unscaled() -> None:
    lines = json.loads(json.dumps(as_record(SUBJECT)))["lines"]
    assert [(line["value"], line["unit_of_value"], line["met"]) for line in lines] == [
        (1.5, "ratio", False),
        (0.042, "share", True),
        (0.0051, "seconds", None),
        (0.21, "seconds", None),
        (0, "count", True),
    ]
    assert lines[0]["goal"] == {"comparison": "at least", "bound": 1.6}
