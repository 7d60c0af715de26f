"""What one run has made is not lost by another: files are taken, refused, continued, and cleared of what was left."""

import json
import os
import subprocess
import sys
import time

import pytest

from lvspec_cli.batch.journal import NAME
from lvspec_cli.batch.journal_content import Entry
from lvspec_cli.file_lock import lock
from lvspec_cli.report.documents import read_documents
from tests.batch.conftest import entries, lines, told
from tests.batch.fake_run import with_tests

posix = pytest.mark.skipif(os.name == "nt", reason="one process can lock a file twice there, and has no fork")


def paths(file):
    return [record["path"] for record in lines(file)]


def traced(file):
    """Number and video of every caption in a trace."""
    return [(line["video"], line["record"]["path"]) for line in lines(file) if line["type"] == "caption"]


# One file, two runs.


@posix
@pytest.mark.parametrize("options", [["-o", "all.jsonl"], ["-o", "b.jsonl", "--trace", "all.jsonl"]])
def test_a_second_run_into_a_file_is_refused_before_anything_is_done(run, videos, captioned, tmp_path, options):
    names = videos(a="1", b="2")
    with open("all.jsonl.partial", "ab+") as first:
        assert lock(first)
        for more in ([], ["--overwrite"], ["--journal", "j.jsonl"]):
            outcome = run(*names, *options, *more)
            assert (outcome.code, captioned()) == (2, [])
            assert "another run writes" in told(outcome)[-1]
            assert f"{tmp_path / 'all.jsonl'} right now" in told(outcome)[-1]
        assert os.path.exists("all.jsonl.partial")


def test_shares_of_one_file_are_files_of_their_own(run, videos, tmp_path):
    names = videos(a="1", b="2", c="3", d="4", e="5")
    found = []
    for index in (1, 2, 3):
        share = f"all.{index}-of-3.jsonl"
        outcome = run(*names, "-o", "all.jsonl", "--shard", f"{index}/3", "--trace", "t.jsonl")
        assert told(outcome)[0].endswith(f" of 5 videos, to {share}")
        found += paths(tmp_path / share) if (tmp_path / share).exists() else []
        assert not (tmp_path / share).exists() or (tmp_path / f"t.{index}-of-3.jsonl").exists()
    assert sorted(found) == names
    assert not (tmp_path / "all.jsonl").exists()


def test_a_run_that_was_broken_off_is_not_lost_by_the_next(run, videos, captioned, tmp_path):
    names = videos(a="word 1", b="interrupts", c="word 3")
    assert run(*names, "-o", "all.jsonl").code == 130
    captioned()
    for more in ([], ["--journal", "new.jsonl"], ["--dry-run"]):
        outcome = run(*names, "-o", "all.jsonl", *more)
        assert (outcome.code, captioned()) == (2, [])
        assert "all.jsonl.partial holds what a run that was broken off had finished" in told(outcome)[-1]
    assert paths(tmp_path / "all.jsonl.partial") == ["a.mp4"]
    videos(b="word 2")
    assert run(*names, "-o", "all.jsonl", "--overwrite").code == 0
    assert paths(tmp_path / "all.jsonl") == names


@pytest.mark.parametrize("name", ["jsonl", "json", "csv", "txt", "md"])
def test_what_a_journal_knows_nothing_of_has_a_name_of_its_own_and_is_told_of(run, videos, captioned, tmp_path, name):
    partial = tmp_path / f"all.{name}.partial"
    names = videos(a="word 1", b="word 2", c="interrupts", d="word 4")
    assert run("d.mp4", "--journal", "j.jsonl").code == 0
    assert run(*names, "-o", f"all.{name}").code == 130
    lost = partial.read_bytes()
    assert lost.count(b"seen: ") >= 2
    outcome = run("d.mp4", "--journal", "j.jsonl", "-o", f"all.{name}")
    assert outcome.code == 0
    assert told(outcome)[0].endswith(f"is not of this journal: it is kept as {partial}.1")
    assert (tmp_path / f"all.{name}.partial.1").read_bytes() == lost
    assert not partial.exists()
    partial.write_bytes(lost)
    assert run("d.mp4", "--journal", "j.jsonl", "-o", f"all.{name}").code == 0
    assert (tmp_path / f"all.{name}.partial.2").read_bytes() == lost
    assert b"seen: 4" in (tmp_path / f"all.{name}").read_bytes()


@pytest.mark.parametrize("name", ["jsonl", "json", "csv", "txt", "md"])
@pytest.mark.parametrize("shares", [1, 2])
def test_what_a_run_with_the_journal_left_is_replaced_without_a_word(run, videos, tmp_path, name, shares):
    videos(a="word 1", b="damaged", d="word 4", e="word 5", f="interrupts")
    names = ["a.mp4", "gone.mp4", "b.mp4", "d.mp4", "e.mp4", "f.mp4"]
    given = [*names, "-o", f"all.{name}", "--journal", "j.jsonl"]
    for _ in range(2):
        for index in range(1, shares + 1):
            outcome = run(*given, "--shard", f"{index}/{shares}")
            assert not any("kept" in line for line in told(outcome))
    videos(a="another 1")
    (partial,) = (each for each in os.listdir() if each.endswith(".partial"))
    whole = (tmp_path / partial).read_bytes()
    (tmp_path / partial).write_bytes(whole[:-7])  # killed in the middle of a line
    videos(f="word 6")
    for index in range(1, shares + 1):
        outcome = run(*given, "--retry-failed", "--shard", f"{index}/{shares}")
        assert not any("kept" in line for line in told(outcome))
    assert not [each for each in os.listdir() if ".partial" in each]


# Traces.


@pytest.mark.parametrize("place", [["-o", "out/"], ["--journal", "j.jsonl"]], ids=["folder", "stdout"])
def test_a_trace_goes_on_with_its_run(run, videos, tmp_path, place):
    names = videos(a="word 1", b="word 2", c="interrupts", d="word 4")
    given = [*names, *place, "--trace", "t.jsonl"]
    assert run("a.mp4", *given[4:]).code == 0
    assert run(*given).code == 130
    assert traced(tmp_path / "t.jsonl.partial") == [(0, "a.mp4"), (1, "b.mp4")]
    videos(c="word 3")
    assert run(*given).code == 0
    whole = [(0, "a.mp4"), (1, "b.mp4"), (2, "c.mp4"), (3, "d.mp4")]
    assert traced(tmp_path / "t.jsonl") == whole
    assert run(*given).code == 0  # there is nothing to do any more
    assert traced(tmp_path / "t.jsonl") == whole
    assert [video.run.path for video in read_documents(["t.jsonl"]).videos] == names
    assert run(*given, "--overwrite").code == 0
    assert traced(tmp_path / "t.jsonl") == whole


def test_without_a_journal_a_trace_is_replaced_by_a_whole_one_and_one_broken_off_is_kept(run, videos, tmp_path):
    names = videos(a="1", b="interrupts")
    for video in ("a.mp4", "a.mp4"):
        assert run(video, "--trace", "t.jsonl").code == 0
        assert traced(tmp_path / "t.jsonl") == [(0, "a.mp4")]
    assert run(*names, "--trace", "t.jsonl").code == 130
    assert run(*names, "--trace", "t.jsonl").code == 2
    assert traced(tmp_path / "t.jsonl.partial") == [(0, "a.mp4")]


@pytest.mark.parametrize("content", ["notes\n", "notes", '{"schema": "lvspec.caption/1"}\n'])
def test_what_is_no_trace_is_neither_continued_nor_touched(run, videos, captioned, tmp_path, content):
    (tmp_path / "t.jsonl").write_text(content)
    outcome = run(*videos(a="1", b="2"), "-o", "out/", "--trace", "t.jsonl")
    assert (outcome.code, captioned()) == (2, [])
    assert "--trace t.jsonl is there and is no trace that could go on" in told(outcome)[-1]
    assert (tmp_path / "t.jsonl").read_text() == content
    assert sorted(os.listdir()) == ["a.mp4", "b.mp4", "out", "t.jsonl"]
    assert os.listdir("out") == [NAME]  # it is begun before the trace is looked at; no video is in it
    assert not entries(tmp_path / "out")


@posix
def test_deaths_of_a_run_leave_a_trace_that_goes_on(lead_lives, tmp_path):
    names = [f"{index}.mp4" for index in range(40)]
    for name in names:
        (tmp_path / name).write_text(f"video {name}")
    given = [*names, "-o", "out/", "--trace", "t.jsonl"]
    ends = lead_lives(tmp_path, [*((given, {"change": n}) for n in range(4, 24)), (given, {})])
    deaths = ends.count(-9)
    assert deaths >= 10
    assert ends[-1] == 0
    done = [line["record"] for line in lines(tmp_path / "out" / NAME) if line["type"] == "video"]
    assert [record["path"] for record in done] == names
    found = [line for line in lines(tmp_path / "t.jsonl") if line["type"] == "caption"]
    numbers = [line["video"] for line in found]
    assert numbers == sorted({*numbers})
    records = [line["record"] for line in found]
    # The caption of a video may be in the journal already and not yet in the trace: one for each death.
    assert records == [record for record in done if record in records]
    assert len(names) - deaths <= len(records) <= len(names)
    paths_of_report = [video.run.path for video in read_documents([str(tmp_path / "t.jsonl")]).videos]
    assert paths_of_report == [record["path"] for record in records]
    assert not (tmp_path / "t.jsonl.partial").exists()


# Folders.


def write_long_ago(path):
    """An empty file that has been there for two hours."""
    path.write_text("")
    os.utime(path, (time.time() - 7200,) * 2)


@posix
@pytest.mark.parametrize("others", [False, True], ids=["alone", "beside another run"])
def test_what_killed_runs_left_half_written_is_cleared_by_a_run_that_is_alone(run, videos, tmp_path, others):
    out = tmp_path / "out"
    (out / "sub").mkdir(parents=True)
    ours = [".lvspec-0123456789abcdef.txt", ".lvspec-case-a_b3c4d5", "sub/.lvspec-0123456789abcdef.json"]
    foreign = [".lvspec-0123456789abcdef.mp4", ".lvspec-mine.txt", "x.lvspec-0123456789abcdef.txt", ".hidden.txt"]
    for name in (*ours, *foreign):
        write_long_ago(out / name)
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "sub" / "a.mp4").write_text("1")
    (tmp_path / "in" / "b.mp4").write_text("2")
    with open(out / ".lvspec.journal.1-of-2.jsonl", "ab+") as other:
        assert not others or lock(other)
        assert run("in", "-r", "-o", "out/", "--shard", "2/2").code == 0
    assert [name for name in ours if (out / name).exists()] == (ours if others else [])
    assert all((out / name).exists() for name in foreign)


@posix
def test_what_a_run_with_its_journal_elsewhere_is_writing_is_not_taken_from_it(run, videos, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    write_long_ago(out / ".lvspec-0123456789abcdef.txt")
    (out / ".lvspec-fedcba9876543210.txt").write_text("half of a capt")
    assert run(*videos(a="1", b="2"), "-o", "out/").code == 0
    assert sorted(os.listdir(out)) == [".lvspec-fedcba9876543210.txt", NAME, "a.txt", "b.txt"]


# What is told.


@posix
def test_what_a_reader_has_not_taken_is_in_the_journal_and_that_is_told(videos, tmp_path, tiny_preset):
    names = videos(a="word 1", b="word 2", c="word 3")
    command = [sys.executable, "-m", "tests.batch.fake_run"]
    given = ["caption", "--preset", str(tiny_preset), *names, "--journal", "my j.jsonl"]
    with subprocess.Popen(
        [*command, *given], env=with_tests(), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 1
    merge = "lvspec merge 'my j.jsonl' -o -"
    assert f"is in the journal: `{merge}` writes it" in err
    done = subprocess.run(
        [*command, "merge", "my j.jsonl", "-o", "-"], env=with_tests(), cwd=tmp_path, capture_output=True, check=True
    )
    assert json.loads(done.stdout)["text"] == "seen: 1"


@posix
def test_a_reader_of_a_pipe_that_leaves_is_no_damaged_line_and_costs_no_captioning(
    run, videos, captioned, monkeypatch, tmp_path
):
    names, given = videos(a="word 1", b="word 2"), ["-o", "pipe", "--journal", "j.jsonl"]
    assert run(*names, "--journal", "j.jsonl").code == 0
    captioned()
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    read = Entry.read_result

    def leave(entry, path=None):
        os.close(reader)
        return read(entry, path)

    with monkeypatch.context() as patch:
        patch.setattr(Entry, "read_result", leave)
        outcome = run(*names, *given)
    assert (outcome.code, captioned()) == (1, [])
    assert told(outcome) == [
        "the pipe that -o names was closed by its reader",
        "ended after 0 of 2 videos; the same command goes on from there",
    ]
    assert len(lines(tmp_path / "j.jsonl")) == 4


@pytest.mark.parametrize("option", ["-o", "--trace", "--journal"])
def test_files_in_folders_that_are_not_there_are_refused_alike(run, videos, captioned, option):
    outcome = run(*videos(a="1", b="2"), option, "nodir/x.jsonl")
    assert (outcome.code, captioned()) == (2, [])
    assert "there is no folder " in told(outcome)[-1]
    assert "nodir; make it first" in told(outcome)[-1]
    assert not os.path.exists("nodir")


@pytest.mark.parametrize(
    ("options", "noted"),
    [
        (["-o", "out.foo"], True),
        (["-o", "out"], False),
        (["-o", "out", "--shard", "1/1"], False),
        (["-o", "out", "--shard", "1/2"], False),
        (["-o", "out.txt"], False),
        (["-o", "out.foo", "--format", "text"], False),
        (["-o", os.devnull], False),
        (["-o", "out.foo/"], False),
    ],
)
def test_a_suffix_of_no_format_is_told_of(run, videos, options, noted):
    outcome = run(*videos(a="1", b="2"), *options)
    assert outcome.code == 0
    said = "is written as text, for .foo names no format: --format NAME does"
    assert any(said in line for line in told(outcome)) is noted
