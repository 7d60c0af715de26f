"""decord decodes the same frames where it is known to be right, and never opens what PyAV has not vetted."""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lvspec_cli.errors import DecoderUnavailable, NoFrames, NotAVideo
from lvspec_cli.video import ReadOptions, measure_video, read_clip
from tests.video.barcode import read_barcodes
from tests.video.catalogue import ENCODINGS
from tests.video.conftest import MakeVideo, needs_decord
from tests.video.encoding import encode

DECORD = ReadOptions(frame_count=768, decoder="decord")


@needs_decord
@pytest.mark.parametrize(
    "name", ["h264-mp4", "h264-mkv", "hevc-mp4", "vp8-webm", "vp9-webm", "mpeg4-mp4", "uneven-mp4"]
)
def test_decord_yields_the_frames_that_pyav_yields(name: str, make_video: MakeVideo) -> None:
    path = make_video(name)
    ours, theirs = read_clip(path, ReadOptions(frame_count=768)), read_clip(path, DECORD)
    assert read_barcodes(theirs.frames) == read_barcodes(ours.frames) == list(range(48))
    assert theirs.times == pytest.approx(ours.times, abs=0.001)
    assert theirs.facts.decoder == "decord"
    assert replace(theirs.facts, duration_s=0, average_frame_rate=None, decoder="") == replace(
        ours.facts, duration_s=0, average_frame_rate=None, decoder=""
    )
    assert theirs.facts.duration_s == pytest.approx(ours.facts.duration_s, abs=0.05)


@needs_decord
def test_decord_selects_by_time(plain_video: Path) -> None:
    clip = read_clip(plain_video, ReadOptions(frame_count=2, start_s=0.4, end_s=1.2, decoder="decord"))
    assert read_barcodes(clip.frames) == [15, 25]


@needs_decord
def test_decord_frames_get_square_pixels_and_their_most(tmp_path: Path) -> None:
    def oblong(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)

    path = encode(replace(ENCODINGS["h264-mp4"], adjust=oblong), tmp_path / "oblong.mp4")
    assert read_clip(path, replace(DECORD, frame_count=4)).frames.shape == (4, 64, 144, 3)
    small = read_clip(path, replace(DECORD, frame_count=4, max_frame_pixels=72 * 32))
    assert small.frames.shape == (4, 32, 72, 3)
    assert read_barcodes(small.frames) == [6, 18, 30, 42]


@needs_decord
def test_decord_s_worthless_avi_times_are_replaced_and_told(make_video: MakeVideo) -> None:
    clip = read_clip(make_video("mpeg4-avi"), DECORD)
    assert clip.times == pytest.approx([number / 25 for number in range(len(clip.times))])
    assert any("no usable times" in warning for warning in clip.facts.warnings)


@needs_decord
@pytest.mark.parametrize("name", ["h264-ts", "mpeg2-mpg"])
def test_streams_whose_frames_decord_takes_for_one_another_are_refused(name: str, make_video: MakeVideo) -> None:
    for read in (read_clip, measure_video):
        with pytest.raises(NoFrames, match=r"takes frames of .* for one another: use --decoder pyav"):
            read(make_video(name), DECORD)


@needs_decord
def test_what_decord_cannot_decode_is_a_typed_error(make_video: MakeVideo) -> None:
    with pytest.raises(NoFrames, match="--decoder pyav"):
        read_clip(make_video("av1-mp4"), DECORD)


def test_decord_never_sees_a_playlist(plain_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    class Recorder:
        DECORDError = RuntimeError

        def VideoReader(self, path: str, **_: Any) -> Any:  # noqa: N802  # decord's own name
            opened.append(path)
            raise RuntimeError

        cpu = staticmethod(lambda _: None)

    monkeypatch.setitem(sys.modules, "decord", Recorder())
    path = tmp_path / "list.mp4"
    for text in ("#EXTM3U\n", "\n\n#EXTM3U\n#EXTINF:10,\n"):
        path.write_text(f"{text}{plain_video}\n#EXT-X-ENDLIST\n")
        with pytest.raises(NotAVideo):
            read_clip(path, DECORD)
    assert opened == []


def test_decord_that_is_not_installed_is_a_usage_error(plain_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "decord", None)
    with pytest.raises(DecoderUnavailable, match="pyav") as caught:
        read_clip(plain_video, DECORD)
    assert caught.value.exit_code == 2


def test_images_need_no_decord(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    from tests.video.barcode import barcode_frame

    monkeypatch.setitem(sys.modules, "decord", None)
    Image.fromarray(barcode_frame(8)).save(tmp_path / "still.png")
    clip = read_clip(tmp_path / "still.png", DECORD)
    assert np.array_equal(clip.frames[0], barcode_frame(8))
