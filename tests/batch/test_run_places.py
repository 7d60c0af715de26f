"""Where a run with a journal writes: what is somebody else's is kept, files are complete, stdout gets what is new."""

import json
import os

import pytest

from tests.batch.conftest import lines, told

# What is somebody else's.


def test_files_that_no_run_has_made_are_kept_and_their_videos_skipped(run, videos, captioned, tmp_path):
    names = videos(a="1", b="2")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("written by hand\n")
    outcome = run(*names, "-o", "out/")
    assert (outcome.code, captioned()) == (0, ["b.mp4"])
    assert "skipped: a.mp4: out/a.txt exists, from this video or another" in outcome.err
    videos(a="another")
    assert (run(*names, "-o", "out/").code, captioned()) == (0, [])
    assert (tmp_path / "out" / "a.txt").read_text() == "written by hand\n"
    assert (run(*names, "-o", "out/", "--overwrite").code, captioned()) == (0, names)


def test_what_was_written_by_hand_for_a_video_that_failed_is_kept(run, videos, captioned, tmp_path):
    names = videos(a="damaged", b="2")
    run(*names, "-o", "out/")
    (tmp_path / "out" / "a.txt").write_text("written by hand\n")
    videos(a="good now")
    captioned()
    for options in ([], ["--retry-failed"]):
        assert (run(*names, "-o", "out/", *options).code, captioned()) == (0, [])
        assert (tmp_path / "out" / "a.txt").read_text() == "written by hand\n"


def test_a_video_that_fails_now_keeps_the_files_it_had(run, videos, tmp_path):
    names = videos(a="word 1", b="2")
    run(*names, "-o", "out/")
    videos(a="damaged")
    assert run(*names, "-o", "out/").code == 1
    assert (tmp_path / "out" / "a.txt").read_text() == "seen: 1\n"


# One file, and stdout.


def test_a_file_is_complete_after_every_run(run, videos, captioned, tmp_path):
    names = videos(a="word 1", b="damaged", c="word 3")
    given = ["-o", "all.jsonl", "--journal", "j.jsonl"]
    run("a.mp4", "b.mp4", *given)
    captioned()
    assert run(*names, *given).code == 1
    assert captioned() == ["c.mp4"]
    assert {record["path"]: record["text"] for record in lines(tmp_path / "all.jsonl")} == {
        "a.mp4": "seen: 1",
        "b.mp4": None,
        "c.mp4": "seen: 3",
    }
    assert run(*names, "-o", "all.csv", "--journal", "j.jsonl").code == 1  # in another format, of all
    assert captioned() == []
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 4


def test_stdout_gets_new_results_alone(run, videos, captioned):
    names = videos(a="word 1", b="word 2", c="word 3")
    assert run("a.mp4", "b.mp4", "--journal", "j.jsonl").out == "a.mp4\tseen: 1\nb.mp4\tseen: 2\n"
    outcome = run(*names, "--journal", "j.jsonl")
    assert outcome.out == "c.mp4\tseen: 3\n"
    assert told(outcome) == ["1 captioned, 0 failed, 2 skipped"]
    assert run(*names, "--journal", "j.jsonl").out == ""


@pytest.mark.parametrize("name", ["json", "jsonl", "csv"])
def test_an_interrupted_file_is_well_formed_and_is_made_complete(run, videos, captioned, tmp_path, name):
    names = videos(a="word 1", b="word 2", c="interrupts", d="word 4")
    given = ["-o", f"all.{name}", "--journal", "j.jsonl"]
    outcome = run(*names, *given)
    assert outcome.code == 130
    assert told(outcome)[-1] == (
        f"interrupted after 2 of 4 videos; their captions are in all.{name}.partial; "
        "the same command goes on from there"
    )
    assert not (tmp_path / f"all.{name}").exists()
    again = run(*names, *given)  # interrupted at once, with nothing but earlier results in the file
    assert (again.code, captioned()) == (130, ["a.mp4", "b.mp4"])
    partial = (tmp_path / f"all.{name}.partial").read_text()
    if name == "json":
        assert [record["text"] for record in json.loads(partial)] == ["seen: 1", "seen: 2"]
    videos(c="word 3")
    assert (run(*names, *given).code, captioned()) == (0, ["c.mp4", "d.mp4"])
    content = (tmp_path / f"all.{name}").read_text()
    if name == "json":
        assert [record["path"] for record in json.loads(content)] == names
    assert [content.count(f"seen: {index}") > 0 for index in (1, 2, 3, 4)] == [True] * 4


def test_a_journal_beside_videos_serves_sidecars(run, videos, captioned, tmp_path):
    names = videos(a="word 1", b="word 2")
    run(*names, "--sidecar", "--journal", "j.jsonl")
    captioned()
    (tmp_path / "a.txt").unlink()
    assert (run(*names, "--sidecar", "--journal", "j.jsonl").code, captioned()) == (0, [])
    assert (tmp_path / "a.txt").read_text() == "seen: 1\n"


def test_questions_have_journals_too(lvspec, run, videos, captioned, tiny_preset):
    names = videos(a="1", b="2")
    ask = ["ask", "--preset", tiny_preset, *names]
    assert lvspec(*ask, "What is it?", "-o", "out/").code == 0
    assert captioned() == names
    assert (lvspec(*ask, "What is it?", "-o", "out/").code, captioned()) == (0, [])
    outcome = lvspec(*ask, "Where is it?", "-o", "out/")
    assert outcome.code == 2
    assert 'question was "What is it?" and is "Where is it?"' in outcome.err


# Options that do not go together.


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--journal", "all.jsonl", "-o", "all.jsonl"], "--journal all.jsonl is where captions go"),
        (["--journal", "sub/../all.jsonl", "-o", "all.jsonl"], "--journal sub/../all.jsonl is where captions go"),
        (["--journal", "a.jsonl.partial", "-o", "a.jsonl"], "is where a file grows until it is whole"),
        (["--journal", "t.jsonl", "--trace", "t.jsonl"], "--journal t.jsonl is where the trace goes"),
        (["--journal", "t.partial", "--trace", "t"], "is where a file grows until it is whole"),
        (["--journal", "a.mp4"], "--journal a.mp4 is one of the videos"),
        (["--journal", "link"], "--journal link is one of the videos"),
        (["--journal", "out/a.txt", "-o", "out/"], "--journal out/a.txt is where captions go"),
        (["--journal", "j.jsonl", "--shard", "1/2", "-o", "j.jsonl"], "j.1-of-2.jsonl is where captions go"),
        (["--journal", ""], "--journal needs the name of a file"),
        (["--journal", "-"], "--journal needs the name of a file"),
        (["--retry-failed"], "--retry-failed needs a journal of what failed"),
        (["--retry-failed", "--sidecar"], "--retry-failed needs a journal of what failed"),
    ],
)
def test_a_journal_is_no_place_for_anything_else(run, videos, captioned, tmp_path, options, said):
    names = videos(a="1", b="2")
    os.mkdir("sub")
    os.symlink("a.mp4", "link")
    before = sorted(os.listdir())
    outcome = run(*names, *options)
    assert (outcome.code, captioned()) == (2, [])
    assert said in outcome.err
    assert sorted(os.listdir()) == before
    assert (tmp_path / "a.mp4").read_text() == "1"
