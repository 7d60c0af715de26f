"""What journals tell of how far runs have come."""

import json
import os

import pytest

from lvspec_cli.batch.journal import NAME, JournalOptions, open_journal
from lvspec_cli.batch.shard import Shard
from lvspec_cli.batch.status import read_status
from lvspec_cli.batch.video_key import VideoKey
from lvspec_cli.errors import UsageError, VideoNotFound
from tests.batch.journals import SETTINGS, Video, failed, lines, write
from tests.output.captions import made


def counts(*places):
    """Videos, captioned, failed and left of all."""
    total = read_status([str(place) for place in places]).as_record()["total"]
    return total["videos"], total["captioned"], sum(total["failed"].values()), total["left"]


def journals(*places):
    return read_status([str(place) for place in places]).as_record()["journals"]


def test_a_journal_tells_what_is_captioned_failed_and_left(tmp_path):
    path = write(tmp_path, "a", "b", failed("c"), failed("d"), failed("e", VideoNotFound("gone")), expected="abcdefghi")
    assert journals(tmp_path) == [
        {
            "path": str(path),
            "shard": "1/1",
            "videos": 9,
            "captioned": 2,
            "failed": {"not_a_video": 2, "not_found": 1},
            "left": 4,
            "running": False,
            "damaged_lines": 0,
        }
    ]
    assert counts(tmp_path) == (9, 2, 3, 4)


def test_shares_are_told_one_by_one_and_those_without_a_journal_by_name(tmp_path):
    write(tmp_path, "a", shard="1/3", expected="ax")
    write(tmp_path, "c", failed("d"), shard="3/3")
    status = read_status([str(tmp_path)])
    assert [journal["shard"] for journal in journals(tmp_path)] == ["1/3", "3/3"]
    assert counts(tmp_path) == (4, 2, 1, 1)
    assert [str(shard) for shard in status.missing_shards] == ["2/3"]
    write(tmp_path, "b", shard="2/3")
    assert read_status([str(tmp_path)]).missing_shards == ()


def test_shares_from_several_machines_are_one_set(tmp_path):
    for index in (1, 2, 3):
        (tmp_path / f"{index}").mkdir()
        write(tmp_path / f"{index}", f"{index}", shard=f"{index}/3")
    places = [tmp_path / f"{index}" for index in (1, 2, 3)]
    assert read_status(list(map(str, places))).missing_shards == ()
    assert counts(*places) == (3, 3, 0, 0)
    assert [str(shard) for shard in read_status([str(places[1])]).missing_shards] == ["1/3", "3/3"]


def test_a_video_of_several_journals_counts_once_and_a_captioned_one_counts(tmp_path):
    write(tmp_path, "a", failed("b"), failed("c"), shard="1/2")
    write(tmp_path, failed("a"), "b", failed("c"), shard="2/2")
    assert counts(tmp_path)[1:] == (2, 1, 0)


def test_what_another_journal_has_is_not_left(tmp_path):
    write(tmp_path, "a", "b", expected="abcd")
    before = os.stat(tmp_path / NAME)
    write(tmp_path, "c", shard="1/2", expected="c")
    write(tmp_path, shard="2/2", expected="d")
    os.utime(tmp_path / NAME, ns=(0, before.st_mtime_ns - 1000))
    assert counts(tmp_path) == (4, 3, 0, 1)
    assert [journal["left"] for journal in journals(tmp_path)] == [0, 1, 1]
    write(tmp_path, "d", expected="d")
    later = os.stat(tmp_path / NAME).st_mtime_ns + 1000
    os.utime(tmp_path / NAME, ns=(later, later))
    assert counts(tmp_path) == (4, 4, 0, 0)


def test_what_another_journal_captioned_is_done_though_it_failed_here(tmp_path):
    write(tmp_path, failed("a"), failed("b"), shard="1/2")
    write(tmp_path, "a")
    with open_journal(JournalOptions(tmp_path / NAME, Shard(1, 2)), SETTINGS) as journal:
        assert [journal.find(Video(name).key).error_type for name in "ab"] == [None, "not_a_video"]
    assert counts(tmp_path)[1:3] == (1, 1)


def test_videos_of_an_earlier_run_hide_none_that_are_left(tmp_path):
    write(tmp_path, "a", "b", "c", expected="abc")
    path = write(tmp_path, "x", expected="xyz")
    assert counts(tmp_path) == (6, 4, 0, 2)
    assert [line["type"] for line in lines(path)] == ["run", "to_do", "video", "video", "video", "to_do", "video"]


def test_a_run_that_goes_on_adds_no_line_of_its_own(tmp_path):
    write(tmp_path, "a", expected="abc")
    path = write(tmp_path, "b", expected="bc")
    assert [line["type"] for line in lines(path)] == ["run", "to_do", "video", "video"]
    assert counts(tmp_path) == (3, 2, 0, 1)


def test_what_failed_is_left_while_it_is_tried_again(tmp_path):
    write(tmp_path, "a", failed("b"), failed("c"), expected="abc")
    path = write(tmp_path, "b", expected="bc")
    assert counts(tmp_path) == (3, 2, 0, 1)
    assert journals(tmp_path)[0]["failed"] == {}
    write(tmp_path, failed("c"))
    assert counts(tmp_path) == (3, 2, 1, 0)
    assert sum(line["type"] == "to_do" for line in lines(path)) == 2


def test_a_video_that_has_changed_is_left_and_what_was_made_of_it_counts_no_more(tmp_path):
    write(tmp_path, "a", failed("b"))
    with open_journal(JournalOptions(tmp_path / NAME, Shard(1, 1)), SETTINGS) as journal:
        journal.expect([Video("a", size=2).key, Video("b", size=2).key])
        assert counts(tmp_path) == (2, 0, 0, 2)
        journal.append(Video("a", size=2).key, made("a", "text"), ())
        assert counts(tmp_path) == (2, 1, 0, 1)
        journal.append(Video("b", size=2).key, failed("b"), ())
    assert counts(tmp_path) == (2, 1, 1, 0)


def test_a_video_that_went_away_is_tried_and_not_left(tmp_path):
    write(tmp_path, "a")
    with open_journal(JournalOptions(tmp_path / NAME, Shard(1, 1)), SETTINGS) as journal:
        journal.expect([VideoKey("/videos/a", None, None), VideoKey("/videos/b", None, None)])
        journal.append(VideoKey("/videos/a", None, None), failed("a", VideoNotFound("gone")), ())
        journal.append(VideoKey("/videos/b", None, None), failed("b", VideoNotFound("gone")), ())
    assert counts(tmp_path) == (2, 1, 1, 0)


def test_a_journal_of_an_older_version_tells_all_but_what_is_left(tmp_path):
    path = write(tmp_path, "a", failed("b"))
    run, *results = map(json.loads, path.read_text().splitlines())
    for line in results:
        del line["files"]
    older = [{**run, "videos": 4, "left": 4}, *results]
    path.write_text("".join(json.dumps(line) + "\n" for line in older))
    assert counts(tmp_path) == (2, 1, 1, 0)


def test_a_run_that_is_under_way_is_told(tmp_path):
    options = JournalOptions(tmp_path / NAME, Shard(1, 1))
    with open_journal(options, SETTINGS) as journal:
        journal.expect([Video("a").key, Video("b").key])
        assert counts(tmp_path) == (2, 0, 0, 2)
        journal.append(Video("a").key, made("a", "text"), ())
        assert journals(tmp_path)[0]["running"] is True
        assert counts(tmp_path) == (2, 1, 0, 1)
        journal.append(Video("b").key, made("b", "text"), ())
    assert journals(tmp_path)[0]["running"] is False


def test_damaged_and_torn_lines_are_no_results(tmp_path):
    path = write(tmp_path, "a", "b", expected="abc")
    whole = path.read_bytes()
    path.write_bytes(whole + b'\x00\x00garbage\n{"schema": "lvspec.journal/1", "type": "video"}\n' + b'{"schema": "lvs')
    assert counts(tmp_path) == (3, 2, 0, 1)
    assert journals(tmp_path)[0]["damaged_lines"] == 2
    assert path.read_bytes().endswith(b'{"schema": "lvs')


@pytest.mark.parametrize("begun", [b"", b'{"schema": "lvspec.jour'])
def test_a_journal_in_which_nothing_is_yet_is_one(tmp_path, begun):
    (tmp_path / ".lvspec.journal.2-of-5.jsonl").write_bytes(begun)
    assert counts(tmp_path) == (0, 0, 0, 0)
    assert journals(tmp_path)[0]["shard"] == "2/5"


def test_the_file_that_journal_named_stands_for_its_shares(tmp_path):
    write(tmp_path, "a", shard="1/2", name="j.jsonl")
    write(tmp_path, "b", shard="2/2", name="j.jsonl")
    write(tmp_path, "c", name="other.jsonl")
    assert counts(tmp_path / "j.jsonl") == (2, 2, 0, 0)
    assert counts(tmp_path / "j.1-of-2.jsonl") == (1, 1, 0, 0)
    assert counts(tmp_path / "j.jsonl", tmp_path / "j.1-of-2.jsonl") == (2, 2, 0, 0)


def test_different_settings_are_told(tmp_path):
    write(tmp_path, "a", shard="1/2")
    assert read_status([str(tmp_path)]).difference == ""
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path / "elsewhere", "b", shard="2/2", settings={"seed": 1, "words": ["a", "b"]})
    status = read_status([str(tmp_path), str(tmp_path / "elsewhere")])
    assert "seed was 0 and is 1" in status.difference
    assert status.as_record()["same_settings"] is False


@pytest.mark.parametrize("place", ["", "gone", "gone/", "empty"])
def test_a_place_without_a_journal_is_refused(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError):
        read_status([place])


def test_what_is_no_journal_is_refused(tmp_path):
    (tmp_path / "record.jsonl").write_text(json.dumps({"schema": "lvspec.caption/1"}) + "\n")
    with pytest.raises(UsageError, match="is no journal of lvspec"):
        read_status([str(tmp_path / "record.jsonl")])


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_journal_that_cannot_be_read_is_refused(tmp_path):
    write(tmp_path, "a").chmod(0)
    with pytest.raises(UsageError, match="cannot be read: Permission denied"):
        read_status([str(tmp_path)])
