"""What is written can be read back, and a file appears whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from lvspec_cli.video import ReadOptions, read_clip
from lvspec_cli.video.writer import write_mp4
from tests.video.barcode import barcode_frame, read_barcodes


@pytest.mark.parametrize("rate", [8.0, 25.0, 30_000 / 1001])
def test_frames_come_back_at_their_rate(rate: float, tmp_path: Path) -> None:
    write_mp4(tmp_path / "clip.mp4", (barcode_frame(number) for number in range(20)), rate)
    clip = read_clip(tmp_path / "clip.mp4", ReadOptions(frame_count=20))
    assert read_barcodes(clip.frames) == list(range(20))
    assert clip.times == pytest.approx([number / rate for number in range(20)], abs=0.001)
    assert clip.facts.duration_s == pytest.approx(20 / rate, abs=0.001)


def test_the_file_is_one_that_any_player_shows(tmp_path: Path) -> None:
    write_mp4(tmp_path / "clip.mp4", [barcode_frame(1)] * 3, 10)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
    data = (tmp_path / "clip.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # playable while it is still downloading


@pytest.mark.parametrize("size", [(97, 64), (96, 63), (97, 63)])
def test_odd_sides_are_made_even(size: tuple[int, int], tmp_path: Path) -> None:
    write_mp4(tmp_path / "odd.mp4", [barcode_frame(number, *size) for number in (3, 4)], 10)
    clip = read_clip(tmp_path / "odd.mp4", ReadOptions(frame_count=2))
    assert clip.frames.shape == (2, size[1] + size[1] % 2, size[0] + size[0] % 2, 3)
    assert read_barcodes(clip.frames) == [3, 4]


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_mp4(tmp_path / name, [barcode_frame(number) for number in range(10)], 10)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_failure_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    def failing() -> Iterator[Any]:
        yield barcode_frame(1)
        raise RuntimeError("the renderer broke")

    path = tmp_path / "clip.mp4"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="the renderer broke"):
        write_mp4(path, failing(), 10)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize(
    ("frames", "rate", "says"),
    [
        ([], 10.0, "no frame"),
        ([barcode_frame(1)], 0.0, "frame rate"),
        ([barcode_frame(1)], float("nan"), "frame rate"),
        ([barcode_frame(1), barcode_frame(1, 48, 32)], 10.0, "every frame"),
        ([barcode_frame(1).astype(np.float32)], 10.0, "uint8"),
        ([barcode_frame(1)[:, :, 0]], 10.0, "height, width, 3"),
    ],
)
def test_what_cannot_be_written_is_refused(frames: list[Any], rate: float, says: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=says):
        write_mp4(tmp_path / "clip.mp4", frames, rate)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_does_not_exist_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"):
        write_mp4(tmp_path / "none" / "clip.mp4", [barcode_frame(1)], 10)
