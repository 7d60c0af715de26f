"""What a run over many videos survives: damaged files, readers that misbehave, disks that are full or closed, signals.

`test_deaths` is about `kill -9`, `test_journal` about what happens to the journal itself.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
import torch

from lvspec_cli.batch import local
from lvspec_cli.batch.attempt import attempt
from lvspec_cli.batch.journal import NAME
from lvspec_cli.models.qwen2_5_vl import Qwen25VL
from lvspec_cli.video import child
from lvspec_cli.video.read_ahead import ReadAhead
from tests.batch.conftest import entries, lines, told
from tests.batch.fake_run import with_tests
from tests.cli.conftest import caption, copies  # noqa: F401 - fixtures

posix = pytest.mark.skipif(os.name == "nt", reason="signals, pipes and limits are others there")


# Videos, readers and models, with the real ones.

DAMAGE = {
    "cut off": lambda data: data[:40],
    "random": lambda data: random.Random(1).randbytes(20_000),
    "empty": lambda data: b"",
    "text": lambda data: b"This is no video, but a text.\n" * 50,
}


def test_a_third_of_the_videos_may_be_damaged(caption, copies, clip, tmp_path):  # noqa: F811
    good = copies(*(f"in/{index}.mp4" for index in range(9)))
    for name, damage in DAMAGE.items():
        (tmp_path / "in" / f"{name}.mp4").write_bytes(damage(clip.read_bytes()))
    outcome = caption("in", "-r", "-o", "out/", "--format", "text,json")
    assert outcome.code == 1
    assert told(outcome)[-2:] == ["9 captioned, 4 failed", "failures by kind: 3 not_a_video, 1 empty"]
    assert sorted(os.listdir("out")) == [NAME, *sorted(f"{n}.{suffix}" for n in range(9) for suffix in ("json", "txt"))]
    assert len(good) == 9
    for index in range(9):
        assert json.loads((tmp_path / "out" / f"{index}.json").read_text())["error"] is None


MISBEHAVE = """
import numpy, os, signal
import lvspec_cli.video.pyav_reader as reader
well_behaved = reader.read_with_pyav
def misbehaving(path, options, cache):
    if "crashes" in path:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "hangs" in path:
        os.kill(os.getpid(), signal.SIGSTOP)
    if "eats" in path:
        eaten = []
        while True:  # of the address space, which is what is limited
            eaten.append(numpy.empty(256 * 1024 * 1024, numpy.uint8))
    return well_behaved(path, options, cache)
reader.read_with_pyav = misbehaving
"""


@posix
def test_readers_that_crash_hang_and_eat_memory_cost_their_video_alone(caption, copies, monkeypatch, tmp_path):  # noqa: F811
    head, tail = child.BOOT.split("from lvspec_cli.video.worker_process", 1)
    monkeypatch.setattr(child, "BOOT", f"{head}{MISBEHAVE}from lvspec_cli.video.worker_process{tail}")
    monkeypatch.setattr("lvspec_cli.video.read_ahead.ReadAhead", ReadAhead)  # processes of this test's own
    names = copies("1.mp4", "2 crashes.mp4", "3.mp4", "4 hangs.mp4", "5.mp4", "6 eats.mp4", "7.mp4")
    outcome = caption(*names, "-o", "out/", "--timeout", "2")
    assert outcome.code == 1
    kinds = [None, "worker_crashed", None, "timeout", None, "too_large", None]
    assert [*entries(tmp_path / "out").values()] == kinds
    assert sorted(os.listdir("out")) == [NAME, "1.txt", "3.txt", "5.txt", "7.txt"]


def test_a_model_that_runs_out_of_memory_goes_on_with_the_next_video(caption, copies, monkeypatch, tmp_path):  # noqa: F811
    extend, begun = Qwen25VL._encode_video, []

    def run_out_over_the_second(self, inputs):
        begun.append(inputs)
        if len(begun) == 3:  # two models look at each video
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return extend(self, inputs)

    names = copies("a.mp4", "b.mp4", "c.mp4")
    with monkeypatch.context() as patch:
        patch.setattr(Qwen25VL, "_encode_video", run_out_over_the_second)
        assert caption(*names, "-o", "out/").code == 1
    assert entries(tmp_path / "out") == {"a.mp4": None, "b.mp4": "out_of_memory", "c.mp4": None}
    assert caption(*names, "-o", "out/", "--retry-failed").code == 0
    assert entries(tmp_path / "out")["b.mp4"] is None


# Disks.


@contextmanager
def mounted(place, *options):
    """Something mounted there. Skips the test where that is not allowed."""
    place.mkdir(exist_ok=True)
    try:
        done = subprocess.run(["mount", *options, place], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no program mount")
    if done.returncode:
        pytest.skip(f"this test may not mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def many(tmp_path, count=30):
    (tmp_path / "in").mkdir()
    for index in range(count):
        (tmp_path / "in" / f"{index:02}.mp4").write_text(f"video {index}")
    return ["in", "-r"]


@pytest.mark.parametrize("into", ["folder", "file"])
def test_a_full_disk_ends_the_run_with_all_whole_and_with_room_it_goes_on(run, captioned, tmp_path, into):
    places = {
        "folder": ["-o", "disk/out/", "--format", "text,json"],
        "file": ["-o", "disk/all.jsonl", "--journal", "disk/j.jsonl"],
    }
    given, disk = [*many(tmp_path), *places[into]], tmp_path / "disk"
    journal = disk / ("out/" + NAME if into == "folder" else "j.jsonl")
    with mounted(disk, "-t", "tmpfs", "-o", "size=48k", "lvspec-test"):
        outcome = run(*given)
        assert outcome.code == 1
        assert "No space left on device" in told(outcome)[-1]
        assert sum(line.startswith("error: ") for line in told(outcome)) == 1
        first = captioned()
        assert 0 < len(first) < 30
        assert journal.read_bytes().endswith(b"\n")
        assert len(entries(journal.parent, journal.name)) in (len(first), len(first) - 1)
        for path in disk.rglob("*.json"):
            assert json.loads(path.read_text())["error"] is None
        again = run(*given)  # still full
        assert (again.code, len(captioned()) <= 1) == (1, True)
        subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
        assert run(*given).code == 0
        assert len(first) + len(captioned()) <= 32
        assert [*entries(journal.parent, journal.name).values()] == [None] * 30
        if into == "file":
            assert [record["text"] for record in lines(disk / "all.jsonl")] == [f"seen: {n}" for n in range(30)]
        else:
            for n in range(30):
                assert (disk / "out" / f"{n:02}.txt").read_text() == f"seen: {n}\n"
                assert json.loads((disk / "out" / f"{n:02}.json").read_text())["text"] == f"seen: {n}"


@pytest.mark.parametrize(
    "options",
    [["-o", "closed/"], ["-o", "closed/deeper/"], ["--journal", "closed/j.jsonl"]],
)
def test_a_read_only_disk_is_told_before_anything_is_done(run, videos, captioned, tmp_path, options):
    names, closed = videos(a="1", b="2"), tmp_path / "closed"
    with mounted(closed, "-t", "tmpfs", "-o", "ro", "lvspec-test"):
        outcome = run(*names, *options)
    assert (outcome.code, captioned()) == (2, [])
    assert told(outcome)[-1].startswith("error: the ")
    assert "Read-only file system" in told(outcome)[-1]


def test_a_results_disk_that_became_read_only_is_told_and_harms_nothing(run, videos, captioned, tmp_path):
    names, disk = videos(a="word 1", b="word 2"), tmp_path / "disk"
    with mounted(disk, "-t", "tmpfs", "lvspec-test"):
        run("a.mp4", "-o", "disk/")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        captioned()
        outcome = run(*names, "-o", "disk/")
        assert (outcome.code, captioned()) == (2, [])
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        assert (run(*names, "-o", "disk/").code, captioned()) == (0, ["b.mp4"])


@pytest.mark.parametrize("options", [["-o", "a.mp4/"], ["-o", "a.mp4/out/"], ["--journal", "a.mp4/j.jsonl"]])
def test_a_file_is_no_folder_for_results(run, videos, captioned, tmp_path, options):
    outcome = run(*videos(a="1", b="2"), *options)
    assert (outcome.code, captioned()) == (2, [])
    assert told(outcome)[-1].startswith("error: ")
    assert (tmp_path / "a.mp4").read_text() == "1"


@posix
@pytest.mark.parametrize("becomes", ["gone", "elsewhere", "another"])
@pytest.mark.parametrize("journal", [[], ["--journal", "j.jsonl"]], ids=["its own journal", "a journal elsewhere"])
def test_a_results_folder_that_is_removed_ends_the_run_and_the_next_one_makes_all(
    run, videos, captioned, tmp_path, monkeypatch, becomes, journal
):
    out = tmp_path / "out"

    def removing(captioner, path, *rest):
        if path == "b.mp4":
            out.rename(tmp_path / "moved") if becomes == "elsewhere" else shutil.rmtree(out)
            if becomes == "another":
                out.mkdir()
        return attempt(captioner, path, *rest)

    names = videos(a="word 1", b="word 2", c="word 3")
    with monkeypatch.context() as patch:
        patch.setattr(local, "attempt", removing)
        outcome = run(*names, "-o", "out/", *journal)
    if becomes == "another" and journal:  # which cannot be told from the first, and need not: all goes on
        assert (outcome.code, captioned()) == (0, names)
    else:
        assert (outcome.code, captioned()) == (1, names[:2])
        assert "was moved or deleted while " in told(outcome)[-1]
        assert becomes == "another" or "in out" not in "".join(told(outcome)[:-1])
        assert not out.exists() or os.listdir(out) == []
    assert run(*names, "-o", "out/", *journal).code == 0
    assert captioned() == ([] if becomes == "another" else names[2:]) if journal else names
    assert [(out / f"{name}.txt").read_text() for name in "abc"] == [f"seen: {number}\n" for number in (1, 2, 3)]


def test_a_clock_that_goes_backwards_changes_nothing(run, captioned, tmp_path, monkeypatch):
    times = iter(f"{9999 - n}-01-01T00:00:00.000000+00:00" for n in range(1000))
    monkeypatch.setattr("lvspec_cli.batch.journal._now", lambda: next(times))
    given = [*many(tmp_path, 4), "-o", "out/"]
    for index in range(4):
        os.utime(f"in/{index:02}.mp4", ns=(0, 5_000_000_000_000_000_000 - index))  # in the year 2128
    assert (run(*given).code, len(captioned())) == (0, 4)
    assert (run(*given).code, len(captioned())) == (0, 0)
    os.unlink("out/02.txt")
    assert (run(*given).code, len(captioned())) == (0, 0)
    assert sorted(os.listdir("out")) == [NAME, *(f"{index:02}.txt" for index in range(4))]


# Other runs, and people.

COMMAND = [sys.executable, "-m", "tests.batch.fake_run", "caption", "--ui", "plain"]


@contextmanager
def started(tmp_path, preset, *arguments):
    """A run in a process of its own that has come to the gate, which is open as long as the pipe is not closed."""
    os.mkfifo(tmp_path / "gate")
    os.mkfifo(tmp_path / "other gate")
    command = [*COMMAND, "--preset", str(preset), *arguments]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, env=with_tests(), **streams) as process:
        try:
            with open(tmp_path / "gate", "w") as gate:  # as soon as the run opens it
                yield process, gate
        finally:
            process.kill()


INTO = pytest.mark.parametrize(
    ("places", "journal"),
    [(["-o", "out/"], f"out/{NAME}"), (["-o", "all.jsonl", "--journal", "j.jsonl"], "j.jsonl")],
    ids=["folder", "file"],
)


@posix
@INTO
@pytest.mark.parametrize(("first", "second"), [("waits", "word 2"), ("word 1", "waits")])
def test_a_second_run_is_refused_and_the_first_is_unharmed(
    run, videos, tiny_preset, tmp_path, places, journal, first, second
):
    names = videos(a=first, b=second, c="word 3")
    with started(tmp_path, tiny_preset, *names, *places) as (process, gate):
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        outcome = run(*names, *places)
        assert (outcome.code, outcome.out) == (2, "")
        assert told(outcome) == [
            f"error: another run writes the journal {journal} right now: wait for its end, "
            "or give this run another place"
        ]
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
        gate.close()
        assert process.wait() == 0
    assert [*entries(tmp_path, journal).values()] == [None, None, None]
    results = len(lines(tmp_path / "all.jsonl")) if "all.jsonl" in places else len(os.listdir(tmp_path / "out")) - 1
    assert results == 3


@posix
@INTO
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_that_can_be_gone_on_with(
    run, videos, captioned, tiny_preset, tmp_path, places, journal, number, code
):
    names = videos(a="word 1", b="waits", c="word 3")
    with started(tmp_path, tiny_preset, *names, *places) as (process, _):
        process.send_signal(number)
        out, err = process.communicate()
    assert (process.returncode, out) == (code, "")
    where = "all.jsonl.partial" if "all.jsonl" in places else "out/"
    assert err.splitlines()[-1] == (
        f"lvspec: interrupted after 1 of 3 videos; their captions are in {where}; the same command goes on from there"
    )
    assert "Traceback" not in err
    assert entries(tmp_path, journal) == {"a.mp4": None}
    assert (tmp_path / journal).read_bytes().endswith(b"\n")
    captioned()
    videos(b="word 2")
    assert (run(*names, *places).code, captioned()) == (0, ["b.mp4", "c.mp4"])


@posix
@INTO
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_second_signal_ends_a_run_that_clings(
    run, videos, captioned, tiny_preset, tmp_path, places, journal, number, code
):
    names = videos(a="word 1", b="clings", c="word 3")
    with started(tmp_path, tiny_preset, *names, *places) as (process, _):
        process.send_signal(number)
        with open(tmp_path / "other gate", "w"):  # it is on its way out, and waits
            process.send_signal(number)
            out, err = process.communicate()
    assert (process.returncode, out) == (code, "")
    assert "Traceback" not in err
    assert entries(tmp_path, journal) == {"a.mp4": None}
    captioned()
    videos(b="word 2")
    assert (run(*names, *places).code, captioned()) == (0, ["b.mp4", "c.mp4"])
