"""A file of results appears whole or not at all, and nothing else is harmed."""

import errno
import os
import stat

import pytest

from lvspec_cli.errors import LvspecError, UsageError
from lvspec_cli.output.destination import Earlier, open_destination
from lvspec_cli.output.partial_file import PartialFile


def write(output, text="new\n", error=None, earlier=Earlier.KEPT):
    with open_destination(output, earlier=earlier) as destination:
        destination.stream.write(text)
        if error is not None:
            raise error


def test_without_a_file_results_go_to_stdout(capsys):
    write(None)
    assert capsys.readouterr().out == "new\n"


def test_a_file_is_written(tmp_path):
    write(str(tmp_path / "out.txt"))
    assert (tmp_path / "out.txt").read_text() == "new\n"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_an_older_file_is_there_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old\n")
    with open_destination(str(path)) as destination:
        destination.stream.write("new\n")
        destination.stream.flush()
        assert path.read_text() == "old\n"
    assert path.read_text() == "new\n"


def test_an_interrupted_file_is_kept_beside_the_older_one(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old\n")
    with pytest.raises(KeyboardInterrupt):
        write(str(path), error=KeyboardInterrupt())
    assert path.read_text() == "old\n"
    assert (tmp_path / "out.txt.partial").read_text() == "new\n"


def test_an_interrupted_file_without_results_is_not_kept(tmp_path):
    with pytest.raises(LvspecError):
        write(str(tmp_path / "out.txt"), text="", error=LvspecError("no"))
    assert os.listdir(tmp_path) == []


def test_an_older_file_stays_when_there_is_nothing_to_write(tmp_path):
    (tmp_path / "out.txt").write_text("old\n")
    write(str(tmp_path / "out.txt"), text="")
    assert (tmp_path / "out.txt").read_text() == "old\n"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_what_a_run_that_was_broken_off_left_is_not_lost(tmp_path):
    path, partial = tmp_path / "out.txt", tmp_path / "out.txt.partial"
    partial.write_text("hours of work\n")
    with pytest.raises(UsageError, match=r"out\.txt\.partial holds what a run .* or give --overwrite; .* --journal"):
        write(str(path))
    assert partial.read_text() == "hours of work\n"
    assert os.listdir(tmp_path) == ["out.txt.partial"]


def test_what_comes_again_is_there_until_there_is_something_to_write(tmp_path):
    path, partial = str(tmp_path / "out.txt"), tmp_path / "out.txt.partial"
    partial.write_text("hours of work\n")
    with open_destination(path, earlier=Earlier.REPLACED):
        assert partial.read_text() == "hours of work\n"
    with pytest.raises(LvspecError), open_destination(path, earlier=Earlier.REPLACED):
        raise LvspecError("no")
    assert partial.read_text() == "hours of work\n"
    assert os.listdir(tmp_path) == ["out.txt.partial"]
    write(path, earlier=Earlier.REPLACED)
    assert (tmp_path / "out.txt").read_text() == "new\n"
    assert os.listdir(tmp_path) == ["out.txt"]


# A file that goes on.


@pytest.mark.parametrize("name", ["out.txt", "out.txt.partial"])
@pytest.mark.parametrize(
    ("left", "last", "whole"),
    [
        ("one\ntwo\n", b"two", "one\ntwo\n"),
        ("one\ntwo\nto", b"two", "one\ntwo\n"),
        ("one\n", b"one", "one\n"),
        ("on", b"on", ""),
        ("one\n" + "t" * 300_000 + "\nto", b"t" * 300_000, "one\n" + "t" * 300_000 + "\n"),
    ],
    ids=["whole", "torn", "one line", "all torn", "long"],
)
def test_what_is_new_comes_behind_what_is_there(tmp_path, name, left, last, whole):
    (tmp_path / name).write_text(left)
    with open_destination(str(tmp_path / "out.txt"), earlier=Earlier.CONTINUED) as destination:
        assert destination.last_line == last
        destination.stream.write("new\n")
    assert (tmp_path / "out.txt").read_text() == whole + "new\n"
    assert os.listdir(tmp_path) == ["out.txt"]


@pytest.mark.parametrize(("left", "whole"), [("one\ntwo\nto", "one\ntwo\n"), ("one\n", "one\n"), ("on", None)])
def test_a_torn_line_becomes_no_part_of_a_file_to_which_nothing_is_added(tmp_path, left, whole):
    (tmp_path / "out.txt.partial").write_text(left)
    with open_destination(str(tmp_path / "out.txt"), earlier=Earlier.CONTINUED):
        pass
    assert os.listdir(tmp_path) == (["out.txt"] if whole else [])
    assert not whole or (tmp_path / "out.txt").read_text() == whole


def test_what_does_not_come_again_gets_the_first_free_name_with_a_number(tmp_path):
    path, partial = str(tmp_path / "out.txt"), tmp_path / "out.txt.partial"
    (tmp_path / "out.txt.partial.1").symlink_to("nowhere")
    partial.write_text("hours of work\n")
    with open_destination(path, earlier=Earlier.ASIDE) as destination:
        assert destination.set_aside == tmp_path / "out.txt.partial.2"
        with pytest.raises(UsageError, match="another run writes"):
            write(path)
        destination.stream.write("new\n")
    assert (tmp_path / "out.txt").read_text() == "new\n"
    assert (tmp_path / "out.txt.partial.2").read_text() == "hours of work\n"
    partial.write_text("it comes again\n")
    with open_destination(path, earlier=Earlier.ASIDE, comes_again=lambda file: file == partial) as destination:
        assert destination.set_aside is None
        assert partial.read_text() == "it comes again\n"
        destination.stream.write("again\n")
    assert sorted(os.listdir(tmp_path)) == ["out.txt", "out.txt.partial.1", "out.txt.partial.2"]


def test_a_file_to_which_nothing_is_added_is_what_it_was(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old\nto")
    with open_destination(str(path), earlier=Earlier.CONTINUED):
        pass
    with pytest.raises(LvspecError), open_destination(str(path), earlier=Earlier.CONTINUED):
        raise LvspecError("no")
    assert path.read_text() == "old\nto"
    assert os.listdir(tmp_path) == ["out.txt"]


def test_a_file_that_goes_on_is_unfinished_until_its_run_has_ended_well(tmp_path):
    (tmp_path / "out.txt").write_text("old\n")
    with pytest.raises(KeyboardInterrupt):
        write(str(tmp_path / "out.txt"), error=KeyboardInterrupt(), earlier=Earlier.CONTINUED)
    assert (tmp_path / "out.txt.partial").read_text() == "old\nnew\n"
    assert os.listdir(tmp_path) == ["out.txt.partial"]


def test_of_two_files_that_could_go_on_none_is_lost(tmp_path):
    for name in ("out.txt", "out.txt.partial"):
        (tmp_path / name).write_text(name)
    with pytest.raises(UsageError, match=r"move .*out.txt away to go on with "):
        write(str(tmp_path / "out.txt"), earlier=Earlier.CONTINUED)
    assert all((tmp_path / name).read_text() == name for name in os.listdir(tmp_path))


# Two runs.


@pytest.mark.skipif(os.name == "nt", reason="one process can lock a file twice there")
@pytest.mark.parametrize("earlier", Earlier)
def test_a_file_that_a_run_writes_is_refused_to_others_and_comes_to_no_harm(tmp_path, earlier):
    path = str(tmp_path / "out.txt")
    with open_destination(path) as destination:
        for _ in range(2):  # before there is anything in it, and then
            with pytest.raises(UsageError, match=r"another run writes -o .*out\.txt right now: wait for its end"):
                write(path, text="another\n", earlier=earlier)
            destination.stream.write("new\n")
    assert (tmp_path / "out.txt").read_text() == "new\nnew\n"
    write(path, text="another\n")


@pytest.mark.skipif(os.name == "nt", reason="there is no flock")
def test_where_the_disk_knows_no_locks_files_are_written_all_the_same(tmp_path, monkeypatch):
    def refuse(file, operation):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", refuse)
    write(str(tmp_path / "out.txt"))
    assert (tmp_path / "out.txt").read_text() == "new\n"


@pytest.mark.skipif(os.name == "nt", reason="open files cannot be renamed there")
def test_a_run_that_ends_while_another_opens_its_file_keeps_what_it_wrote(tmp_path, monkeypatch):
    path, take = tmp_path / "out.txt", PartialFile.take
    (tmp_path / "out.txt.partial").write_text("of the first\n")

    def ends(file):
        if not path.exists():
            (tmp_path / "out.txt.partial").rename(path)
        return take(file)

    monkeypatch.setattr(PartialFile, "take", ends)
    with open_destination(str(path)) as destination:
        destination.stream.write("of the second\n")
        assert path.read_text() == "of the first\n"
    assert path.read_text() == "of the second\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_the_error_that_ends_the_work_is_not_hidden_behind_one_of_closing():
    with pytest.raises(LvspecError, match="the first"):
        write("/dev/full", error=LvspecError("the first"))


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="there is no /dev/fd")
def test_a_pipe_can_be_named_by_its_descriptor():
    reader, writer = os.pipe()
    write(f"/dev/fd/{writer}")
    os.close(writer)
    assert os.read(reader, 10) == b"new\n"
    os.close(reader)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "out.txt").symlink_to(tmp_path / "real" / "out.txt")
    write(str(tmp_path / "out.txt"))
    assert (tmp_path / "out.txt").is_symlink()
    assert (tmp_path / "real" / "out.txt").read_text() == "new\n"


def test_a_device_stays_a_device():
    write(os.devnull)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        (".", "is a folder: name a file in it"),
        ("missing/out.txt", "cannot be written: there is no folder .*missing; make it first"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_any_work(tmp_path, monkeypatch, output, complaint):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=complaint), open_destination(output):
        pytest.fail("the work began")


def test_file_names_that_are_no_utf8_keep_their_bytes(tmp_path):
    write(str(tmp_path / "out.txt"), text="caf\udce9\n")
    assert (tmp_path / "out.txt").read_bytes() == b"caf\xe9\n"


@pytest.mark.parametrize("other", [None, "of another run\n"])
def test_a_file_that_is_gone_while_it_grows_is_told_of_and_another_one_s_is_left_alone(tmp_path, other):
    path, partial = tmp_path / "out.txt", tmp_path / "out.txt.partial"
    path.write_text("before\n")
    with (  # noqa: PT012 - the file goes away in the middle
        pytest.raises(LvspecError, match="was moved or deleted while the run was writing it"),
        open_destination(str(path)) as destination,
    ):
        destination.stream.write("one\n")
        partial.unlink()
        if other is not None:
            partial.write_text(other)
    assert path.read_text() == "before\n"
    assert (partial.read_text() if partial.exists() else None) == other
