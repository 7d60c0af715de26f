"""A run over many videos: what is done is not done again, what fails costs itself, and memory stays bounded."""

import json
import os
import tracemalloc

from lvspec_cli.batch import local
from lvspec_cli.batch.attempt import attempt
from lvspec_cli.batch.journal import NAME, JournalOptions, open_journal
from lvspec_cli.batch.runner import Runner
from lvspec_cli.batch.shard import Shard
from lvspec_cli.caption import Progress
from lvspec_cli.errors import NotAVideo
from lvspec_cli.output.formats import FORMATS
from lvspec_cli.output.recorded import RecordedCaption
from tests.batch.conftest import entries, lines, told
from tests.output.captions import made

# Failures.


def test_a_failure_costs_that_video_alone(run, videos, captioned):
    outcome = run(*videos(a="1", b="damaged", c="3", d="large", e="defect", f="damaged"), "g.mp4", "-o", "out/")
    assert outcome.code == 1
    assert captioned() == ["a.mp4", "c.mp4"]
    assert sorted(os.listdir("out")) == [NAME, "a.txt", "c.txt"]
    assert told(outcome)[-2:] == [
        "2 captioned, 5 failed",
        "failures by kind: 2 not_a_video, 1 out_of_memory, 1 internal, 1 not_found",
    ]
    assert "Traceback" not in outcome.err


def test_a_single_failure_needs_no_counting_by_kind(run, videos):
    assert told(run(*videos(a="1", b="damaged"), "-o", "out/"))[-1] == "1 captioned, 1 failed"


def test_failures_are_remembered_and_keep_the_code_until_they_are_gone(run, videos, captioned, tmp_path):
    names = videos(a="1", b="damaged", c="damaged", d="4")
    assert run(*names, "-o", "out/").code == 1
    captioned()
    for _ in range(2):
        outcome = run(*names, "-o", "out/")
        assert outcome.code == 1
        assert told(outcome) == [
            "0 captioned, 2 failed, 2 skipped",
            "2 failed in an earlier run and were not tried again: --retry-failed does",
        ]
    assert captioned() == []
    again = run(*names, "-o", "out/", "--retry-failed")
    assert (again.code, told(again)[-1]) == (1, "failures by kind: 2 not_a_video")
    videos(b="2", c="3")  # repaired, which their size tells
    outcome = run(*names, "-o", "out/")
    assert (outcome.code, captioned()) == (0, ["b.mp4", "c.mp4"])
    assert told(outcome) == ["2 captioned, 0 failed, 2 skipped"]


def test_what_failed_for_want_of_something_else_is_tried_again_when_asked(run, videos, captioned, tmp_path):
    names = videos(a="large", b="2")
    assert run(*names, "-o", "out/").code == 1
    times = (tmp_path / "a.mp4").stat()
    (tmp_path / "a.mp4").write_text("small")  # of the same size and time: what was wrong was elsewhere
    os.utime("a.mp4", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert run(*names, "-o", "out/").code == 1
    captioned()
    assert run(*names, "-o", "out/", "--retry-failed").code == 0
    assert captioned() == ["a.mp4"]


def test_fail_fast_ends_with_the_first_failure_and_keeps_what_was_done(run, videos, captioned, tmp_path):
    names = videos(a="1", b="damaged", c="3", d="4")
    outcome = run(*names, "-o", "out/", "--fail-fast")
    assert (outcome.code, captioned()) == (1, ["a.mp4"])
    assert told(outcome)[-2:] == [
        "1 captioned, 1 failed",
        "ended with the first failure, as --fail-fast says; 2 not looked at any more",
    ]
    assert entries(tmp_path / "out") == {"a.mp4": None, "b.mp4": "not_a_video"}
    assert run(*names, "-o", "out/").code == 1
    assert captioned() == ["c.mp4", "d.mp4"]


def test_what_no_other_video_would_survive_ends_the_run(run, videos, captioned):
    outcome = run(*videos(a="1", b="stops", c="3"), "-o", "out/")
    assert (outcome.code, captioned()) == (1, ["a.mp4"])
    assert told(outcome)[-1] == "error: the weights are gone"


def test_a_video_that_goes_away_between_listing_and_reading_fails_alone(run, videos, captioned, tmp_path, monkeypatch):
    names = videos(a="1", b="2", c="3")
    times = os.stat("b.mp4")

    def attempt_later(captioner, path, *rest):
        if path == "b.mp4":
            os.unlink("b.mp4")
        return attempt(captioner, path, *rest)

    monkeypatch.setattr(local, "attempt", attempt_later)
    outcome = run(*names, "-o", "out/")
    assert (outcome.code, captioned()) == (1, ["a.mp4", "c.mp4"])
    assert entries(tmp_path / "out")["b.mp4"] == "not_found"
    monkeypatch.setattr(local, "attempt", attempt)
    videos(b="2")
    os.utime("b.mp4", ns=(times.st_atime_ns, times.st_mtime_ns))  # as on a disk that was away
    assert (run(*names, "-o", "out/").code, captioned()) == (0, ["b.mp4"])


def test_a_video_that_was_not_there_is_looked_for_again(run, videos, captioned):
    assert run("a.mp4", "-o", "out/").code == 1
    videos(a="1")
    assert run("a.mp4", "-o", "out/").code == 0
    assert captioned() == ["a.mp4"]


def test_a_video_that_could_not_be_read_is_tried_again(run, videos, captioned, tmp_path):
    names = videos(a="locked", b="2")
    assert run(*names, "-o", "out/").code == 1
    assert entries(tmp_path / "out")["a.mp4"] == "unreadable"
    times = os.stat("a.mp4")
    videos(a="opened")
    os.utime("a.mp4", ns=(times.st_atime_ns, times.st_mtime_ns))  # as after `chmod`
    captioned()
    assert (run(*names, "-o", "out/").code, captioned()) == (0, ["a.mp4"])


def test_a_disk_that_was_away_for_a_while_costs_no_caption(run, videos, captioned, tmp_path):
    names = videos(a="1", b="2")
    assert run(*names, "-o", "out/").code == 0
    for name in names:
        os.rename(name, f"away-{name}")
    outcome = run(*names, "-o", "out/")
    assert (outcome.code, told(outcome)[-1]) == (1, "failures by kind: 2 not_found")
    assert (tmp_path / "out" / "a.txt").read_text() == "seen: \n"
    for name in names:
        os.rename(f"away-{name}", name)
    captioned()
    assert (run(*names, "-o", "out/").code, captioned()) == (0, [])


# What is done is not done again.


def test_a_rerun_does_what_is_missing_alone(run, videos, captioned):
    names = videos(a="word 1", b="word 2", c="word 3")
    run("a.mp4", "-o", "out/")
    captioned()
    outcome = run(*names, "-o", "out/")
    assert (outcome.code, captioned()) == (0, ["b.mp4", "c.mp4"])
    assert told(outcome) == ["2 captioned, 0 failed, 1 skipped"]
    assert (run(*names, "-o", "out/").code, captioned()) == (0, [])


def test_files_that_are_missing_come_from_the_journal(run, videos, captioned, tmp_path):
    names = videos(a="word 1", b="word 2", c="damaged")
    run(*names, "-o", "out/")
    captioned()
    (tmp_path / "out" / "a.txt").unlink()
    run(*names, "-o", "out/", "--format", ",".join(FORMATS))
    assert captioned() == []
    assert (tmp_path / "out" / "a.txt").read_text() == "seen: 1\n"
    for writer in FORMATS.values():
        assert (tmp_path / "out" / f"b{writer.suffix}").exists()
        assert not (tmp_path / "out" / f"c{writer.suffix}").exists()  # no error stands where a caption goes
    record = json.loads((tmp_path / "out" / "a.json").read_text())
    assert (record["path"], record["text"]) == ("a.mp4", "seen: 1")


def test_a_run_from_elsewhere_finds_what_was_done_and_names_videos_as_it_is_told_to(
    run, videos, captioned, tmp_path, monkeypatch
):
    videos(a="word 1")
    run("a.mp4", "-o", "out/")
    captioned()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run("../a.mp4", "-o", "../out/", "--format", "text,json").code == 0
    assert captioned() == []
    assert json.loads((tmp_path / "out" / "a.json").read_text())["path"] == "../a.mp4"


def test_a_line_that_says_nothing_of_use_any_more_costs_that_video_alone(run, videos, captioned, tmp_path):
    names = videos(a="word 1", b="word 2")
    run(*names, "-o", "out/")
    captioned()
    journal = tmp_path / "out" / NAME
    kept = lines(journal)
    for unknown in ("segments", "prompt"):
        del kept[2]["record"][unknown]
    journal.write_text("".join(json.dumps(line) + "\n" for line in kept))
    outcome = run(*names, "-o", "out/", "--format", "text,srt")
    assert (outcome.code, captioned()) == (0, ["a.mp4"])
    assert "a.mp4: its line in the journal cannot be read any more; it is captioned again" in told(outcome)
    assert (tmp_path / "out" / "b.srt").exists()


def test_a_video_that_was_replaced_is_captioned_again_and_its_files_are_replaced(run, videos, captioned, tmp_path):
    names = videos(a="word old", b="word 2")
    run(*names, "-o", "out/", "--format", "text,json")
    captioned()
    videos(a="word renewed")
    outcome = run(*names, "-o", "out/", "--format", "text,json")
    assert (outcome.code, captioned()) == (0, ["a.mp4"])
    assert (tmp_path / "out" / "a.txt").read_text() == "seen: renewed\n"
    assert json.loads((tmp_path / "out" / "a.json").read_text())["text"] == "seen: renewed"


def test_an_older_time_is_another_time_too(run, videos, captioned):
    names = videos(a="1")
    run(*names, "-o", "out/")
    captioned()
    os.utime("a.mp4", ns=(0, 1_000_000_000))  # a clock that was set back
    assert (run(*names, "-o", "out/").code, captioned()) == (0, ["a.mp4"])
    assert (run(*names, "-o", "out/").code, captioned()) == (0, [])


def test_other_settings_are_refused_by_name(run, videos, captioned, tmp_path):
    names = videos(a="1", b="2")
    run(*names, "-o", "out/", "--max-tokens", "7")
    captioned()
    before = (tmp_path / "out" / NAME).read_bytes()
    outcome = run(*names, "-o", "out/", "--max-tokens", "9")
    assert (outcome.code, captioned()) == (2, [])
    assert "was begun with other settings (max_tokens was 7 and is 9): give the same ones" in outcome.err
    assert (tmp_path / "out" / NAME).read_bytes() == before
    assert run(*names, "-o", "out/", "--max-tokens", "7", "--format", "md").code == 0  # a format shapes no caption
    assert captioned() == []


def test_overwriting_begins_anew_also_with_other_settings(run, videos, captioned):
    names = videos(a="1", b="2")
    run(*names, "-o", "out/")
    captioned()
    assert run(*names, "-o", "out/", "--overwrite").code == 0
    assert captioned() == ["a.mp4", "b.mp4"]
    assert run(*names, "-o", "out/", "--overwrite", "--max-tokens", "9").code == 0
    assert captioned() == ["a.mp4", "b.mp4"]
    assert (run(*names, "-o", "out/", "--max-tokens", "9").code, captioned()) == (0, [])


def test_an_interrupted_overwriting_is_gone_on_with_without_that_option(run, videos, captioned):
    names = videos(a="1", b="interrupts", c="3")
    run("a.mp4", "c.mp4", "-o", "out/")
    captioned()
    outcome = run(*names, "-o", "out/", "--overwrite")
    assert (outcome.code, captioned()) == (130, ["a.mp4"])
    assert told(outcome)[-1] == (
        "interrupted after 1 of 3 videos; their captions are in out/; "
        "the same command without --overwrite goes on from there"
    )
    videos(b="2")
    assert (run(*names, "-o", "out/").code, captioned()) == (0, ["b.mp4", "c.mp4"])


# Memory.


class Silence:
    """An onlooker, a sink and a captioner: all that a run needs, and nothing that keeps anything."""

    loaded, record = True, made("clip.mp4", "A long caption. " * 20).as_record()

    def stream(self, path, question):
        if path.endswith("7.mp4"):
            raise NotAVideo("no video")
        yield Progress("done", caption=RecordedCaption({**self.record, "path": path}))

    def files_of(self, path):
        return ()

    def video_of(self, file):
        return None

    settings = type("Settings", (), {"prompt": "Describe it.", "system": None})

    def __getattr__(self, name):
        return lambda *arguments, **options: None


def test_memory_stays_bounded_over_thousands_of_videos(tmp_path, monkeypatch):
    count, silence = 5_000, Silence()
    paths = [f"/videos/{index}.mp4" for index in range(count)]
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # which takes time, and no memory

    def work(paths):
        keeping = open_journal(JournalOptions(tmp_path / "j.jsonl", Shard(1, 1)), {})
        with keeping as journal:
            runner = Runner(local.LocalSource(silence, None, silence), silence, silence, journal=journal)
            runner.over(paths)
            return runner

    work(paths[:10])
    tracemalloc.start()
    try:
        runner = work(paths)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert runner.captioned + runner.failures.total() + runner.skipped + runner.failed_before == count
    assert most / count < 1024  # bytes a video: its name and what is known of it, but no caption
