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


@pytest.mark.parametrize("output", [None, "-"])
def test_without_a_file_results_go_to_stdout(output, capsys):
    write(output)
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
    ("output", "complaint"), [(".", "is a folder"), ("missing/out.txt", "cannot be written: No such file or directory")]
)
def test_a_place_that_cannot_be_written_is_refused_before_any_work(tmp_path, monkeypatch, output, complaint):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=complaint), open_destination(output):
        pytest.fail("the work began")


def test_file_names_that_are_no_utf8_keep_their_bytes(tmp_path):
    write(str(tmp_path / "out.txt"), text="caf\udce9\n")
    assert (tmp_path / "out.txt").read_bytes() == b"caf\xe9\n"
