"""Folders for files of single videos: checked before any work, the disk asked no more than is needed."""

import errno
import json
import os
import tempfile

import pytest

from lvspec_cli.errors import UsageError
from lvspec_cli.output.folder import case_counts
from lvspec_cli.output.naming import Source
from lvspec_cli.output.outlet import OutputOptions, outlet_for
from lvspec_cli.settings import resolve
from tests.output.captions import FAILED, made
from tests.output.outlets import outlet, tree, write


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("output", ["in/the/way/", "in/way/"])
def test_a_folder_that_cannot_be_made_is_refused_before_any_work(tmp_path, output):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / output.split("/")[1]).write_text("a file")
    chosen = outlet(output=output)
    with pytest.raises(UsageError, match=f"^the folder {output[:-1]} cannot be written: in/.*: Not a directory"):
        write(chosen)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="there is no folder that root cannot write in")
def test_a_folder_that_is_not_ones_own_is_refused_before_any_work(tmp_path):
    (tmp_path / "out").mkdir(mode=0o555)
    with pytest.raises(UsageError, match=r"^the folder out cannot be written: out: Permission denied"):
        write(outlet(output="out"))


def test_a_disk_that_takes_nothing_is_told_before_any_work(monkeypatch):
    def refuse(**_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(UsageError, match=r"^the folder new cannot be written: \.: Read-only file system"):
        write(outlet(output="new/"))


def test_a_folder_that_many_would_be_made_in_is_tried_once(monkeypatch):
    tried, make = [], tempfile.TemporaryFile
    monkeypatch.setattr("tempfile.TemporaryFile", lambda dir: tried.append(str(dir)) or make(dir=dir))  # noqa: A006
    os.makedirs("out/there")
    paths = [f"in/{number % 7}/{number % 5}/{number}.mp4" for number in range(50)]
    write(outlet(*paths, "in/there/x.mp4", base="in", output="out/"))
    assert sorted(tried) == ["out", "out/there"]


def test_a_share_looks_at_the_files_of_its_own_videos_alone(tmp_path):
    paths = "in/a.mp4", "in/b.mp4", "in/a.mkv"
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b.json").write_text("no record")
    (tmp_path / "out" / "a.mkv.json").write_text("no record")
    whole = outlet(*paths, base="in", output="out/", formats="json")
    share = whole.of_share(["in/a.mp4"])
    write(share, made("in/a.mp4", "A cat."))
    assert tree("out") == ["a.mkv.json", "a.mp4.json", "b.json"]
    for one in (whole, whole.of_share(["in/b.mp4"])):
        with pytest.raises(UsageError, match=r"out/.*\.json is there and is no record of a caption"):
            write(one)


@pytest.mark.parametrize("layout", [{}, {"indent": 2}, {"separators": (",", ":")}, {"sort_keys": True, "indent": 1}])
@pytest.mark.parametrize("schema", ["lvspec.caption/1", "lvspec.clip/1"])
def test_a_record_of_a_caption_is_known_however_it_is_laid_out(tmp_path, layout, schema):
    record = {**made("clip.mp4", "A cat.").as_record(), "schema": schema}
    (tmp_path / "clip.json").write_text(json.dumps(record, **layout))
    chosen = outlet(sidecar=True, formats="json")
    if schema == "lvspec.caption/1":
        write(chosen)
    else:
        with pytest.raises(UsageError, match="no record of a caption"):
            write(chosen)


@pytest.mark.parametrize("form", [{"formats": "json"}, {"formats": "jsonl"}])
def test_of_records_that_lvspec_wrote_the_first_bytes_are_read(tmp_path, monkeypatch, form):
    chosen = outlet(output="out/", **form)
    write(chosen, made("clip.mp4", "A cat."))
    monkeypatch.setattr("json.loads", lambda content: pytest.fail("all of it was read"))
    write(chosen)


def test_a_folder_that_could_not_be_searched_has_no_files_and_is_not_skipped():
    sources = [Source("in/a", base="in", unreadable=True), Source("in/a.mp4", base="in")]
    chosen = outlet_for(OutputOptions("out/"), resolve([]), sources, several=True)
    assert chosen.files == (os.path.join("out", "a.txt"),)
    with chosen.open() as sink:
        assert (sink.reason_to_skip("in/a"), sink.lacks("in/a"), [*sink.files_of("in/a")]) == ("", False, [])
        sink.write(FAILED)
    assert tree() == []


def test_trying_a_folder_leaves_nothing_in_it():
    os.mkdir("out")
    write(outlet(output="out"))
    assert tree() == []


def test_a_folder_where_a_file_is_to_go_is_refused(tmp_path):
    (tmp_path / "out" / "clip.txt").mkdir(parents=True)
    for replace in (True, False):
        with pytest.raises(UsageError, match=r"out/clip\.txt is a folder"):
            write(outlet(output="out"), replace=replace)


def test_the_disk_is_asked_whether_case_counts_and_nothing_is_left_on_it(tmp_path, monkeypatch):
    (tmp_path / "x").write_text("")
    assert case_counts("") is case_counts("new/er") is not os.path.exists("X")
    assert tree() == ["x"]
    monkeypatch.setattr(os.path, "lexists", os.path.exists if os.path.exists("X") else folded_exists)
    assert not case_counts("")


def folded_exists(path):
    """As on a disk to which case is nothing."""
    folder, name = os.path.split(path)
    return not name or name == "." or name.lower() in map(str.lower, os.listdir(folder or "."))
