"""Whether a file that is open is still the one of its name."""

import errno
import os

import pytest

from lvspec_cli.files import in_place


@pytest.mark.skipif(os.name == "nt", reason="folders of open files stay there")
def test_an_open_file_is_in_place_until_it_or_a_folder_above_it_is_another(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "file"
    with open(path, "ab") as file:
        assert in_place(file, path)
        folder.rename(tmp_path / "moved")
        assert not in_place(file, path)
        folder.write_text("no folder any more")
        assert not in_place(file, path)
        folder.unlink()
        folder.mkdir()
        path.touch()
        assert not in_place(file, path)
        assert in_place(file, tmp_path / "moved" / "file")


@pytest.mark.parametrize(("number", "known"), [(errno.ESTALE, True), (errno.EIO, False)])
def test_a_file_that_another_machine_removed_is_not_in_place_and_what_is_not_known_is_no_answer(
    tmp_path, monkeypatch, number, known
):
    def fail(descriptor):
        raise OSError(number, os.strerror(number))

    with open(tmp_path / "file", "ab") as file, monkeypatch.context() as patch:
        patch.setattr(os, "fstat", fail)
        if known:
            assert not in_place(file, tmp_path / "file")
        else:
            with pytest.raises(OSError, match=os.strerror(number)):
                in_place(file, tmp_path / "file")
