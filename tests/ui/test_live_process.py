"""The live view of a real process on a real terminal: the pipe gets results alone, and the terminal is given back."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pyte
import pytest

from lvspec_cli.ui.live.glyphs import glyphs_for
from lvspec_cli.ui.live.layout import compose
from tests.many_videos import list_of
from tests.terminal import Terminal, tty_environment
from tests.ui.events import known_after, settings
from tests.ui.screens import plain
from tests.warm import Warm

LIVE = ["caption", "--ui", "live"]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="terminals and signals are others there")


def environment() -> dict[str, str]:
    """That of a terminal which says itself how large it is."""
    return {k: v for k, v in tty_environment().items() if k not in ("COLUMNS", "LINES")}


def left_on(terminal: Terminal, columns: int, rows: int) -> list[str]:
    """What an emulated terminal shows when all was read."""
    screen = pyte.Screen(columns, rows)
    pyte.ByteStream(screen).feed(terminal.seen)
    assert not screen.cursor.hidden
    return [line.rstrip() for line in screen.display if line.strip()]


def sign_of(columns: int, rows: int) -> bytes:
    """What only a screen of this size has: the rule above the caption, or the only line of a small one."""
    lines = plain(compose(known_after([], settings()), columns, rows, glyphs_for("utf-8")))
    rule = re.search(r"^ caption (─+)", "\n".join(lines), re.MULTILINE)
    return f"caption\x1b[0m \x1b[2m{rule[1]}\x1b[0m".encode() if rule else b"/300] \x1b[0m\x1b[1m"


def test_stdout_has_the_caption_alone_and_the_terminal_has_the_view(
    tiny_preset: Path, clip: Path, tmp_path: Path, warm: Warm
) -> None:
    arguments = [*LIVE, clip, "--preset", tiny_preset]
    with Terminal(100, 40) as terminal, open(tmp_path / "caption.txt", "wb") as stdout:
        process = warm.start(*arguments, stdout=stdout, stderr=terminal.side, env=environment())
        assert process.wait(timeout=600) == 0
    piped = (tmp_path / "caption.txt").read_text(encoding="utf-8")
    assert piped.endswith("\n")
    assert "\x1b" not in piped
    assert "accept" not in piped
    seen = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.seen.decode())
    for shown in ("reading the video", "caption ─", "speed ─", "est. speed-up", "12 of 12 tokens", "56×56"):  # noqa: RUF001
        assert shown in seen
    left = left_on(terminal, 100, 40)
    assert left[0] == "lvspec: tiny knows nothing at all"
    assert re.search(r"clip\.mp4: 12 tokens, .*", "".join(left))
    assert not any("─" in line for line in left)


def test_results_on_the_same_terminal_stand_alone_in_the_end(
    tiny_preset: Path, clip: Path, tmp_path: Path, warm: Warm
) -> None:
    arguments = [*LIVE, "--from-file", list_of(clip, 2, tmp_path), "--preset", tiny_preset, "--format", "jsonl"]
    with Terminal(100, 40) as terminal:
        process = warm.start(*arguments, stdout=terminal.side, stderr=terminal.side, env=environment())
        assert process.wait(timeout=600) == 0
    left = "".join(left_on(terminal, 100, 200))
    assert left.count('"schema": "lvspec.caption/1"') == 2
    assert left.endswith("lvspec: 2 captioned, 0 failed")
    assert "─" not in left
    assert b"[2/2]" in terminal.seen


def test_a_terminal_may_change_its_size_and_an_interrupt_gives_it_back(
    tiny_preset: Path, clip: Path, tmp_path: Path, warm: Warm
) -> None:
    arguments = [*LIVE, "--from-file", list_of(clip, 300, tmp_path), "--preset", tiny_preset]
    with Terminal(80, 24) as terminal:
        process = warm.start(*arguments, stderr=terminal.side, env=environment())
        terminal.wait_for("─".encode() * 70)
        for columns, rows in ((150, 50), (64, 14), (40, 8), (120, 30)):
            at = len(terminal.seen)
            terminal.resize(columns, rows)
            process.send_signal(signal.SIGWINCH)
            terminal.wait_for(sign_of(columns, rows), at)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=600) == 130
    assert b"Traceback" not in terminal.seen
    assert b"interrupted after" in terminal.seen.replace(b"\r\n", b"")
    left = left_on(terminal, 120, 30)
    assert re.search(r"interrupted after \d+ of 300 videos$", left[-1])


def test_a_stop_from_the_keyboard_leaves_a_cursor_and_the_view_comes_back(
    tiny_preset: Path, clip: Path, tmp_path: Path
) -> None:
    show, hide = b"\x1b[?25h", b"\x1b[?25l"
    arguments = [*LIVE, "--from-file", str(list_of(clip, 300, tmp_path)), "--preset", str(tiny_preset)]
    with Terminal(100, 40) as terminal:
        process = subprocess.Popen(
            [sys.executable, "-m", "lvspec_cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=terminal.side,
            env=environment(),
            # In a group of its own: the system stops none whose parents are all in it or in other sessions.
            preexec_fn=os.setpgrp,
        )
        terminal.wait_for("─".encode() * 70)
        for _ in range(2):
            at = len(terminal.seen)
            process.send_signal(signal.SIGTSTP)
            _, status = os.waitpid(process.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status)
            assert os.WSTOPSIG(status) == signal.SIGTSTP
            terminal.wait_for(show, at)
            assert hide not in terminal.seen[terminal.seen.rindex(show) :]
            at = len(terminal.seen)
            process.send_signal(signal.SIGCONT)
            terminal.wait_for(hide, at)
            terminal.wait_for("─".encode() * 70, at)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=600) == 130
    assert b"Traceback" not in terminal.seen
    assert left_on(terminal, 100, 40)
