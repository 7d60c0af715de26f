"""A file of results appears whole or not at all, and nothing else is harmed."""

import os
import stat

import pytest

from lvspec_cli.errors import LvspecError, UsageError
from lvspec_cli.output.destination import open_destination


def write(output, text="new\n", error=None):
    with open_destination(output) as destination:
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


def test_an_earlier_partial_file_stays_until_there_is_something_to_write(tmp_path):
    partial = tmp_path / "out.txt.partial"
    partial.write_text("hours of work\n")
    with open_destination(str(tmp_path / "out.txt")):
        assert partial.read_text() == "hours of work\n"
    with pytest.raises(LvspecError), open_destination(str(tmp_path / "out.txt")):
        raise LvspecError("no")
    assert partial.read_text() == "hours of work\n"
    assert os.listdir(tmp_path) == ["out.txt.partial"]


def test_an_earlier_partial_file_is_replaced_by_new_results(tmp_path):
    partial = tmp_path / "out.txt.partial"
    partial.write_text("hours of work\n")
    with pytest.raises(KeyboardInterrupt):
        write(str(tmp_path / "out.txt"), error=KeyboardInterrupt())
    assert partial.read_text() == "new\n"
    write(str(tmp_path / "out.txt"))
    assert (tmp_path / "out.txt").read_text() == "new\n"
    assert os.listdir(tmp_path) == ["out.txt"]


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
    [(".", "is a folder: name a file in it"), ("missing/out.txt", "cannot be written: No such")],
)
def test_a_place_that_cannot_be_written_is_refused_before_any_work(tmp_path, monkeypatch, output, complaint):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=complaint), open_destination(output):
        pytest.fail("the work began")


def test_file_names_that_are_no_utf8_keep_their_bytes(tmp_path):
    write(str(tmp_path / "out.txt"), text="caf\udce9\n")
    assert (tmp_path / "out.txt").read_bytes() == b"caf\xe9\n"
