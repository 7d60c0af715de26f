"""What the journal says of a video holds for that very video and those settings, and for every share."""

import os
from pathlib import Path

import pytest

from lvspec_cli.batch.journal import NAME, journals_in
from lvspec_cli.batch.shard import Shard
from lvspec_cli.batch.video_key import VideoKey
from lvspec_cli.caption import Failure, Request
from lvspec_cli.errors import NotAVideo, UsageError, VideoUnreadable
from tests.batch.conftest import lines
from tests.batch.kept import SETTINGS, WHOLE, fill, keep, key, said
from tests.output.captions import DAMAGED, made

# Settings.


def test_other_settings_are_refused_by_name_and_nothing_is_changed(tmp_path):
    path = tmp_path / "j.jsonl"
    fill(path, "a.mp4")
    before = path.read_bytes()
    other = {**SETTINGS, "frames": 8, "prompt": "x" * 100, "seed": 1, "top": True}
    with pytest.raises(UsageError) as caught, keep(path, other):
        pass
    assert 'frames was 4 and is 8; prompt was "Describe it." and is "xxxx' in str(caught.value)
    assert "seed was null and is 1; 1 more): give the same ones" in str(caught.value)
    assert path.read_bytes() == before


def test_a_setting_that_is_new_and_not_set_makes_no_difference(tmp_path):
    path = tmp_path / "j.jsonl"
    fill(path, "a.mp4")
    for settings in ({**SETTINGS, "of the next version": None}, {"prompt": "Describe it.", "frames": 4}):
        with keep(path, settings) as journal:
            assert said(journal, "a.mp4") == ["This is a.mp4."]


def test_beginning_anew_takes_nothing_over_and_so_does_who_goes_on_with_it(tmp_path):
    path = tmp_path / "j.jsonl"
    fill(path, "a.mp4", "b.mp4")
    with keep(path, overwrite=True) as journal:
        assert said(journal, "a.mp4", "b.mp4") == [None, None]
        journal.append(key("a.mp4"), made("a.mp4", "Anew."), ())
    with keep(path) as journal:
        assert said(journal, "a.mp4", "b.mp4") == ["Anew.", None]


def test_going_back_to_earlier_settings_begins_anew(tmp_path):
    path, other = tmp_path / "j.jsonl", {**SETTINGS, "frames": 8}
    fill(path, "a.mp4")
    fill(path, "b.mp4", settings=other, overwrite=True)
    with pytest.raises(UsageError, match="frames was 8 and is 4"), keep(path):
        pass
    with keep(path, overwrite=True) as journal:
        assert said(journal, "a.mp4", "b.mp4") == [None, None]


# Which video.


@pytest.mark.parametrize("other", [{"size": 11}, {"mtime": 21}, {"mtime": 19}, {"size": None, "mtime": None}])
def test_a_video_of_other_size_or_time_is_another_one(tmp_path, other):
    fill(tmp_path / "j.jsonl", "a.mp4")
    with keep(tmp_path / "j.jsonl") as journal:
        assert journal.find(key("a.mp4", **other)) is None


def test_a_failure_is_remembered(tmp_path):
    path = tmp_path / "j.jsonl"
    with keep(path) as journal:
        journal.append(key("a.mp4"), Failure.of(Request("a.mp4", "x", None), NotAVideo("no video")), ())
    with keep(path) as journal:
        assert journal.find(key("a.mp4")).error_type == "not_a_video"


def test_what_could_not_be_read_is_tried_again(tmp_path):
    path = tmp_path / "j.jsonl"
    with keep(path) as journal:
        journal.append(key("a.mp4"), Failure.of(Request("a.mp4", "x", None), VideoUnreadable("not yours to read")), ())
    with keep(path) as journal:
        assert journal.find(key("a.mp4")) is None


# Its files.


def made_of(journal, name, *files):
    journal.append(key(name), made(f"/videos/{name}", "text"), [Path(file) for file in files])


def test_a_video_has_all_files_that_any_run_and_share_made_of_it(tmp_path):
    path = tmp_path / NAME
    with keep(path) as journal:
        made_of(journal, "a.mp4", tmp_path / "a.txt", "/elsewhere/a.txt")
    with keep(path) as journal:
        journal.append_files(key("a.mp4"), [tmp_path / "deep" / "a.srt", tmp_path / "a.txt"])
    with keep(path, shard=Shard(1, 2)) as journal:
        journal.append_files(key("a.mp4"), [tmp_path / "a.md", tmp_path / "a.txt"])
    expected = {tmp_path / "a.txt", Path("/elsewhere/a.txt"), tmp_path / "deep" / "a.srt", tmp_path / "a.md"}
    for shard in (WHOLE, Shard(1, 2), Shard(2, 2)):
        with keep(path, shard=shard) as journal:
            assert set(journal.files_of(key("a.mp4"))) == expected
            assert journal.files_of(key("b.mp4")) == []
    assert [line["files"] for line in lines(path) if line["type"] == "files"] == [[os.path.join("deep", "a.srt")]]


def test_a_file_is_of_the_video_that_it_was_made_of_last(tmp_path):
    path, file = tmp_path / NAME, tmp_path / "a.txt"
    with keep(path) as journal:
        made_of(journal, "a.mp4", file)
        made_of(journal, "b.mp4", file)
    with keep(path) as journal:
        assert journal.maker_of(file) == "/videos/b.mp4"
        assert [journal.files_of(key(name)) for name in ("a.mp4", "b.mp4")] == [[], [file]]
        assert journal.maker_of(tmp_path / "b.txt") is None


def test_files_move_with_the_folder_that_holds_them_and_the_journal(tmp_path):
    (tmp_path / "before").mkdir()
    with keep(tmp_path / "before" / NAME) as journal:
        made_of(journal, "a.mp4", tmp_path / "before" / "a.txt")
    (tmp_path / "before").rename(tmp_path / "after")
    with keep(tmp_path / "after" / NAME) as journal:
        assert journal.files_of(key("a.mp4")) == [tmp_path / "after" / "a.txt"]


def test_the_last_word_on_a_video_counts(tmp_path):
    path = tmp_path / "j.jsonl"
    with keep(path) as journal:
        journal.append(key("a.mp4"), DAMAGED, ())
        journal.append(key("a.mp4"), made("a.mp4", "At last."), ())
    with keep(path) as journal:
        assert said(journal, "a.mp4") == ["At last."]


def test_a_video_that_was_away_for_a_while_keeps_its_caption(tmp_path):
    path = tmp_path / "j.jsonl"
    fill(path, "a.mp4")
    with keep(path) as journal:
        journal.append(key("a.mp4", None, None), DAMAGED, ())
        journal.append(key("b.mp4", None, None), DAMAGED, ())
    with keep(path) as journal:
        assert said(journal, "a.mp4") == ["This is a.mp4."]
        assert journal.find(key("b.mp4", None, None)) is None  # what was not there is looked for again


def test_clocks_may_go_backwards(tmp_path, monkeypatch):
    path, times = tmp_path / "j.jsonl", iter(f"20{99 - n}-01-01T00:00:00.000000+00:00" for n in range(20))
    monkeypatch.setattr("lvspec_cli.batch.journal._now", lambda: next(times))
    with keep(path) as journal:
        journal.append(key("a.mp4", 10, 2_000), made("a.mp4", "Old."), ())
        journal.append(key("a.mp4", 10, -1_000), made("a.mp4", "New, with an older time."), ())
    with keep(path) as journal:
        assert journal.find(key("a.mp4", 10, -1_000)).read_result("a").text == "New, with an older time."
        assert journal.find(key("a.mp4", 10, 2_000)) is None
    # Lines have their order in time all the same.
    assert [line.get("finished", line.get("began"))[:26] for line in lines(path)] == [
        f"2099-01-01T00:00:00.00000{n}" for n in range(3)
    ]


@pytest.mark.parametrize(
    "name", ["a b.mp4", "a\nb.mp4", "-a.mp4", "été ☃.mp4", "caf\udce9.mp4", 'q"\\.mp4', "\x1b[31m\x7f.mp4"]
)
def test_any_name_comes_back(tmp_path, name):
    fill(tmp_path / "j.jsonl", name)
    assert len((tmp_path / "j.jsonl").read_bytes().splitlines()) == 2
    with keep(tmp_path / "j.jsonl") as journal:
        assert said(journal, name) == [f"This is {name}."]


def test_a_video_is_told_by_its_place_size_and_time(tmp_path, monkeypatch):
    video = tmp_path / "a.mp4"
    video.write_bytes(b"12345")
    os.utime(video, ns=(0, 123_456_789))
    monkeypatch.chdir(tmp_path)
    assert VideoKey.of("./a.mp4") == VideoKey.of(str(video)) == VideoKey(str(video), 5, 123_456_789)
    os.utime(video, ns=(0, -5_000_000_000))  # before 1970
    assert VideoKey.of("a.mp4").mtime_ns == -5_000_000_000
    assert VideoKey.of("gone.mp4") == VideoKey(str(tmp_path / "gone.mp4"), None, None)


def test_a_folder_is_told_by_its_images_alone(tmp_path):
    for name in ("1.png", "2.PNG"):
        (tmp_path / name).write_bytes(b"12345")
        os.utime(tmp_path / name, ns=(0, 1000))
    before = VideoKey.of(str(tmp_path))
    assert before == VideoKey(str(tmp_path), 10, 1000)
    for name in ("shots.txt", NAME, ".hidden.png"):
        (tmp_path / name).write_bytes(b"result")
    (tmp_path / "more.png").mkdir()
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "gone.png")
    assert VideoKey.of(str(tmp_path)) == before
    os.utime(tmp_path / "1.png", ns=(0, 2000))
    assert VideoKey.of(str(tmp_path)) != before


# Shares.


def test_what_is_done_in_one_share_is_done_in_all(tmp_path):
    path = tmp_path / NAME
    fill(path, "a.mp4")
    fill(path, "b.mp4", shard=Shard(1, 2))
    fill(path, "c.mp4", shard=Shard(3, 3))
    assert [place.name for place in journals_in(tmp_path)] == [
        ".lvspec.journal.1-of-2.jsonl",
        ".lvspec.journal.3-of-3.jsonl",
        NAME,
    ]
    for shard in (WHOLE, Shard(1, 2), Shard(2, 2)):
        with keep(path, shard=shard) as journal:
            assert said(journal, "a.mp4", "b.mp4", "c.mp4") == [f"This is {name}.mp4." for name in "abc"]


@pytest.mark.parametrize("name", ["j.jsonl", "journal", "a.b.c"])
def test_journals_of_shares_are_found_whatever_the_name(tmp_path, name):
    fill(tmp_path / name, "a.mp4", shard=Shard(2, 3))
    for stranger in (f"{name}.bak", "j.x-of-3.jsonl", "journal.1-of-", "j2.1-of-3.jsonl"):
        (tmp_path / stranger).write_text("something else\n")
    with keep(tmp_path / name) as journal:
        assert said(journal, "a.mp4") == ["This is a.mp4."]


def test_other_settings_in_another_share_are_refused(tmp_path):
    fill(tmp_path / "j.jsonl", "a.mp4", shard=Shard(1, 2))
    with pytest.raises(UsageError, match=r"1-of-2\.jsonl was begun with other settings .frames was 4 and is 8"):
        fill(tmp_path / "j.jsonl", settings={**SETTINGS, "frames": 8}, shard=Shard(2, 2))


def test_a_share_that_is_being_written_is_read_as_far_as_it_goes(tmp_path):
    fill(tmp_path / "j.jsonl", "a.mp4", "b.mp4", shard=Shard(1, 2))
    other = tmp_path / "j.1-of-2.jsonl"
    torn = other.read_bytes()[:-5]
    other.write_bytes(torn)
    with keep(tmp_path / "j.jsonl", shard=Shard(2, 2)) as journal:
        assert said(journal, "a.mp4", "b.mp4") == ["This is a.mp4.", None]
    assert other.read_bytes() == torn  # its own run will see to it
