"""The command line as a process of its own: what it imports, real terminals, pipes and interrupts."""

import json
import os
import re
import signal
import subprocess
import sys
import threading

import pytest

from lvspec_cli.cli import main

LVSPEC = [sys.executable, "-m", "lvspec_cli"]
HEAVY = {"torch", "torchvision", "transformers", "numpy", "av", "decord", "PIL", "rich"}
posix = pytest.mark.skipif(os.name == "nt", reason="terminals and signals are others there")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["caption", "-h"], ["ask", "-h"], ["--version"], ["demo", "clip", "-h"]]
)
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys; from lvspec_cli.cli import main; code = main(sys.argv[1:]); "
        f"print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr == "[]\n"
    assert done.stdout.startswith("lvspec " if arguments == ["--version"] else "Usage: lvspec")


def test_no_arguments_show_the_help_and_are_wrong_usage():
    done = subprocess.run(LVSPEC, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout.startswith("Usage: lvspec")
    assert "Exit codes: 0 done, 1 some input failed" in " ".join(done.stdout.split())


def test_completion_offers_commands_and_choices():
    def offered(line):
        words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1), "_LVSPEC_COMPLETE": "complete_bash"}
        return subprocess.run(LVSPEC, env={**os.environ, **words}, capture_output=True, text=True).stdout.split()

    assert {"caption", "ask"} <= set(offered("lvspec "))
    assert offered("lvspec caption --method ") == ["ar", "strict"]


def test_closed_stdout_is_told():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, sys; os.close(1); os.execv(sys.executable, sys.argv[1:])",
            *LVSPEC,
            "presets",
        ],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "stdout is closed" in done.stderr


class Terminal:
    """A pseudo-terminal whose output is collected while a process runs."""

    def __init__(self):
        self.main, self.side = os.openpty()
        self.seen = b""
        self._reader = threading.Thread(target=self._collect)

    def __enter__(self):
        self._reader.start()
        return self

    def __exit__(self, *_):
        os.close(self.side)
        self._reader.join(timeout=300)
        os.close(self.main)

    def _collect(self):
        while True:
            try:
                data = os.read(self.main, 65536)
            except OSError:  # the other side is closed
                return
            if not data:
                return
            self.seen += data


def tty_environment(**more):
    cleared = {"NO_COLOR", "FORCE_COLOR", "CI", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    return {**{k: v for k, v in os.environ.items() if k not in cleared}, "TERM": "xterm-256color", **more}


@posix
def test_a_terminal_sees_progress_and_the_pipe_gets_the_caption_alone(tiny_preset, clip, caption):
    command = [*LVSPEC, "caption", str(clip), "--preset", str(tiny_preset)]
    with Terminal() as terminal:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal.side, env=tty_environment(), check=False)
    assert done.returncode == 0
    assert done.stdout.decode() == caption(clip).out
    assert b"\x1b[?25l" in terminal.seen  # the status line hides the cursor
    assert b"\x1b[?25h" in terminal.seen  # and gives it back
    assert b"reading the video" in terminal.seen
    assert b"mean acceptance length" in terminal.seen


@posix
def test_what_a_model_says_steers_no_terminal(tiny_preset, clip, caption, monkeypatch):
    # At such a temperature the tiny model says bytes at random, control characters mostly among them.
    controls = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
    options = ["--ui", "none", "--max-tokens", "200", "--temperature", "3", "--seed"]
    seed, piped = next((s, out) for s in "123456789" if controls.search((out := caption(clip, *options, s).out)[:-1]))
    with Terminal() as terminal, open(os.dup(terminal.side), "w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main(["caption", str(clip), "--preset", str(tiny_preset), *options, seed]) == 0
        monkeypatch.undo()
    shown = terminal.seen.decode()
    assert not controls.search(shown)
    assert sum(map(str.isalnum, shown)) == sum(map(str.isalnum, piped)) > 0


def started(tiny_preset, clip, tmp_path, **options):
    """A run over many videos that has just written its first result."""
    (tmp_path / "list").write_text(f"{clip}\n" * 5000)
    command = [
        *LVSPEC,
        "caption",
        "--preset",
        str(tiny_preset),
        "--from-file",
        str(tmp_path / "list"),
        "--format",
        "jsonl",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    assert json.loads(process.stdout.readline())["error"] is None
    return process


@posix
def test_an_interrupt_ends_a_run_with_130_and_whole_records(tiny_preset, clip, tmp_path):
    process = started(tiny_preset, clip, tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert all(json.loads(line)["error"] is None for line in out.splitlines())


@posix
def test_a_reader_that_leaves_ends_the_run_quietly(tiny_preset, clip, tmp_path):
    process = started(tiny_preset, clip, tmp_path)
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=600) == 1
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err
    assert b"Broken pipe" not in err
