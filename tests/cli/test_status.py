"""`lvspec status` as a command."""

import json
import os
import subprocess
import sys

import pytest

from tests.batch.journals import failed, write


def test_a_run_is_told_in_lines(lvspec, caption, copies, tmp_path, loads):
    copies("in/a.mp4", "in/b.mp4")
    (tmp_path / "in" / "c.mp4").write_text("no video")
    caption("in", "-r", "-o", "out/")
    loads.clear()
    outcome = lvspec("status", "out/")
    assert (outcome.code, outcome.err) == (0, "")
    counts = "3 videos: 2 captioned, 1 failed (1 not_a_video), 0 left"
    assert outcome.out.splitlines() == [f"out/.lvspec.journal.jsonl: {counts}", f"total: {counts}"]
    assert loads == []


def test_what_is_missing_is_told(lvspec, tmp_path):
    write(tmp_path, "a", shard="1/3", expected="abcde")
    write(tmp_path, failed("f"), shard="3/3")
    outcome = lvspec("status", ".")
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        ".lvspec.journal.1-of-3.jsonl: share 1/3, 5 videos: 1 captioned, 0 failed, 4 left",
        ".lvspec.journal.3-of-3.jsonl: share 3/3, 1 video: 0 captioned, 1 failed (1 not_a_video), 0 left",
        "total: 6 videos: 1 captioned, 1 failed (1 not_a_video), 4 left",
        "note: share 2/3 has no journal here: the total is without what belongs there",
    ]


def test_many_missing_shares_are_few_words(lvspec, tmp_path):
    write(tmp_path, "a", shard="1/1000")
    note = lvspec("status", ".").out.splitlines()[-1]
    assert note.startswith("note: shares 2/1000, 3/1000, ")
    assert "9/1000 and 991 more have no journal here" in note


def test_damage_is_told(lvspec, tmp_path):
    path = write(tmp_path, "a")
    path.write_bytes(path.read_bytes() + b"garbage\n")
    assert lvspec("status", ".").out.splitlines()[0].endswith("0 left; 1 damaged line")


def test_json_is_for_programs(lvspec, tmp_path):
    write(tmp_path, "a", failed("b"), shard="1/2")
    record = json.loads(lvspec("status", ".", "--json").out)
    assert record["schema"] == "lvspec.status/1"
    assert record["total"] == {"videos": 2, "captioned": 1, "failed": {"not_a_video": 1}, "left": 0}
    assert record["missing_shards"] == ["2/2"]
    assert record["same_settings"] is True
    assert [journal["shard"] for journal in record["journals"]] == ["1/2"]


@pytest.mark.parametrize("place", ["gone", "empty", ""])
def test_no_journal_is_wrong_usage(lvspec, tmp_path, place):
    (tmp_path / "empty").mkdir()
    outcome = lvspec("status", place)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("lvspec: error: ")
    assert outcome.err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="names cannot hold such characters there")
def test_a_hostile_name_steers_no_terminal(lvspec, tmp_path):
    folder = tmp_path / "\x1b]0;x\x07\n\udcff"
    folder.mkdir()
    write(folder, "a")
    out = lvspec("status", folder).out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2


def test_a_run_in_another_process_is_seen(lvspec, tmp_path):
    path = write(tmp_path, "a", expected="ab")
    hold = (
        "import sys\nfrom lvspec_cli.file_lock import lock\nfile = open(sys.argv[1], 'ab+')\n"
        "print(lock(file), flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout.readline() == "True\n"
        assert lvspec("status", ".").out.splitlines()[0].endswith("1 left; a run writes it right now")
        run.stdin.close()
    assert lvspec("status", ".").out.splitlines()[0].endswith("1 left")
