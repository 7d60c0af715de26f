"""What several journals say of the same videos and files: what is later holds, and a run that began anew is gone on
with."""

import os

import pytest

from lvspec_cli.batch import local
from lvspec_cli.batch.attempt import attempt
from lvspec_cli.batch.journal import NAME, JournalOptions, open_journal
from lvspec_cli.batch.merge import MergeOptions, merge
from lvspec_cli.batch.shard import Shard
from lvspec_cli.batch.status import read_status
from lvspec_cli.output.naming import Source
from tests.batch.conftest import lines
from tests.batch.journals import SETTINGS, Video, failed, write
from tests.batch.kept import WHOLE, keep, key
from tests.output.captions import made

AHEAD, BEHIND = "2090-01-01T00:00:00.000000+00:00", "2001-01-01T00:00:00.000000+00:00"


@pytest.fixture
def clock(monkeypatch):
    """Set it."""
    return lambda time: monkeypatch.setattr("lvspec_cli.batch.journal._now", lambda: time)


@pytest.fixture
def texts(tmp_path):
    """What is in the text files below the folder of results, by their names."""
    out = tmp_path / "out"
    return lambda: {str(path.relative_to(out)): path.read_text() for path in sorted(out.rglob("*.txt"))}


def in_folder(tmp_path, folder, text):
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "clip.mp4").write_text(text)


# Files that were one video's and are another's.


@pytest.mark.parametrize("folder", ["a", "z"], ids=["before", "after"])
@pytest.mark.parametrize("how", ["overwritten", "taken away"])
def test_a_result_stays_though_its_file_was_of_another_video_that_is_captioned_anew(
    run, videos, texts, tmp_path, folder, how
):
    in_folder(tmp_path, folder, "word old")
    assert run(f"{folder}/clip.mp4", "-o", "out/").code == 0
    videos(clip="word top")
    if how == "taken away":
        os.unlink("out/clip.txt")
    in_folder(tmp_path, folder, "word deep and new")
    again = ["--overwrite"] if how == "overwritten" else []
    assert run("-r", ".", "-o", "out/", *again).code == 0
    assert texts() == {"clip.txt": "seen: top\n", f"{folder}/clip.txt": "seen: deep and new\n"}


def shares():
    """A folder whose clip is in another one of two shares than a clip in the folder above, and both these shares."""
    for folder in "abcdefgh":
        deep, top = (
            next(share for share in (Shard(1, 2), Shard(2, 2)) if share.takes(Source(path, ".")))
            for path in (f"./{folder}/clip.mp4", "./clip.mp4")
        )
        if deep != top:
            return folder, deep, top
    raise AssertionError


def test_a_result_that_another_share_has_made_meanwhile_stays(run, videos, texts, tmp_path, monkeypatch):
    folder, deep, top = shares()
    in_folder(tmp_path, folder, "word old")
    assert run(f"{folder}/clip.mp4", "-o", "out/").code == 0
    videos(clip="word top")
    given = ["-r", ".", "-o", "out/", "--overwrite", "--shard"]

    def meanwhile(captioner, path, *rest):
        if folder in path.split("/"):
            assert run(*given, str(top)).code == 0
        return attempt(captioner, path, *rest)

    monkeypatch.setattr(local, "attempt", meanwhile)
    assert run(*given, str(deep)).code == 0
    assert texts() == {"clip.txt": "seen: top\n", f"{folder}/clip.txt": "seen: old\n"}


def test_a_file_is_withdrawn_that_will_be_another_video_s_and_is_still_of_this_one(run, videos, texts, tmp_path):
    in_folder(tmp_path, "a", "word old")
    assert run("a/clip.mp4", "-o", "out/").code == 0
    videos(clip="interrupts")
    given = ["-r", ".", "-o", "out/"]
    assert run(*given, "--overwrite").code == 130
    assert texts() == {"a/clip.txt": "seen: old\n"}
    videos(clip="word top")
    assert run(*given).code == 0  # goes on, as it is told
    assert texts() == {"a/clip.txt": "seen: old\n", "clip.txt": "seen: top\n"}


@pytest.mark.parametrize("times", [None, (AHEAD, BEHIND)], ids=["clocks that run", "a clock that was set back"])
@pytest.mark.parametrize("later", [WHOLE, Shard(1, 2)], ids=str)
def test_a_file_is_of_the_video_that_it_was_made_of_last_by_whichever_share(tmp_path, clock, later, times):
    path, file = tmp_path / NAME, tmp_path / "clip.txt"
    earlier = Shard(1, 2) if later == WHOLE else WHOLE
    for index, (share, name) in enumerate(((earlier, "a.mp4"), (later, "b.mp4"))):
        if times:
            clock(times[index])
        with keep(path, shard=share) as journal:
            journal.append(key(name), made(name, "text"), [file])
    for share in (WHOLE, Shard(1, 2), Shard(2, 2)):
        with keep(path, shard=share) as journal:
            assert journal.maker_of(file) == "/videos/b.mp4"
            assert journal.files_of(key("a.mp4")) == []
    with keep(path, shard=earlier) as journal:
        journal.append_files(key("a.mp4"), [file])
        assert journal.maker_of(file) == "/videos/a.mp4"
    with keep(path, shard=later) as journal:
        assert journal.maker_of(file) == "/videos/a.mp4"


def test_what_a_run_writes_it_knows(tmp_path):
    file = tmp_path / "clip.txt"
    with keep(tmp_path / NAME) as journal:
        for name in ("a.mp4", "b.mp4"):
            journal.append(key(name), made(name, "text"), [file])
            assert journal.maker_of(file) == f"/videos/{name}"
        assert journal.files_of(key("a.mp4")) == []


# Runs that begin anew.


@pytest.mark.parametrize("times", [None, (AHEAD, BEHIND)], ids=["a clock that runs", "a clock that was set back"])
def test_an_overwriting_of_what_shares_have_done_is_gone_on_with(run, videos, captioned, texts, clock, times):
    names = videos(a="word 1", b="word 2", c="word 3", d="word 4")
    if times:
        clock(times[0])
    for share in ("1/2", "2/2"):
        assert run(*names, "-o", "out/", "--shard", share).code == 0
    if times:
        clock(times[1])
    before = {name: os.stat(name) for name in names}
    videos(b="interrupts")
    captioned()
    assert (run(*names, "-o", "out/", "--overwrite").code, captioned()) == (130, ["a.mp4"])
    videos(b="word 2")
    for name, status in before.items():
        os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert read_status(["out"]).as_record()["total"]["left"] == 3
    assert (run(*names, "-o", "out/").code, captioned()) == (0, ["b.mp4", "c.mp4", "d.mp4"])
    for given in ([], ["--shard", "1/2"], ["--shard", "2/2"]):
        assert (run(*names, "-o", "out/", *given).code, captioned()) == (0, [])
    assert texts() == {f"{name}.txt": f"seen: {n}\n" for n, name in enumerate("abcd", 1)}


def test_a_share_goes_on_with_an_overwriting_of_the_whole(tmp_path):
    write(tmp_path, "a", "b", shard="1/2")
    with open_journal(JournalOptions(tmp_path / NAME, WHOLE, overwrite=True), SETTINGS) as journal:
        journal.expect(Video(name).key for name in "abc")
        journal.append(Video("a").key, made("a", "anew"), ())
    with open_journal(JournalOptions(tmp_path / NAME, Shard(1, 2)), SETTINGS) as journal:
        assert journal.find(Video("a").key).read_result().text == "anew"
        assert journal.find(Video("b").key) is None


def test_a_share_that_is_overwritten_leaves_the_others_as_they_were(tmp_path):
    write(tmp_path, "a", shard="1/2")
    write(tmp_path, "b", shard="2/2")
    with open_journal(JournalOptions(tmp_path / NAME, Shard(1, 2), overwrite=True), SETTINGS) as journal:
        journal.expect([Video("a").key])
    total = read_status([str(tmp_path)]).as_record()["total"]
    assert (total["captioned"], total["left"]) == (1, 1)
    with open_journal(JournalOptions(tmp_path / NAME, WHOLE), SETTINGS) as journal:
        assert [journal.find(Video(name).key) is None for name in "ab"] == [True, False]


def test_what_is_overwritten_is_not_merged_from_an_older_journal(tmp_path):
    write(tmp_path, "a", "b", "c", shard="1/2")
    with open_journal(JournalOptions(tmp_path / NAME, WHOLE, overwrite=True), SETTINGS) as journal:
        journal.expect(Video(name).key for name in "ab")
        journal.append(Video("a").key, failed("a"), ())
    merge(read_status([str(tmp_path)]), MergeOptions(str(tmp_path / "all.jsonl"), "jsonl"))
    found = {record["path"]: record["error"] and record["error"]["type"] for record in lines(tmp_path / "all.jsonl")}
    assert found == {"a": "not_a_video", "c": None}


# What is left.


def test_what_failed_in_a_share_is_left_while_a_run_over_all_tries_it_again(tmp_path):
    write(tmp_path, "a", failed("b"), shard="1/2", expected="ab")
    write(tmp_path, failed("c"), shard="2/2", expected="c")

    def left():
        return read_status([str(tmp_path)]).as_record()["total"]["left"]

    with open_journal(JournalOptions(tmp_path / NAME, WHOLE), SETTINGS) as journal:
        journal.expect(Video(name).key for name in "bc")
        assert left() == 2
        journal.append(Video("b").key, failed("b"), ())
        assert left() == 1
    write(tmp_path, failed("c"), shard="2/2")
    last = os.stat(tmp_path / NAME).st_mtime_ns + 10**9
    os.utime(tmp_path / NAME, ns=(last, last))
    assert left() == 0  # another one has done it since
    with open_journal(JournalOptions(tmp_path / NAME, WHOLE), SETTINGS) as journal:
        journal.expect([Video("c").key])
        assert left() == 1


def test_what_an_earlier_run_had_left_is_not_left_when_one_begins_anew(tmp_path):
    write(tmp_path, "a", expected="abc")
    with open_journal(JournalOptions(tmp_path / NAME, WHOLE, overwrite=True), SETTINGS):
        assert read_status([str(tmp_path)]).left == frozenset()


def test_what_an_overwriting_has_not_come_to_is_left_though_shares_were_written_since(tmp_path):
    write(tmp_path, "a", shard="1/2", expected="a")
    write(tmp_path, "b", "c", shard="2/2", expected="bc")
    with open_journal(JournalOptions(tmp_path / NAME, WHOLE, overwrite=True), SETTINGS) as journal:
        journal.expect(Video(name).key for name in "abc")
    os.utime(tmp_path / NAME, ns=(0, 0))
    write(tmp_path, "a", shard="1/2", expected="a")
    total = read_status([str(tmp_path)]).as_record()["total"]
    assert (total["videos"], total["captioned"], total["left"]) == (3, 1, 2)
