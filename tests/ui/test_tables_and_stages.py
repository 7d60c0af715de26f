"""Tables of results and the progress of measurements: in the right stream, and harmless whatever they contain."""

from __future__ import annotations

import pytest

from lvspec_cli.errors import VideoNotFound
from lvspec_cli.ui import Stages, print_table

ROWS = [["strict", "2.00x (1.90-2.10)"], ["[red]\x1b[2Jodd\n", "1"]]


@pytest.mark.parametrize("to_stderr", [False, True])
def test_a_table_goes_where_it_belongs_and_steers_no_terminal(
    capsys: pytest.CaptureFixture[str], to_stderr: bool
) -> None:
    print_table("Title", ["method", "decode"], ROWS, "Note.", to_stderr=to_stderr)
    said = capsys.readouterr()
    shown, silent = (said.err, said.out) if to_stderr else (said.out, said.err)
    assert silent == ""
    assert "\x1b" not in shown
    assert "[red][2Jodd" in shown
    assert "2.00x (1.90-2.10)" in shown
    assert all(line == line.rstrip() for line in shown.splitlines())


def test_stages_are_told_in_few_lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with Stages() as stages:
        stages.step("loading", 0, 1)
        for done in range(1, 101):
            stages.step("measuring", done, 100)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == ["loading", *(f"measuring: {done} of 100" for done in (20, 40, 60, 80, 100))]


def test_quiet_stages_still_tell_what_must_be_known(capsys: pytest.CaptureFixture[str]) -> None:
    with Stages(quiet=True) as stages:
        stages.step("measuring", 1, 1)
        stages.note("the pair knows nothing")
        stages.skipped("a.mp4", VideoNotFound("there is no such file"))
    assert capsys.readouterr().err.splitlines() == [
        "lvspec: the pair knows nothing",
        "lvspec: skipped: a.mp4: there is no such file",
    ]
