"""`lvspec merge` as a command: where the file goes, what is said on the way, and what is refused."""

import json
import os
import subprocess
import sys

import pytest

from lvspec_cli.file_lock import lock
from tests.batch.journals import failed, lines, write


def paths(text):
    return [json.loads(line)["path"] for line in text.splitlines()]


def test_shares_become_one_file_that_is_what_one_run_writes(lvspec, caption, copies, tmp_path, loads):
    copies(*(f"in/{name}.mp4" for name in "abcde"))
    (tmp_path / "in" / "bad.mp4").write_text("no video")
    for index in (1, 2, 3):
        caption("in", "-r", "-o", "shards/", "--shard", f"{index}/3")
    loads.clear()
    outcome = lvspec("merge", "shards/", "-o", "all.jsonl")
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == "merged 6 videos of 3 journals: 5 captioned, 1 failed\n"
    assert loads == []
    whole = [json.loads(line) for line in caption("in", "-r", "--format", "jsonl").out.splitlines()]
    merged = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    for record in whole + merged:
        record["stats"] = None  # times differ from run to run
    assert merged == whole
    for journal in (tmp_path / "shards").glob(".lvspec.journal.*"):
        lines(journal)


def test_stdout_carries_the_records_alone(lvspec, tmp_path):
    write(tmp_path, "b", "a")
    outcome = lvspec("merge", ".", "-o", "-")
    assert paths(outcome.out) == ["a", "b"]
    assert outcome.err == "merged 2 videos of 1 journal: 2 captioned, 0 failed\n"


def test_the_suffix_names_the_format(lvspec, tmp_path):
    write(tmp_path, "a")
    lvspec("merge", ".", "-o", "all.csv")
    assert (tmp_path / "all.csv").read_text().startswith("path,kind,")
    lvspec("merge", ".", "-o", "all.csv", "--format", "json")
    assert json.loads((tmp_path / "all.csv").read_text())[0]["path"] == "a"


def test_what_is_not_in_it_is_told(lvspec, tmp_path):
    path = write(tmp_path, "a", failed("b"), shard="1/2", expected="abcd")
    path.write_bytes(path.read_bytes() + b"garbage\n")
    with open(path, "ab+") as run:
        lock(run)
        outcome = lvspec("merge", ".", "-o", "all.jsonl", "--captioned-only")
    assert outcome.code == 0
    assert outcome.err.splitlines() == [
        f"lvspec: a run writes {path.name} right now: what it finishes from here on is not in it",
        f"lvspec: {path.name}: 1 damaged line left out",
        "lvspec: share 2/2 has no journal here: what belongs there is not in it",
        "lvspec: 2 videos are left to do: `lvspec status` tells where",
        "merged 1 video of 1 journal: 1 captioned, 1 failed (1 left out)",
    ]
    assert lvspec("merge", ".", "-o", "all.jsonl", "-q").err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone", "-o", "all.jsonl"], "there is no journal gone: name a folder"),
        ([".", "-o", "all.srt"], "srt holds one video"),
        ([".", "-o", "all.jsonl", "--format", "xml"], "--format must be one of"),
        ([".", "-o", ""], "-o is empty"),
        ([".", "-o", "folder"], "-o folder is a folder: name a file in it"),
        ([".", "-o", "gone/all.jsonl"], "there is no folder gone"),
        ([".", "-o", ".lvspec.journal.jsonl"], "is one of the journals"),
        ([".", "other.jsonl", "-o", "all.jsonl"], "have different settings (seed was 0 and is 1; "),
        (["begun.jsonl", "-o", "all.jsonl"], "nothing to merge: no video is captioned yet"),
        (["."], "Missing option"),
    ],
)
def test_wrong_usage_is_one_line(lvspec, tmp_path, arguments, said):
    write(tmp_path, "a")
    write(tmp_path, "b", name="other.jsonl", settings={"seed": 1})
    write(tmp_path, name="begun.jsonl", expected="ab")
    (tmp_path / "folder").mkdir()
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    outcome = lvspec("merge", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert outcome.err.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_is_one_line(lvspec, tmp_path):
    write(tmp_path, "a")
    outcome = lvspec("merge", ".", "-o", "/dev/full")
    assert outcome.code == 1
    assert "No space left on device" in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="pipes are others there")
def test_a_reader_who_leaves_is_not_complained_of(tmp_path):
    write(tmp_path, *(f"{index}" for index in range(200)))
    command = [sys.executable, "-m", "lvspec_cli", "merge", str(tmp_path), "-o", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 1
