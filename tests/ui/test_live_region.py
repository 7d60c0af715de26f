"""The rows that the live view draws on: what they show is what was drawn, and all else on the terminal stays."""

from __future__ import annotations

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style

from lvspec_cli.ui.console import terminal_console
from lvspec_cli.ui.live.cells import Line
from lvspec_cli.ui.live.glyphs import glyphs_for
from lvspec_cli.ui.live.layout import compose
from lvspec_cli.ui.live.region import Region
from tests.ui.events import in_the_middle
from tests.ui.screens import plain, shown, terminal

BEFORE = ["$ lvspec", "a note"]


class Emulated:
    """A region on an emulated terminal on which something was printed before."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.file = io.StringIO()
        self.console = terminal_console(self.file, columns, rows)
        self.region = Region(self.console)
        self.screen, self._stream = terminal(columns, rows)
        self._stream.feed("\n".join(BEFORE) + "\n")

    def feed(self) -> int:
        """Let the terminal read what was written; return how many characters that was."""
        written = self.file.getvalue()
        self.file.seek(0)
        self.file.truncate()
        self._stream.feed(written)
        return len(written)

    def draw(self, lines: list[Line]) -> int:
        self.region.draw(lines, self.columns, self.rows)
        return self.feed()


def lines_of(*texts: str) -> list[Line]:
    return [(Segment(text, Style(bold=True)),) if text else () for text in texts]


# Nothing combines with what stands above, and nothing is wider than the terminals here, as nothing is that is composed.
LINES = st.text("abc 你好\u0301", max_size=14).map(lambda text: f" {text}")
FRAMES = st.lists(st.lists(LINES, min_size=1, max_size=6), min_size=1, max_size=6)


@given(FRAMES)
def test_a_terminal_shows_what_was_drawn_last_and_keeps_what_was_there(frames: list[list[str]]) -> None:
    emulated = Emulated(30, 12)
    for frame in frames:
        emulated.draw(lines_of(*frame))
        fresh = Emulated(30, 12)
        fresh.draw(lines_of(*frame))
        assert shown(emulated.screen) == shown(fresh.screen)
        assert shown(emulated.screen)[:2] == BEFORE
        assert emulated.screen.cursor.y == 2 + len(frame) - 1
    emulated.region.hide()
    emulated.feed()
    assert shown(emulated.screen) == [*BEFORE, *[""] * 10]
    assert (emulated.screen.cursor.y, emulated.screen.cursor.x) == (2, 0)


def test_only_rows_that_changed_are_written() -> None:
    emulated = Emulated(40, 12)
    whole = emulated.draw(lines_of("one", "two" * 9, "three", "four"))
    assert emulated.draw(lines_of("one", "two" * 9, "three", "four")) == 0
    assert emulated.draw(lines_of("one", "two" * 9, "3", "four")) < whole / 2
    assert shown(emulated.screen)[2:6] == ["one", "two" * 9, "3", "four"]


def test_at_the_bottom_of_a_full_terminal_everything_fits() -> None:
    emulated = Emulated(20, 6)
    emulated.draw(lines_of("1", "2", "3", "4", "5"))
    assert shown(emulated.screen) == [BEFORE[-1], "1", "2", "3", "4", "5"]
    emulated.draw(lines_of("1", "2", "x", "4", "5"))
    emulated.region.hide()
    emulated.feed()
    assert shown(emulated.screen) == [BEFORE[-1], *[""] * 5]


def test_a_line_that_a_terminal_finds_too_wide_breaks_nothing() -> None:
    emulated = Emulated(10, 8)
    emulated.draw(lines_of("x" * 25, "y"))
    emulated.draw(lines_of("z" * 25, "y"))
    assert shown(emulated.screen)[2:] == ["z" * 10, "y", "", "", "", ""]


def test_what_is_printed_meanwhile_goes_above() -> None:
    emulated = Emulated(40, 10)
    emulated.draw(lines_of("one", "two"))
    with emulated.region.aside():
        emulated.console.print("a.mp4: done")
        emulated.console.print("a note")
    emulated.feed()
    assert shown(emulated.screen)[:6] == [*BEFORE, "a.mp4: done", "a note", "one", "two"]
    emulated.draw(lines_of("one", "2"))
    assert shown(emulated.screen)[4:6] == ["one", "2"]
    with emulated.region.aside():
        pass
    emulated.region.hide()
    with emulated.region.aside():
        emulated.console.print("the end")
    emulated.feed()
    assert shown(emulated.screen)[4:6] == ["the end", ""]


@pytest.mark.parametrize("size", [(100, 40), (40, 20), (100, 8), (30, 9)])
def test_another_size_leaves_no_rubbish_where_lines_are_not_broken_anew(size: tuple[int, int]) -> None:
    emulated = Emulated(60, 20)
    emulated.draw(lines_of(*["wide" * 14] * 7))
    emulated.columns, emulated.rows = size
    emulated.screen.resize(size[1], size[0])
    emulated.console.size = size
    emulated.draw(lines_of("now", "narrow"))
    assert [line for line in shown(emulated.screen) if line.startswith("wide")] == []
    at = shown(emulated.screen).index("now")
    assert shown(emulated.screen)[at + 1] == "narrow"
    emulated.region.hide()
    emulated.feed()
    assert "now" not in shown(emulated.screen)


def test_rows_that_a_terminal_broke_anew_are_wiped_as_well() -> None:
    emulated = Emulated(60, 20)
    emulated.draw(lines_of("w" * 60, "x" * 31, "short"))
    # What a terminal does that has become 30 columns wide: the first two lines take two rows each.
    emulated.columns = 30
    emulated.screen, emulated._stream = terminal(30, 20)
    emulated._stream.feed("\n".join([*BEFORE, "w" * 30, "w" * 30, "x" * 30, "x", "short"]) + "\r")
    emulated.draw(lines_of("new", "lines"))
    assert shown(emulated.screen)[:5] == [*BEFORE, "new", "lines", ""]


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (60, 12), (30, 5)])
def test_a_whole_screen_arrives_as_it_was_laid_out(size: tuple[int, int]) -> None:
    emulated = Emulated(*size)
    lines = compose(in_the_middle(), *size, glyphs_for("utf-8"))
    emulated.draw(lines)
    top = max(0, min(2, size[1] - len(lines)))
    assert shown(emulated.screen)[top : top + len(lines)] == plain(lines)


def test_the_cursor_is_hidden_as_long_as_the_region_is_up() -> None:
    emulated = Emulated(20, 6)
    emulated.draw(lines_of("1"))
    assert emulated.screen.cursor.hidden
    emulated.region.hide()
    emulated.feed()
    assert not emulated.screen.cursor.hidden


def test_one_who_is_interrupted_while_wiping_may_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    emulated = Emulated(20, 6)
    emulated.draw(lines_of("1"))
    with monkeypatch.context() as patch:
        patch.setattr(Console, "print", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            emulated.region.hide()
    emulated.region.hide()
    emulated.feed()
    assert not emulated.screen.cursor.hidden
    assert shown(emulated.screen)[:2] == BEFORE


def test_what_others_write_to_stderr_goes_above_as_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    emulated = Emulated(40, 10)
    monkeypatch.setattr(sys, "stderr", emulated.file)
    stderr = sys.stderr
    emulated.draw(lines_of("one"))
    assert sys.stderr is not stderr
    assert not sys.stderr.isatty()
    print("\x1b[31mWarning\x1b[0m: \x9b2J careful\nhalf", end="", file=sys.stderr)
    print(" a line", file=sys.stderr)
    emulated.feed()
    assert shown(emulated.screen)[2:5] == ["Warning: 2J careful", "half a line", "one"]
    emulated.region.hide()
    assert sys.stderr is stderr


def test_colours_are_left_out_where_they_are_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    def written(**options: object) -> str:
        console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24, **options)
        Region(console).draw(compose(in_the_middle(), 80, 24, glyphs_for("utf-8")), 80, 24)
        return console.file.getvalue()

    assert "38;2;213;94;0" in written(color_system="truecolor")
    assert "\x1b[3;31m" in written(color_system="standard")  # red, for this orange would be a yellow
    monkeypatch.setenv("NO_COLOR", "1")
    bare = written(color_system="truecolor")
    assert "38;2" not in bare
    for attribute in ("\x1b[1m", "\x1b[3m", "\x1b[4m", "\x1b[2m", "\x1b[9m"):  # bold italic underlined dim struck
        assert attribute in bare


def test_a_terminal_that_cannot_be_written_is_left_alone() -> None:
    class Lost(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    region = Region(terminal_console(Lost(), 80, 24))
    region.draw(lines_of("1"), 80, 24)
    region.draw(lines_of("2"), 80, 24)
    region.hide()
