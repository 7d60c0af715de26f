"""The journal is whole whatever happened to it, and one run at a time writes it; what is no journal is left alone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.batch.journal_content import SCHEMA, JournalContent, read_journal
from lvspec_cli.batch.shard import Shard
from lvspec_cli.errors import JournalError, UsageError
from tests.batch.conftest import lines
from tests.batch.fake_run import with_tests
from tests.batch.kept import fill, keep, key, said
from tests.output.captions import DAMAGED, made

# What was cut off.


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A journal with a run, two captions with all kinds of characters in them, and a failure."""
    path = tmp_path_factory.mktemp("sample") / "j.jsonl"
    with keep(path) as journal:
        journal.append(key("a\n☃.mp4"), made("/videos/a\n☃.mp4", "A  snowman ☃\nand more."), ())
        journal.append(key("b\udcff.mp4"), made("/videos/b\udcff.mp4", "\udce9"), ())
        journal.append(key("c.mp4"), DAMAGED, ())
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
        journal.append(key("d.mp4"), made("/videos/d.mp4", "The last one."), ())
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
    {"schema": st.just(SCHEMA), "type": st.sampled_from(["run", "to_do", "files", "video"])},
    optional=dict.fromkeys(
        ("settings", "videos", "shard", "anew", "files", "path", "size_bytes", "mtime_ns", "record"), VALUES
    ),
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
        journal.append(key("b.mp4"), made("b.mp4", "Again."), ())
    with keep(path) as journal:
        assert said(journal, "b.mp4") == ["Again."]


def test_a_huge_result_comes_back_whole(tmp_path):
    path, text = tmp_path / "j.jsonl", "long " * 2_000_000
    with keep(path) as journal:
        journal.append(key("a.mp4"), made("a.mp4", text), ())
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
                journal.append(key("b.mp4"), made("b.mp4", "No room."), ())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert path.read_bytes() == before
        journal.append(key("b.mp4"), made("b.mp4", "Room."), ())
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


# One run at a time.

HOLD = """
import sys
from tests.batch.kept import keep
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
