"""`lvspec report`: where the page goes, what is said on the way, and what is refused."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.report import traces

posix = pytest.mark.skipif(os.name == "nt", reason="devices, pipes and permissions are others there")


@pytest.fixture
def trace(tmp_path):
    """A file with the trace of one video."""
    path = tmp_path / "t.jsonl"
    path.write_text(traces.json_lines(traces.trace()))
    return path


@pytest.fixture
def refused(lvspec, tmp_path):
    """Run a report that must be refused in one line; return the code and what it says."""

    def run(*arguments):
        before = sorted(tmp_path.iterdir())
        outcome = lvspec("report", *arguments)
        assert outcome.out == ""
        assert outcome.err.count("\n") == 1
        assert sorted(tmp_path.iterdir()) == before
        return outcome.code, outcome.err.removeprefix("lvspec: error: ").rstrip("\n")

    return run


def test_a_trace_becomes_a_page(lvspec, trace, tmp_path, loads):
    outcome = lvspec("report", trace, "-o", "report.html")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "wrote report.html: 1 video\n")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "circle.mp4" in page
    assert loads == []


def test_the_page_goes_to_stdout_with_a_dash_and_nothing_else_does(lvspec, trace):
    outcome = lvspec("report", trace, "-o", "-")
    assert outcome.code == 0
    assert outcome.out.startswith("<!DOCTYPE html>")
    assert outcome.out.endswith("</html>\n")
    assert outcome.err == ""


def test_the_page_has_one_form_whatever_it_is_written_to(lvspec, trace, tmp_path):
    lvspec("report", trace, "-o", "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == lvspec("report", trace, "-o", "-").out


def test_what_is_to_be_known_of_the_files_is_said_unless_it_shall_be_quiet(lvspec, tmp_path):
    torn = traces.json_lines(traces.trace(finished=False))[:-30]
    (tmp_path / "torn.jsonl").write_text(torn)
    outcome = lvspec("report", "torn.jsonl", "-o", "r.html")
    assert outcome.code == 0
    assert outcome.err.splitlines() == [
        "lvspec: the last line of torn.jsonl is cut off, and left out",
        "lvspec: torn.jsonl ends within films/circle.mp4: the run was interrupted",
        "wrote r.html: 1 video",
    ]
    assert lvspec("report", "torn.jsonl", "-o", "r.html", "-q").err == ""


def test_records_and_traces_may_be_mixed(lvspec, trace, tmp_path):
    (tmp_path / "r.json").write_text(json.dumps([traces.record(), traces.record(path="other.mp4"), traces.failure()]))
    assert lvspec("report", "r.json", trace, "-o", "r.html").err == "wrote r.html: 3 videos\n"


def test_the_records_of_lvspec_itself_are_read(caption, lvspec, clip, tmp_path):
    assert caption(clip, tmp_path / "none.mp4", "--format", "json", "-o", "r.json").code == 1
    outcome = lvspec("report", "r.json", "-o", "r.html")
    assert (outcome.code, outcome.err) == (0, "wrote r.html: 2 videos\n")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Describe it." in page
    assert "failed (not_found)" in page


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        ("t.jsonl", "-o t.jsonl is one of the inputs: name another file"),
        ("./t.jsonl", "-o ./t.jsonl is one of the inputs: name another file"),
        (".", "-o . is a folder: name a file in it"),
        ("no/r.html", "-o no/r.html cannot be written: there is no folder no"),
    ],
)
def test_a_page_that_cannot_be_written_is_refused_at_once(refused, trace, output, complaint):
    assert refused("t.jsonl", "-o", output) == (2, complaint)


def test_the_output_must_be_named(refused, trace):
    code, said = refused("t.jsonl")
    assert code == 2
    assert "--output" in said


def test_no_file_is_wrong_usage(lvspec):
    outcome = lvspec("report")
    assert outcome.code == 2
    assert "Usage: lvspec report" in outcome.err


@pytest.mark.parametrize(
    ("name", "text", "code", "complaint"),
    [
        (
            "none.json",
            None,
            2,
            "there is no file none.json: give records (--format json or jsonl) and traces (--trace)",
        ),
        ("x.txt", "words", 1, "x.txt is not JSON: give records (--format json or jsonl) and traces (--trace)"),
        (
            "x.json",
            '{"schema": "lvspec.caption/2"}',
            1,
            "x.json line 1: lvspec.caption/2 is of another version than lvspec.caption/1, which this lvspec reads: "
            "take the lvspec that wrote it, or caption the video again",
        ),
    ],
)
def test_a_file_that_cannot_be_shown_leaves_no_page(refused, tmp_path, trace, name, text, code, complaint):
    if text is not None:
        (tmp_path / name).write_text(text)
    assert refused(trace, name, "-o", "r.html") == (code, complaint)


def test_an_older_page_is_left_as_it_was_if_there_is_nothing_to_show(lvspec, tmp_path):
    (tmp_path / "x.json").write_text("[]")
    (tmp_path / "r.html").write_text("old")
    assert lvspec("report", "x.json", "-o", "r.html").code == 1
    assert (tmp_path / "r.html").read_text() == "old"


@posix
def test_a_full_disk_is_one_sentence(refused, trace):
    said = "/dev/full cannot be written: No space left on device; choose another place"
    assert refused(trace, "-o", "/dev/full") == (1, said)


@posix
def test_a_full_disk_behind_stdout_is_one_sentence(trace):
    command = [sys.executable, "-m", "lvspec_cli", "report", str(trace), "-o", "-"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert (
        done.stderr == "lvspec: error: the page cannot be written: No space left on device; try another place with -o\n"
    )


@posix
def test_a_reader_who_has_seen_enough_is_no_error_to_tell_of(trace):
    command = f'{sys.executable} -m lvspec_cli report "{trace}" -o - | head -n 1'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("<!DOCTYPE html>\n", "")


@posix
@pytest.mark.skipif(not shutil.which("bash"), reason="process substitution is bash's")
def test_what_another_program_writes_is_read(trace, tmp_path):
    command = f'{sys.executable} -m lvspec_cli report <(cat "{trace}") -o "{tmp_path}/r.html"'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == f"wrote {tmp_path}/r.html: 1 video\n"


def test_names_steer_no_terminal(lvspec, tmp_path):
    name = "\x1b[31mevil\x1b]0;x\x07"
    outcome = lvspec("report", name, "-o", "r.html")
    assert outcome.code == 2
    assert "\x1b" not in outcome.err
    assert "\x07" not in outcome.err
