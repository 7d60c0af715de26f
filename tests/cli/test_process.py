"""The command line as a process of its own: what it imports, real terminals, pipes and interrupts."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lvspec_cli.cli import main
from tests.batch.fake_run import with_tests
from tests.many_videos import list_of
from tests.terminal import Terminal, tty_environment

LVSPEC = [sys.executable, "-m", "lvspec_cli"]
HEAVY = {"torch", "torchvision", "transformers", "numpy", "av", "decord", "PIL", "rich", "huggingface_hub", "jinja2"}
posix = pytest.mark.skipif(os.name == "nt", reason="terminals and signals are others there")


HELP = [
    ["--help"],
    ["--version"],
    ["demo", "clip", "-h"],
    *([name, "-h"] for name in ("caption", "ask", "presets", "pull", "doctor", "report", "status", "merge")),
]


def imported_by(heavy, *commands):
    """Each command's exit code and stdout, and what of the heavy was imported since the program began."""
    code = (
        "import contextlib, io, json, sys\n"
        "from lvspec_cli.cli import main\n"
        "for arguments in json.loads(sys.argv[1]):\n"
        "    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), 'utf-8')) as out:\n"
        "        code = main(arguments)\n"
        "    imported = sorted(set(json.loads(sys.argv[2])) & set(sys.modules))\n"
        "    print(json.dumps([code, out.buffer.getvalue().decode(), imported]))\n"
    )
    given = [json.dumps([[*map(str, command)] for command in commands]), json.dumps([*heavy])]
    done = subprocess.run([sys.executable, "-c", code, *given], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_help_imports_nothing_heavy():
    for arguments, (code, out, imported) in zip(HELP, imported_by(HEAVY, *HELP), strict=True):
        assert (arguments, code, imported) == (arguments, 0, [])
        assert out.startswith("lvspec " if arguments == ["--version"] else "Usage: lvspec")


def test_what_needs_no_model_imports_none_of_their_libraries(tiny_preset, tmp_path):
    given = ["caption", "gone.mp4", "--preset", tiny_preset, "--trace", tmp_path / "t.jsonl", "-o", f"{tmp_path}/out/"]
    assert imported_by(HEAVY - {"numpy", "rich", "PIL"}, given) == [[1, "", []]]


def test_no_arguments_show_the_help_and_are_wrong_usage():
    done = subprocess.run(LVSPEC, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Usage: lvspec")
    assert "Exit codes: 0 done, 1 some input failed" in " ".join(done.stderr.split())


def test_completion_offers_commands_and_choices():
    def offered(line):
        words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1), "_LVSPEC_COMPLETE": "complete_bash"}
        return subprocess.run(LVSPEC, env={**os.environ, **words}, capture_output=True, text=True).stdout.split()

    assert {"caption", "ask"} <= set(offered("lvspec "))
    assert offered("lvspec caption --method ") == ["ar", "strict", "specvlm", "lvspec", "fly", "random"]
    assert offered("lvspec caption --style ") == ["brief", "detailed", "story", "tags"]
    assert offered("lvspec caption --format js") == ["json", "jsonl"]
    assert offered("lvspec caption --format json,srt,v") == ["json,srt,vtt"]


def in_shell(redirections, *arguments, **options):
    """Run lvspec with its streams as a shell redirects them, buffered as they are for most people."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    command = ["sh", "-c", f'exec "$@" {redirections}', "sh", *LVSPEC, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, **options)


@posix
def test_closed_stdout_is_told(tiny_preset):
    for arguments in (["presets"], ["caption", "gone.mp4", "--preset", tiny_preset]):
        done = in_shell(">&-", *arguments)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("lvspec: error: stdout is closed: ")
        assert "gone.mp4" not in done.stderr


@posix
def test_a_run_that_writes_to_a_file_needs_no_standard_stream(tiny_preset, tmp_path):
    arguments = ["caption", "gone.mp4", "--preset", tiny_preset, "--format", "json", "-o", "out.json"]
    for redirections in (">&-", "<&- >&- 2>&-"):
        assert in_shell(redirections, *arguments, cwd=tmp_path).returncode == 1
        assert json.loads((tmp_path / "out.json").read_text())["error"]["type"] == "not_found"
        (tmp_path / "out.json").unlink()


@posix
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_is_one_line(tiny_preset):
    for arguments in (["presets"], ["caption", "gone.mp4", "--format", "json", "-q", "--preset", tiny_preset]):
        done = in_shell(">/dev/full", *arguments)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr.splitlines()[-1]
        assert sum(line.startswith("lvspec: error: ") for line in done.stderr.splitlines()) == 1
        assert "Exception ignored" not in done.stderr


@posix
def test_results_do_not_need_stderr(tiny_preset, clip, caption, warm):
    expected = caption(clip).out
    done = in_shell("2>&-", "caption", clip, "--preset", tiny_preset)
    assert (done.returncode, done.stdout) == (0, expected)
    with open("/dev/full", "wb") as full:
        process = warm.start("caption", clip, "--preset", tiny_preset, stdout=subprocess.PIPE, stderr=full)
    assert process.communicate()[0].decode() == expected
    assert process.returncode == 0


@posix
def test_a_reader_of_stderr_who_leaves_takes_no_results_along(tiny_preset, tmp_path):
    arguments = [
        "caption",
        "--from-file",
        list_of("gone.mp4", 200, tmp_path),
        "--format",
        "json",
        "--preset",
        tiny_preset,
    ]
    with open(tmp_path / "all.json", "wb") as stdout:
        process = subprocess.Popen([*LVSPEC, *map(str, arguments)], stdout=stdout, stderr=subprocess.PIPE)
    process.stderr.readline()
    process.stderr.close()
    assert process.wait(timeout=600) == 1
    assert len(json.loads((tmp_path / "all.json").read_text())) == 200


@posix
def test_a_terminal_sees_progress_and_the_pipe_gets_the_caption_alone(tiny_preset, clip, caption, warm):
    streams = {"stdout": subprocess.PIPE, "env": tty_environment()}
    with Terminal() as terminal:
        process = warm.start("caption", clip, "--preset", tiny_preset, stderr=terminal.side, **streams)
        stdout, _ = process.communicate()
    assert process.returncode == 0
    assert stdout.decode() == caption(clip).out
    assert b"\x1b[?25l" in terminal.seen  # the view hides the cursor
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


ENDINGS = pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])


MANY = 300  # videos: some ten seconds, so a run that goes on to its end is soon seen


def many(tiny_preset, clip, tmp_path, *options):
    """The arguments of a run over many videos."""
    given = ["--preset", tiny_preset, "--from-file", list_of(clip, MANY, tmp_path), *options]
    return ["caption", *map(str, given)]


@pytest.fixture(params=["cold", "warm", "without a model"])
def start(request):
    """Starts `lvspec` with pipes: as people do, with what models need imported, or with captions that need none."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if request.param == "warm":
        warm = request.getfixturevalue("warm")
        return lambda *arguments, **options: warm.start(*arguments, **pipes, **options)
    begin = LVSPEC if request.param == "cold" else [sys.executable, "-m", "tests.batch.fake_run"]
    pipes["env"] = with_tests()
    return lambda *arguments, **options: subprocess.Popen([*begin, *map(str, arguments)], **{**pipes, **options})


def has_begun(process):
    """A run with records as lines has just written the first one."""
    assert json.loads(process.stdout.readline())["error"] is None


@posix
@pytest.mark.parametrize(
    ("start", "number", "code"), [("cold", signal.SIGINT, 130), ("warm", signal.SIGTERM, 143)], indirect=["start"]
)
def test_an_interrupt_ends_a_run_with_its_code_and_whole_records(tiny_preset, clip, tmp_path, start, number, code):
    process = start(*many(tiny_preset, clip, tmp_path, "--format", "jsonl"))
    has_begun(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=600)
    assert process.returncode == code
    assert b"Traceback" not in err
    assert re.search(rb"interrupted after [1-9]\d* of %d videos\n$" % MANY, err)
    assert all(json.loads(line)["error"] is None for line in out.splitlines())


@posix
@pytest.mark.parametrize(
    ("start", "number", "code"),
    [("cold", signal.SIGINT, 130), ("warm", signal.SIGINT, 130), ("warm", signal.SIGTERM, 143)],
    indirect=["start"],
)
def test_an_interrupt_before_the_first_result_leaves_nothing(tiny_preset, clip, tmp_path, start, number, code):
    process = start("caption", clip, "--preset", tiny_preset, "-o", "out.txt", cwd=tmp_path)
    assert process.stderr.readline() == b"lvspec: tiny knows nothing at all\n"  # models are loaded later
    process.send_signal(number)
    out, err = process.communicate(timeout=600)
    assert process.returncode == code
    assert (out, err) == (b"", b"")
    assert os.listdir(tmp_path) == []


@posix
def test_an_interrupt_has_its_code_wherever_it_comes(tmp_path):
    # Python itself would end by the signal if one came from code that is compiled meanwhile, as of dataclasses.
    interrupt = "def interrupted(arguments):\n    exec('raise KeyboardInterrupt')\n"
    (tmp_path / "sitecustomize.py").write_text(
        f"from lvspec_cli.cli import entry\n{interrupt}entry._run = interrupted\n"
    )
    places = [str(tmp_path), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
    done = subprocess.run(LVSPEC, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@posix
@ENDINGS
def test_an_interrupt_keeps_the_document_whole_and_gives_the_cursor_back(
    tiny_preset, clip, tmp_path, warm, number, code
):
    arguments = many(tiny_preset, clip, tmp_path, "--format", "json", "-o", str(tmp_path / "out.json"))
    with Terminal() as terminal:
        process = warm.start(*arguments, stderr=terminal.side, env=tty_environment())
        terminal.wait_for(b"mean acceptance length")  # the first video is done
        process.send_signal(number)
        assert process.wait(timeout=600) == code
    assert terminal.seen.rindex(b"\x1b[?25h") > terminal.seen.rindex(b"\x1b[?25l")
    assert b"Traceback" not in terminal.seen
    assert b"out.json.partial" in terminal.seen.replace(b"\r\n", b"")
    assert len(json.loads((tmp_path / "out.json.partial").read_text())) >= 1
    assert not (tmp_path / "out.json").exists()


@posix
def test_a_reader_that_leaves_ends_the_run_quietly(tiny_preset, clip, tmp_path, warm):
    arguments = many(tiny_preset, clip, tmp_path, "--format", "jsonl")
    process = warm.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    has_begun(process)
    process.stdout.close()
    assert_ended_quietly(process)


@posix
def test_a_reader_that_takes_ten_bytes_of_json_ends_the_run_quietly(tiny_preset, tmp_path):
    command = [*LVSPEC, *many(tiny_preset, "gone.mp4", tmp_path, "--format", "json", "--ui", "none")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert os.read(process.stdout.fileno(), 10).startswith(b"[\n  {")
    process.stdout.close()
    assert_ended_quietly(process)


@posix
@pytest.mark.parametrize(
    ("start", "command", "unbuffered"),
    [
        ("warm", "caption", ""),
        ("without a model", "caption", "1"),
        ("cold", "report", ""),
        ("cold", "report", "1"),
    ],
    indirect=["start"],
)
def test_a_reader_that_leaves_in_the_middle_of_a_result_gives_every_command_the_same_code(
    tiny_preset, clip, lvspec, tmp_path, start, command, unbuffered
):
    lvspec("caption", clip, "--preset", tiny_preset, "--segment", "0.25", "--format", "json", "-o", "record.json")
    given = {
        "caption": ["caption", clip, "--preset", tiny_preset, "--segment", "0.25", "--format", "json", "-q"],
        "report": ["report", tmp_path / "record.json", "-o", "-"],
    }[command]
    environment = {**with_tests(), "PYTHONUNBUFFERED": unbuffered}
    # The result is larger than the pipe, as far as the system lets its size be chosen.
    process = start(*given, env=environment, pipesize=4096)
    assert os.read(process.stdout.fileno(), 2)
    process.stdout.close()
    assert_ended_quietly(process)


@posix
def test_a_disk_that_fills_up_is_told_also_of_a_stdout_that_python_does_not_buffer(tiny_preset, tmp_path):
    given = ["caption", "gone.mp4", "lost.mp4", "--preset", tiny_preset, "--format", "json", "-q"]
    limited = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *LVSPEC, *map(str, given)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with open(tmp_path / "record.json", "wb") as stdout:
        done = subprocess.run(limited, stdout=stdout, stderr=subprocess.PIPE, env=environment, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("lvspec: error: the results cannot be written: File too large; ")


def assert_ended_quietly(process):
    """The run ends with 1 and says nothing of its reader."""
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=600) == 1
    for word in (b"Traceback", b"BrokenPipe", b"Broken pipe", b"Exception ignored"):
        assert word not in err
