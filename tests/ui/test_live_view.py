"""The live view as a view: what it hears costs nothing, how often it draws, and what is left when it is gone."""

from __future__ import annotations

import io
import os
import sys
from types import SimpleNamespace

import pytest

from lvspec_cli.caption import Failure, Progress, Request
from lvspec_cli.errors import NotAVideo
from lvspec_cli.token_texts import TokenTexts
from lvspec_cli.ui import PlainView, StatusView, make_view
from lvspec_cli.ui.console import terminal_console
from lvspec_cli.ui.live import view as module
from lvspec_cli.ui.live.cells import Line
from lvspec_cli.ui.live.view import LiveView
from tests.terminal import Terminal
from tests.ui.events import EXACT, Decode, drafted_rounds, settings
from tests.ui.screens import shown, terminal


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Watched:
    """A view on a terminal in memory, with clocks of its own and without a thread."""

    def __init__(self, work: float = 0.001, columns: int = 80, rows: int = 24) -> None:
        """``work``: s of a core's time that each drawing seems to take."""
        self.clock, self.work = Clock(), work
        self.file = io.StringIO()
        self.view = LiveView(terminal_console(self.file, columns, rows), False, self.clock, self._work_clock)
        self.view.settings(settings())
        self._worked = 0.0
        self.screen, self._stream = terminal(columns, rows)
        self._read = 0

    def _work_clock(self) -> float:
        self._worked += self.work
        return self._worked

    def lines(self) -> list[str]:
        """What the terminal shows now."""
        self._stream.feed(self.file.getvalue()[self._read :])
        self._read = len(self.file.getvalue())
        return shown(self.screen)


@pytest.fixture(autouse=True)
def _no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_Ticker", lambda tick: SimpleNamespace(start=lambda: None, stop=lambda: None))


def drawings(watched: Watched) -> list[float]:
    """The times at which anything is drawn from now on."""
    times: list[float] = []
    draw = watched.view._region.draw

    def noting(lines: list[Line], width: int, height: int) -> None:
        times.append(watched.clock.now)
        draw(lines, width, height)

    watched.view._region.draw = noting  # type: ignore[method-assign]
    return times


def caption(path: str = "beach.mp4") -> SimpleNamespace:
    """As much of a caption as the plain line needs."""
    stats = SimpleNamespace(num_generated_tokens=18, tokens_per_second=20.0, num_draft_tokens=0)
    facts, durations = SimpleNamespace(warnings=()), SimpleNamespace(end_to_end_seconds=3.5)
    known = {"stats": stats, "facts": facts, "durations": durations, "finish_reason": "stop", "lossy": False}
    return SimpleNamespace(path=path, shrunk_from=None, drafting_did_not_pay=False, **known)


LINE = "beach.mp4: 18 tokens, 20.0 tokens/s, 3.5 s"


def test_the_decoding_loop_decodes_no_text_and_draws_nothing() -> None:
    def decode(ids: object) -> str:
        raise AssertionError("the loop had to wait for this")

    watched = Watched()
    watched.view.begin("beach.mp4", 0, 1)
    times = drawings(watched)
    step = Decode().round([("A", EXACT)])
    for _ in range(100):
        watched.view.progress(Progress("decoding", "A", step.round, stats=step.stats, texts=TokenTexts(decode)))
    assert times == []


@pytest.mark.parametrize("work", [0.0, 0.0009, 0.004])
@pytest.mark.parametrize("seconds_a_video", [0.01, 0.3, 60.0])
def test_no_second_has_more_than_ten_refreshes(work: float, seconds_a_video: float) -> None:
    watched = Watched(work)
    times, started, videos = drawings(watched), watched.clock.now, 0
    while watched.clock.now < started + 4:
        if watched.clock.now >= started + videos * seconds_a_video:
            watched.view.make_way()
            watched.view._wipe()
            watched.view.begin(f"{videos}.mp4", videos, 1000)
            videos += 1
        watched.view.tick()
        watched.clock.now += 0.001
    assert all(sum(at <= other < at + 1 for other in times) <= module.REFRESHES for at in times)
    assert len(times) >= 8


def test_a_slow_machine_draws_less_often() -> None:
    for work, most in ((0.001, 33), (0.005, 9), (0.02, 3)):
        watched = Watched(work)
        watched.view.begin("beach.mp4", 0, 1)
        times = drawings(watched)
        for _ in range(4000):
            watched.clock.now += 0.001
            watched.view.tick()
        assert len(times) <= most
        assert work * len(times) <= 0.011 * 4
        assert times


def test_what_was_heard_is_shown_at_the_next_refresh() -> None:
    watched, decode = Watched(), Decode()
    watched.view.begin("beach.mp4", 0, 1)
    assert "reading the video" in "".join(watched.lines())
    for step in (*decode.before(), *drafted_rounds(decode)):
        watched.view.progress(step)
    watched.clock.now += 1
    watched.view.tick()
    screen = "\n".join(watched.lines())
    assert "A wide beach with palm trees bends along the bay; people walk their dogs in" in screen
    assert "1920" in screen


def test_elapsed_time_goes_on_while_nothing_is_heard() -> None:
    watched = Watched()
    watched.view.begin("beach.mp4", 0, 1)
    watched.view.progress(Progress("prefilling"))
    for second in (1, 70):
        watched.clock.now = 1000 + second
        watched.view.tick()
        assert ("1.0 s" if second == 1 else "1 min 10 s") in "".join(watched.lines())
    assert "watching the video" in "".join(watched.lines())


def test_another_size_of_the_terminal_is_seen_at_the_next_refresh() -> None:
    watched = Watched(columns=100, rows=40)
    watched.view.begin("beach.mp4", 0, 1)
    watched.lines()
    for columns, rows in ((70, 14), (50, 10), (130, 30)):
        watched.view._console.size = (columns, rows)
        watched.screen.resize(rows, columns)
        watched.clock.now += 1
        watched.view.tick()
        lines = watched.lines()
        assert sum("beach.mp4" in line for line in lines) == 1
        assert max(map(len, lines)) <= columns
    assert "method lvspec" in "".join(lines)


def test_the_line_of_a_finished_video_stays_and_the_view_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", io.StringIO())
    watched, decode = Watched(rows=40), Decode()
    with watched.view as view:
        view.begin("beach.mp4", 0, 1)
        for step in (*decode.before(), *drafted_rounds(decode)):
            view.progress(step)
        view.make_way()
        assert view.active  # results go elsewhere
        view.finished(caption())
        assert watched.lines()[0] == LINE
        assert "bends along the bay" in "".join(watched.lines())  # all of it, however short it was decoded
        view.note("a note")
        assert watched.lines()[1] == "lvspec: a note"
        view.failed(Failure.of(Request("b.mp4", "?", None), NotAVideo("it is text")))
    lines = watched.lines()
    assert lines[:3] == [LINE, "lvspec: a note", "lvspec: error: b.mp4: it is text"]
    assert not any(lines[3:])
    assert not watched.screen.cursor.hidden
    assert not view.active


def test_a_terminal_that_gets_the_results_is_left_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched()
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: True))
    with watched.view as view:
        view.begin("beach.mp4", 0, 2)
        view.make_way()
        assert not view.active
        assert not any(watched.lines())
        watched.clock.now += 5
        view.tick()
        assert not view.active
        view.finished(caption())
        assert not view.active
        view.begin("b.mp4", 1, 2)
        assert view.active
        view.make_way()
        view.summary(2, 0)
    assert [line for line in watched.lines() if line] == [LINE, "lvspec: 2 captioned, 0 failed"]


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SystemExit, ValueError])
def test_the_terminal_is_given_back_however_a_run_ends(ending: type[BaseException]) -> None:
    watched, stdout, stderr = Watched(), sys.stdout, sys.stderr

    def run() -> None:
        with watched.view as view:
            view.begin("beach.mp4", 0, 3)
            assert (sys.stdout, sys.stderr) == (stdout, stderr)
            raise ending

    with pytest.raises(ending):
        run()
    assert not any(watched.lines())
    assert not watched.screen.cursor.hidden
    assert (sys.stdout, sys.stderr) == (stdout, stderr)


def on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, mode: str, size: tuple[int, int], **environment: str
) -> tuple[object, bytes]:
    """The view that is made where stderr is a terminal of that size, and what the terminal got meanwhile."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_INTERACTIVE", "TTY_COMPATIBLE", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)
    with Terminal(*size) as pty, open(os.dup(pty.side), "w", encoding="utf-8") as stderr:
        monkeypatch.setattr("sys.stderr", stderr)
        # Rich asks all standard descriptors how large the terminal is.
        monkeypatch.setattr("rich.console._STD_STREAMS", (stderr.fileno(),))
        view = make_view(mode)
    return view, pty.seen


posix = pytest.mark.skipif(os.name == "nt", reason="terminals are others there")


@posix
@pytest.mark.parametrize(
    ("mode", "size", "kind"),
    [
        ("auto", (80, 24), LiveView),
        ("auto", (60, 12), LiveView),
        ("auto", (59, 24), StatusView),
        ("auto", (80, 11), StatusView),
        ("live", (20, 3), LiveView),
        ("plain", (80, 24), PlainView),
    ],
)
def test_the_view_suits_the_terminal(
    monkeypatch: pytest.MonkeyPatch, mode: str, size: tuple[int, int], kind: type
) -> None:
    view, seen = on_a_terminal(monkeypatch, mode, size)
    assert type(view) is kind
    assert seen == b""


@posix
@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TTY_INTERACTIVE": "0"}])
def test_nothing_moves_on_a_terminal_that_cannot_move_its_cursor(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    view, seen = on_a_terminal(monkeypatch, "auto", (80, 24), **environment)
    assert (type(view), seen) == (PlainView, b"")
    view, seen = on_a_terminal(monkeypatch, "live", (80, 24), **environment)
    assert type(view) is PlainView
    assert seen.count(b"\n") == 1
    assert b"lvspec: --ui live needs a terminal on stderr" in seen


def test_live_without_a_terminal_is_plain_and_says_so_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert type(make_view("live", name="LVSPEC_UI")) is PlainView
    assert capsys.readouterr().err == (
        "lvspec: LVSPEC_UI live needs a terminal on stderr that can move its cursor: plain lines take its place\n"
    )
