"""What is in a file of results is known to a journal line by line, or the file is kept."""

import json

import pytest

from lvspec_cli.batch.known_results import holds_all
from tests.batch.conftest import lines

JOURNAL = "j.jsonl"


@pytest.fixture
def left(run, videos, tmp_path):
    """What a run with a journal writes to a file of a format."""
    names = videos(a="word 1", b="damaged", c="word 3")

    def write(name):
        run(*names, "-o", f"all.{name}", "--journal", JOURNAL)
        return tmp_path / f"all.{name}"

    return write


@pytest.mark.parametrize("name", ["jsonl", "json", "csv", "md"])
def test_a_file_of_a_journal_is_known_wherever_it_was_torn_off(left, tmp_path, name):
    file = left(name)
    whole = file.read_bytes()
    for length in range(0, len(whole) + 1, 7):
        file.write_bytes(whole[:length])
        assert holds_all([tmp_path / JOURNAL], file, format=name, several=True)


@pytest.mark.parametrize("name", ["jsonl", "json", "csv", "md"])
@pytest.mark.parametrize("more", [b"another line\n", b"another line that was torn"])
def test_a_line_of_another_run_makes_a_file_unknown(left, tmp_path, name, more):
    file = left(name)
    file.write_bytes(file.read_bytes() + more)
    assert not holds_all([tmp_path / JOURNAL], file, format=name, several=True)


def test_what_stood_in_a_damaged_line_of_the_journal_is_in_the_file_alone(left, tmp_path):
    file, journal = left("jsonl"), tmp_path / JOURNAL
    written = journal.read_text().splitlines(keepends=True)
    (index,) = (number for number, line in enumerate(lines(journal)) if line.get("path", "").endswith("c.mp4"))
    for damaged in ("\n", "[1]\n", '{"type": "video", "record": 7}\n', "{" * 100_000 + "\n"):
        journal.write_text("".join([*written[:index], damaged, *written[index + 1 :]]))
        assert not holds_all([journal], file, format="jsonl", several=True)
    journal.write_text("".join(written))
    assert holds_all([journal], file, format="jsonl", several=True)


def test_a_result_that_was_done_anew_since_is_known(run, left, tmp_path):
    file = left("jsonl")
    before = file.read_bytes()
    run("a.mp4", "--journal", JOURNAL, "--overwrite")
    (tmp_path / "c.mp4").unlink()
    file.write_bytes(before)
    assert holds_all([tmp_path / JOURNAL], file, format="jsonl", several=True)
    assert {json.loads(line)["path"] for line in before.splitlines()} == {"a.mp4", "b.mp4", "c.mp4"}


def test_what_cannot_be_read_is_not_known(left, tmp_path):
    assert not holds_all([tmp_path / "gone.jsonl"], left("jsonl"), format="jsonl", several=True)
