"""Files of results: there whole or not at all, links stay links, devices stay devices."""

import os
import stat

import pytest

from lvspec_cli.errors import LvspecError, UsageError
from lvspec_cli.files import absolute, check_output, is_one_of, replace_file, replace_text, those_among

posix = pytest.mark.skipif(os.name == "nt", reason="links, devices and permissions are others there")


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    replace_text(path, "new \u00e9")
    assert path.read_text(encoding="utf-8") == "new \u00e9"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fill_the_disk(beside):
        beside.write_text("ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(LvspecError, match=r"a\.txt cannot be written: No space left on device; choose another place"):
        replace_file(path, fill_the_disk)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    replace_text(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "text"


@posix
def test_a_device_is_written_and_never_replaced():
    replace_text(check_output("-o", os.devnull), "text")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


@posix
def test_one_file_is_known_by_its_real_folder_and_its_name_whatever_the_way_to_it(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to("in")
    monkeypatch.chdir(tmp_path)
    for path in ("in/a.mp4", "link/a.mp4", "./in/../link//a.mp4", str(tmp_path / "in" / "a.mp4")):
        assert is_one_of(path, ["b.mp4", "in/a.mp4"])
        assert those_among(["in/b.mp4", path], ["link/a.mp4", "a.mp4"]) == [path]
    assert not is_one_of("a.mp4", ["in/a.mp4", "b.mp4"])
    assert not is_one_of("in/a.mp4", [])


@posix
def test_the_disk_is_asked_for_no_more_than_the_folders_of_names_that_could_be_the_same(monkeypatch):
    asked = []
    monkeypatch.setattr("os.path.realpath", lambda path: asked.append(path) or path)
    assert is_one_of("in/7.mp4", (f"{folder}/{number}.mp4" for number in range(1000) for folder in ("in", "out")))
    assert sorted(asked) == ["in", "out"]


def test_a_place_that_cannot_be_written_names_the_flag(tmp_path):
    with pytest.raises(UsageError, match=r"^--flag .* is a folder: name a file in it$"):
        check_output("--flag", str(tmp_path))
    with pytest.raises(UsageError, match=r"^--flag .*: there is no folder .*no$"):
        check_output("--flag", str(tmp_path / "no" / "file"))


@posix
@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("a.mp4", "a.mp4"),
        ("sub/../a.mp4", "a.mp4"),
        ("./sub//./a.mp4", "sub/a.mp4"),
        ("link/a.mp4", "link/a.mp4"),
        ("link/../a.mp4", "other/a.mp4"),
        ("link/../../a.mp4", "a.mp4"),
        ("sub/..", ""),
        ("link/..", "other"),
        ("gone/../a.mp4", "a.mp4"),
    ],
)
@pytest.mark.parametrize("from_root", [True, False])
def test_a_path_is_absolute_where_the_system_finds_it(path, place, from_root, tmp_path, monkeypatch):
    (tmp_path / "other" / "deep").mkdir(parents=True)
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "other" / "deep")
    monkeypatch.chdir(tmp_path)
    asked = f"{tmp_path}/{path}" if from_root else path
    assert absolute(asked) == str(tmp_path / place)
