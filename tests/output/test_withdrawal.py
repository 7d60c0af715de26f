"""Files that make way for others: all or none of them, and only results."""

import os

import pytest

from lvspec_cli.errors import JournalError, LvspecError
from lvspec_cli.output.withdrawal import withdrawn


@pytest.fixture
def files(tmp_path):
    """Two results and what is none, all of which are there, and a result that is not."""
    for name in ("a.txt", "b.json", "c.mp4"):
        (tmp_path / name).write_text(name)
    return [tmp_path / name for name in ("a.txt", "b.json", "c.mp4", "gone.txt", "nowhere/a.txt")]


def test_results_are_gone_within_and_after_and_nothing_else_is(files, tmp_path):
    with withdrawn([*files, files[0]]):
        assert not files[0].exists()
        assert not files[1].exists()
    assert os.listdir(tmp_path) == ["c.mp4"]


def test_all_are_back_when_the_block_fails(files, tmp_path):
    with pytest.raises(JournalError), withdrawn(files):
        raise JournalError("no room")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {n: n for n in ("a.txt", "b.json", "c.mp4")}


def test_an_interruption_brings_none_back_for_the_block_may_have_ended(files, tmp_path):
    with pytest.raises(KeyboardInterrupt), withdrawn(files):
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ["c.mp4"]


def test_none_goes_if_one_has_to_stay(files, tmp_path):
    (tmp_path / "folder.txt").mkdir()
    told = pytest.raises(LvspecError, match=r"folder\.txt cannot be replaced: Is a directory")
    with told, withdrawn([*files, tmp_path / "folder.txt"]):
        pass
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "b.json", "c.mp4", "folder.txt"]


@pytest.mark.skipif(os.name == "nt", reason="links are others there")
def test_of_a_link_the_link_goes(tmp_path):
    (tmp_path / "kept.txt").write_text("kept")
    (tmp_path / "a.txt").symlink_to("kept.txt")
    with withdrawn([tmp_path / "a.txt"]):
        pass
    assert os.listdir(tmp_path) == ["kept.txt"]
