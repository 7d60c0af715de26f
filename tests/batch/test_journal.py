"""The journal: whole whatever happened to it, and what it says of a video holds for that very video and settings."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.batch.journal import NAME, Journal, JournalOptions, journals_in, open_journal
from lvspec_cli.batch.journal_content import SCHEMA, JournalContent, read_journal
from lvspec_cli.batch.shard import Shard
from lvspec_cli.batch.video_key import VideoKey
from lvspec_cli.caption import Failure, Request
from lvspec_cli.errors import JournalError, NotAVideo, UsageError
from tests.batch.conftest import lines
from tests.batch.fake_run import with_tests
from tests.output.captions import FAILED, made

WHOLE = Shard(1, 1)
SETTINGS = {"prompt": "Describe it.", "frames": 4, "question": None}


def keep(path, settings=SETTINGS, *, shard=WHOLE, overwrite=False, videos=3):
    return open_journal(JournalOptions(Path(path), shard, overwrite), settings, videos)


def key(name, size=10, mtime=20):
    return VideoKey(f"/videos/{name}", size, mtime)


def fill(path, *names, **options):
    """Write captions that say their video's name."""
    with keep(path, **options) as journal:
        for name in names:
            journal.append(key(name), made(f"/videos/{name}", f"This is {name}."))


def said(journal: Journal, *names):
    found = [journal.find(key(name)) for name in names]
    return [entry and entry.read_result("as/named/now.mp4").text for entry in found]


# What was cut off.


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A journal with a run, two captions with all kinds of characters in them, and a failure."""
    path = tmp_path_factory.mktemp("sample") / "j.jsonl"
    with keep(path) as journal:
        journal.append(key("a\n☃.mp4"), made("/videos/a\n☃.mp4", "A  snowman ☃\nand more."))
        journal.append(key("b\udcff.mp4"), made("/videos/b\udcff.mp4", "\udce9"))
        journal.append(key("c.mp4"), FAILED)
    return path.read_bytes()


@given(data=st.data())
def test_a_journal_that_is_cut_at_any_byte_keeps_every_whole_line_and_can_be_gone_on_with(
    sample, tmp_path_factory, data
):
    cut = data.draw(st.integers(0, len(sample)), label="cut")
    path = tmp_path_factory.mktemp("cut") / "j.jsonl"
    path.write_bytes(sample[:cut])
    whole = sample[: sample.rfind(b"\n", 0, cut) + 1]
    with keep(path) as journal:
        known = [journal.find(key(name)) is not None for name in ("a\n☃.mp4", "b\udcff.mp4", "c.mp4")]
        assert known == [index < whole.count(b"\n") - 1 for index in range(3)]
        journal.append(key("d.mp4"), made("/videos/d.mp4", "The last one."))
    assert path.read_bytes().startswith(whole or b'{"schema": "lvspec.journal/1"')
    with keep(path) as journal:
        assert said(journal, "d.mp4") == ["The last one."]
    assert len(lines(path)) == max(1, whole.count(b"\n")) + 1


@given(st.binary(max_size=300).map(lambda junk: junk.replace(b"\n", b" ")))
def test_a_torn_end_of_any_bytes_is_cut_off(sample, tmp_path_factory, junk):
    path = tmp_path_factory.mktemp("torn") / "j.jsonl"
    path.write_bytes(sample + junk)
    with keep(path):
        pass
    assert path.read_bytes() == sample


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "text", "type", "a"]), inner, max_size=3)
    ),
    max_leaves=5,
)
ODD_LINES = st.binary(max_size=60) | st.fixed_dictionaries(
    {"schema": st.just(SCHEMA), "type": st.sampled_from(["run", "video"])},
    optional=dict.fromkeys(("settings", "videos", "shard", "anew", "path", "size_bytes", "mtime_ns", "record"), VALUES),
).map(lambda line: json.dumps(line).encode())


@given(ODD_LINES)
def test_no_line_whatever_is_in_it_ends_the_reading(line):
    content = JournalContent(Path("j.jsonl"), {"frames": 4})
    content.read_line(line, 0)
    assert content.damaged_lines in (0, 1)
    assert isinstance(content.settings, dict)


@pytest.mark.parametrize(
    "line", ["[" * 100_000, '{"a": ' * 100_000, "9" * 10_000, '{"videos": 1e999}', "x" * 9_000_000]
)
def test_a_damaged_line_costs_its_video_alone(tmp_path, line):
    path = tmp_path / "j.jsonl"
    fill(path, "a.mp4", "b.mp4", "c.mp4")
    run, first, _, last = path.read_text().splitlines()
    path.write_text("\n".join([run, first, line, last, ""]))
    with keep(path) as journal:
        assert journal.damaged_lines == 1
        assert said(journal, "a.mp4", "b.mp4", "c.mp4") == ["This is a.mp4.", None, "This is c.mp4."]
        journal.append(key("b.mp4"), made("b.mp4", "Again."))
    with keep(path) as journal:
        assert said(journal, "b.mp4") == ["Again."]


def test_a_huge_result_comes_back_whole(tmp_path):
    path, text = tmp_path / "j.jsonl", "long " * 2_000_000
    with keep(path) as journal:
        journal.append(key("a.mp4"), made("a.mp4", text))
    with keep(path) as journal:
        assert said(journal, "a.mp4") == [text]


def test_a_write_that_fails_leaves_no_part_of_a_line(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "j.jsonl"
    fill(path, "a.mp4")
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with keep(path) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
        try:
            with pytest.raises(JournalError, match=r"j.jsonl cannot be written: File too large; make room"):
                journal.append(key("b.mp4"), made("b.mp4", "No room."))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert path.read_bytes() == before
        journal.append(key("b.mp4"), made("b.mp4", "Room."))
    with keep(path) as journal:
        assert said(journal, "a.mp4", "b.mp4") == ["This is a.mp4.", "Room."]


# What is no journal.


@pytest.mark.parametrize(
    "content",
    [b"\0\0\0\x18ftypmp42", b"hello\n", b"{}\n", b'{"schema": "lvspec.caption/1"}\n', b"\n", b'{"sch\n', b"x" * 100],
)
def test_what_is_no_journal_is_refused_and_left_as_it_is(tmp_path, content):
    path = tmp_path / "notes"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="notes is no journal of lvspec: name another file"), keep(path):
        pass
    assert path.read_bytes() == content


def test_a_journal_of_another_version_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "j.jsonl"
    fill(path, "a.mp4")
    content = path.read_bytes().replace(b"lvspec.journal/1", b"lvspec.journal/2")
    path.write_bytes(content)
    with pytest.raises(UsageError, match="damaged at its beginning, or of another version"), keep(path):
        pass
    assert path.read_bytes() == content


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_what_cannot_be_read_again_is_no_journal(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", "/dev/zero", "/dev/null"):
        with pytest.raises(UsageError, match="is a device or a pipe, which cannot be read again"), keep(place):
            pass
    with pytest.raises(UsageError, match="cannot be written: Is a directory; name another"), keep(tmp_path):
        pass
    with pytest.raises(UsageError, match="cannot be written: /dev/null is no folder; name an"), keep("/dev/null/j"):
        pass


def test_what_is_long_and_no_journal_is_not_read(tmp_path):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UsageError, match="is no journal"):
        read_journal(tmp_path / "large")


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "j.jsonl").symlink_to(tmp_path / "elsewhere" / "j.jsonl")
    fill(tmp_path / "j.jsonl", "a.mp4")
    assert (tmp_path / "j.jsonl").is_symlink()
    assert len(lines(tmp_path / "elsewhere" / "j.jsonl")) == 2


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
        assert journal.has_met(key("a.mp4"))  # its files are from here
        journal.append(key("a.mp4"), made("a.mp4", "Anew."))
    with keep(path) as journal:
        assert said(journal, "a.mp4", "b.mp4") == ["Anew.", None]
        assert journal.has_met(key("b.mp4"))


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
        assert journal.has_met(key("a.mp4", **other))


def test_a_failure_is_remembered_and_makes_no_file_of_that_name_ours(tmp_path):
    path = tmp_path / "j.jsonl"
    with keep(path) as journal:
        journal.append(key("a.mp4"), Failure.of(Request("a.mp4", "x", None), NotAVideo("no video")))
        assert not journal.has_met(key("a.mp4"))
    with keep(path) as journal:
        assert journal.find(key("a.mp4")).error_type == "not_a_video"
        assert not journal.has_met(key("a.mp4"))


def test_the_last_word_on_a_video_counts(tmp_path):
    path = tmp_path / "j.jsonl"
    with keep(path) as journal:
        journal.append(key("a.mp4"), FAILED)
        journal.append(key("a.mp4"), made("a.mp4", "At last."))
    with keep(path) as journal:
        assert said(journal, "a.mp4") == ["At last."]


def test_a_video_that_was_away_for_a_while_keeps_its_caption(tmp_path):
    path = tmp_path / "j.jsonl"
    fill(path, "a.mp4")
    with keep(path) as journal:
        journal.append(key("a.mp4", None, None), FAILED)
        journal.append(key("b.mp4", None, None), FAILED)
    with keep(path) as journal:
        assert said(journal, "a.mp4") == ["This is a.mp4."]
        assert journal.find(key("b.mp4", None, None)) is None  # what was not there is looked for again


def test_clocks_may_go_backwards(tmp_path, monkeypatch):
    path, times = tmp_path / "j.jsonl", iter(f"20{99 - n}-01-01T00:00:00+00:00" for n in range(20))
    monkeypatch.setattr("lvspec_cli.batch.journal._now", lambda: next(times))
    with keep(path) as journal:
        journal.append(key("a.mp4", 10, 2_000), made("a.mp4", "Old."))
        journal.append(key("a.mp4", 10, -1_000), made("a.mp4", "New, with an older time."))
    with keep(path) as journal:
        assert journal.find(key("a.mp4", 10, -1_000)).read_result("a").text == "New, with an older time."
        assert journal.find(key("a.mp4", 10, 2_000)) is None
    assert [line["finished"][:4] for line in lines(path)[1:]] == ["2098", "2097"]


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


# One run at a time.

HOLD = """
import sys
from tests.batch.test_journal import keep
with keep("j.jsonl"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(os.name == "nt", reason="signals are others there")
def test_one_process_writes_at_a_time_and_a_dead_one_is_in_nobody_s_way(tmp_path):
    path = tmp_path / "j.jsonl"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD], cwd=tmp_path, env=with_tests(), **pipes) as process:
        assert process.stdout.readline() == b"held\n"
        before = path.read_bytes()
        with open(path, "ab") as file:
            file.write(b'{"half a line')  # which is not for others to repair
        with pytest.raises(UsageError, match=r"another run writes the journal .*j\.jsonl right now"), keep(path):
            pass
        with keep(path, shard=Shard(1, 2)):  # another share is another journal
            pass
        assert path.read_bytes() == before + b'{"half a line'
        process.send_signal(signal.SIGKILL)
        process.wait()
        with keep(path):
            assert path.read_bytes() == before


def test_a_disk_that_knows_no_locks_is_told_of(tmp_path, monkeypatch):
    def refuse(file):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("lvspec_cli.batch.journal.lock", refuse)
    with pytest.raises(UsageError, match="cannot be locked: Function not implemented; name one on another disk"):
        fill(tmp_path / "j.jsonl", "a.mp4")
