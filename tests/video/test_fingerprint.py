"""The fingerprint follows the content of a video and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.video.fingerprint import SAMPLE_BYTES, file_fingerprint, files_fingerprint


def _file(path: Path, size: int, change: int | None = None) -> Path:
    data = bytearray(size)
    if change is not None:
        data[change] ^= 1
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("size", [0, 1, SAMPLE_BYTES, 3 * SAMPLE_BYTES, 10 * SAMPLE_BYTES])
def test_copies_share_a_fingerprint_and_sizes_do_not(size: int, tmp_path: Path) -> None:
    first = file_fingerprint(_file(tmp_path / "a", size))
    assert first == file_fingerprint(_file(tmp_path / "b", size))
    assert first != file_fingerprint(_file(tmp_path / "c", size + 1))


@pytest.mark.parametrize("place", [0, SAMPLE_BYTES - 1, 5 * SAMPLE_BYTES, 10 * SAMPLE_BYTES - 1])
def test_a_changed_byte_in_head_middle_or_tail_shows(place: int, tmp_path: Path) -> None:
    size = 10 * SAMPLE_BYTES
    assert file_fingerprint(_file(tmp_path / "a", size)) != file_fingerprint(_file(tmp_path / "b", size, place))


@given(place=st.integers(0, 3 * SAMPLE_BYTES - 1))
def test_a_small_file_is_hashed_whole(tmp_path_factory: pytest.TempPathFactory, place: int) -> None:
    folder = tmp_path_factory.mktemp("small")
    size = 3 * SAMPLE_BYTES
    assert file_fingerprint(_file(folder / "a", size)) != file_fingerprint(_file(folder / "b", size, place))


def test_a_folder_s_fingerprint_knows_names_and_order(tmp_path: Path) -> None:
    a, b = _file(tmp_path / "a", 10), _file(tmp_path / "b", 20)
    assert files_fingerprint([a, b]) == files_fingerprint([a, b])
    assert files_fingerprint([a, b]) != files_fingerprint([b, a])
    renamed = a.rename(tmp_path / "c")
    assert files_fingerprint([renamed, b]) != files_fingerprint([_file(tmp_path / "a", 10), b])
