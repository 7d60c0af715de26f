"""Frames come as a viewer sees them: upright, with square pixels, in true colours, no larger than allowed."""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lvspec_cli.errors import VideoTooLarge
from lvspec_cli.video import ReadOptions, read_clip
from lvspec_cli.video.geometry import Geometry, Orientation, fitted_into, padded_to, scaled_to
from lvspec_cli.video.limits import OutputBox, output_box
from lvspec_cli.video.selection import select
from tests.video.barcode import barcode_frame, read_barcodes
from tests.video.catalogue import ENCODINGS
from tests.video.conftest import needs_decord
from tests.video.encoding import Encoding, encode

ONE = 1 << 16  # of a display matrix's 16.16 fixed point
CORNERS = np.arange(6, dtype=np.uint8).reshape(2, 3, 1).repeat(3, axis=2)  # a frame of 2x3 distinct pixels

# A matrix (a, b, c, d) shows the pixel (x, y) at (a x + c y, b x + d y); clockwise turns, y downwards.
MATRICES = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


def _with_display_matrix(path: Path, matrix: tuple[float, float, float, float]) -> Path:
    """Write a matrix into the only track header of an MP4 file (ISO/IEC 14496-12 section 8.3.2)."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (round(value * ONE) for value in matrix)
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_turned_video_is_read_upright(degrees: int, tmp_path: Path) -> None:
    turned = [np.rot90(barcode_frame(number), degrees // 90) for number in (5, 77, 1203)]  # stored counter-clockwise
    path = _with_display_matrix(_encode_frames(turned, tmp_path / "turned.mp4"), MATRICES[degrees])
    clip = read_clip(path, ReadOptions(frame_count=3))
    assert read_barcodes(clip.frames) == [5, 77, 1203]
    assert clip.frames.shape == (3, 64, 96, 3)
    assert (clip.facts.width, clip.facts.height, clip.facts.rotation_degrees) == (96, 64, degrees)
    assert clip.facts.warnings == ()


def test_a_mirrored_video_is_read_as_a_player_shows_it(tmp_path: Path) -> None:
    mirrored = [barcode_frame(number)[:, ::-1] for number in (5, 77)]
    path = _with_display_matrix(_encode_frames(mirrored, tmp_path / "mirrored.mp4"), (-1, 0, 0, 1))
    clip = read_clip(path, ReadOptions(frame_count=2))
    assert read_barcodes(clip.frames) == [5, 77]
    assert any("mirrored" in warning for warning in clip.facts.warnings)


def test_a_crooked_angle_becomes_the_nearest_right_one(tmp_path: Path) -> None:
    turned = [np.rot90(barcode_frame(9))]
    path = _with_display_matrix(_encode_frames(turned, tmp_path / "crooked.mp4"), (0.34, 0.94, -0.94, 0.34))
    clip = read_clip(path, ReadOptions(frame_count=1))
    assert read_barcodes(clip.frames) == [9]
    assert any("crooked" in warning for warning in clip.facts.warnings)


def test_every_orientation_differs_and_mirrors_half_of_the_time() -> None:
    flags = [(bool(n & 4), bool(n & 2), bool(n & 1)) for n in range(8)]
    shown = {Orientation(*flag).apply(CORNERS).tobytes() + bytes(flag[:1]) for flag in flags}
    assert len(shown) == 8
    assert sum(Orientation(*flag).mirrored for flag in flags) == 4


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_an_orientation_names_its_own_turn(degrees: int) -> None:
    for flags in ((bool(n & 4), bool(n & 2), bool(n & 1)) for n in range(8)):
        orientation = Orientation(*flags)
        start = CORNERS[:, ::-1] if orientation.mirrored else CORNERS
        if orientation.rotation_degrees == degrees:
            assert np.array_equal(orientation.apply(CORNERS), np.rot90(start, -degrees // 90))


def test_oblong_pixels_are_made_square(tmp_path: Path) -> None:
    encoding = replace(ENCODINGS["h264-mp4"], adjust=lambda stream: _set_aspect(stream, Fraction(3, 2)))
    clip = read_clip(encode(encoding, tmp_path / "oblong.mp4"), ReadOptions(frame_count=4))
    assert clip.frames.shape == (4, 64, 144, 3)
    assert read_barcodes(clip.frames) == [6, 18, 30, 42]
    assert (clip.facts.width, clip.facts.height, clip.facts.sample_aspect_ratio) == (144, 64, "3:2")


def test_oblong_pixels_turn_with_the_frame(tmp_path: Path) -> None:
    encoding = replace(ENCODINGS["h264-mp4"], adjust=lambda stream: _set_aspect(stream, Fraction(1, 2)))
    path = _with_display_matrix(encode(encoding, tmp_path / "both.mp4"), MATRICES[90])
    clip = read_clip(path, ReadOptions(frame_count=1))
    assert clip.frames.shape == (1, 48, 64, 3)
    assert read_barcodes(np.rot90(clip.frames, axes=(1, 2))) == [24]


def test_an_absurd_pixel_shape_is_taken_for_square(tmp_path: Path) -> None:
    encoding = replace(ENCODINGS["h264-mp4"], adjust=lambda stream: _set_aspect(stream, Fraction(3, 2)))
    path = encode(encoding, tmp_path / "absurd.mp4")
    data = path.read_bytes()
    assert data.count(b"pasp" + struct.pack(">2I", 3, 2)) == 1
    path.write_bytes(data.replace(struct.pack(">2I", 3, 2), struct.pack(">2I", 200, 1)))
    clip = read_clip(path)
    assert clip.frames.shape[1:] == (64, 96, 3)
    assert any("beyond belief" in warning for warning in clip.facts.warnings)


def test_large_frames_are_scaled_down_with_their_aspect_kept(plain_video: Path) -> None:
    clip = read_clip(plain_video, ReadOptions(frame_count=4, max_frame_pixels=48 * 32))
    assert clip.frames.shape == (4, 32, 48, 3)
    assert read_barcodes(clip.frames) == [6, 18, 30, 42]
    assert (clip.facts.width, clip.facts.height) == (96, 64)


def test_frames_that_change_size_are_fitted_into_the_first_ones(tmp_path: Path) -> None:
    small = ENCODINGS["mpeg2-ts"]
    large = replace(small, size=(192, 160), shift=small.frame_count + 1)
    joined = tmp_path / "joined.ts"
    parts = [encode(small, tmp_path / "small.ts"), encode(large, tmp_path / "large.ts")]
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    clip = read_clip(joined, ReadOptions(frame_count=768))
    assert clip.frames.shape[1:] == (64, 96, 3)
    assert read_barcodes(clip.frames[:47]) == list(range(47))  # FFmpeg's decoder loses the last one at the change
    fitted = clip.frames[47:, :, 9:86]  # 192x160 fits into 96x64 as 77x64, centred
    assert read_barcodes(fitted) == list(range(48))
    assert any("change size" in warning for warning in clip.facts.warnings)


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (128, 128, 128), (0, 0, 0)])
def test_colours_survive(colour: tuple[int, int, int], tmp_path: Path) -> None:
    frames = [np.full((64, 96, 3), colour, np.uint8)] * 3
    clip = read_clip(_encode_frames(frames, tmp_path / "colour.mp4"))
    assert np.abs(clip.frames.reshape(-1, 3).mean(axis=0) - colour).max() < 6


def test_full_range_colours_are_not_stretched_twice(tmp_path: Path) -> None:
    encoding = Encoding("grey.avi", "mjpeg", "yuvj420p", frame_count=2)
    clip = read_clip(encode(encoding, tmp_path / encoding.file_name))
    assert int(clip.frames.min()) == pytest.approx(30, abs=8)
    assert int(clip.frames.max()) == pytest.approx(225, abs=8)


def test_wide_colour_is_noted(tmp_path: Path) -> None:
    def tag(stream: Any) -> None:
        stream.codec_context.color_primaries, stream.codec_context.color_trc = 9, 16

    path = encode(replace(ENCODINGS["hevc-10bit-mkv"], adjust=tag), tmp_path / "hdr.mkv")
    assert any("bt2020, PQ" in warning for warning in read_clip(path).facts.warnings)


def _limited(count: int, pixels: int) -> ReadOptions:
    """Options whose memory limit leaves each of ``count`` frames so many pixels."""
    return ReadOptions(frame_count=count, memory_limit_bytes=2 * 3 * count * pixels)


@pytest.mark.parametrize("kind", ["pyav", pytest.param("decord", marks=needs_decord), "images"])
def test_frames_are_scaled_down_until_memory_holds_them(kind: str, plain_video: Path, tmp_path: Path) -> None:
    for number in range(4):
        Image.fromarray(barcode_frame(number)).save(tmp_path / f"{number}.png")
    options = replace(_limited(4, 84 * 56), decoder="decord" if kind == "decord" else "pyav")
    clip = read_clip(tmp_path if kind == "images" else plain_video, options)
    assert clip.frames.shape == (4, 56, 84, 3)
    assert read_barcodes(clip.frames) == ([0, 1, 2, 3] if kind == "images" else [6, 18, 30, 42])
    assert len([warning for warning in clip.facts.warnings if "scaled down to 84x56" in warning]) == 1


@pytest.mark.parametrize("kind", ["pyav", pytest.param("decord", marks=needs_decord), "images"])
def test_frames_that_memory_would_shrink_to_nothing_are_refused(kind: str, plain_video: Path, tmp_path: Path) -> None:
    Image.fromarray(barcode_frame(0)).save(tmp_path / "0.png")
    options = replace(_limited(1, 60 * 40), decoder="decord" if kind == "decord" else "pyav")
    with pytest.raises(VideoTooLarge, match=r"memory limit only at 60x40 pixels.*select fewer frames"):
        read_clip(tmp_path if kind == "images" else plain_video, options)


def test_the_defaults_hold_an_hour_of_video_at_a_frame_a_second() -> None:
    options = ReadOptions(frame_count=None, frames_per_second=1)
    count = len(select(options, 3600.0).moments)
    box = output_box("hour.mp4", (1920, 1080), count, options)
    assert options.memory_limit_bytes is not None
    assert box.width * box.height * 3 * count <= options.memory_limit_bytes // 2
    assert box.width * box.height > 900_000
    assert box.width / box.height == pytest.approx(16 / 9, rel=0.01)
    assert len(box.warnings) == 1


def test_frames_that_fit_are_not_said_to_be_scaled_down() -> None:
    assert output_box("short.mp4", (1920, 1080), 8, ReadOptions()) == OutputBox(1706, 960)
    assert output_box("icon.gif", (16, 16), 768, _limited(768, 300)) == OutputBox(16, 16)


SIDES = st.integers(1, 20_000)


@given(width=SIDES, height=SIDES, most=st.integers(1, 4_000_000))
def test_scaling_down_keeps_to_the_most_pixels_and_the_aspect(width: int, height: int, most: int) -> None:
    new_width, new_height = scaled_to((width, height), most)
    assert 1 <= new_width <= width
    assert 1 <= new_height <= height
    assert new_width * new_height <= most or (new_width, new_height) == (width, height)
    if min(new_width, new_height) >= 100:
        assert new_width / new_height == pytest.approx(width / height, rel=0.03)


@given(width=SIDES, height=SIDES, box_width=st.integers(1, 300), box_height=st.integers(1, 300))
def test_a_fitted_frame_touches_two_sides_of_its_box(width: int, height: int, box_width: int, box_height: int) -> None:
    fitted = fitted_into((width, height), (box_width, box_height))
    assert 1 <= fitted[0] <= box_width
    assert 1 <= fitted[1] <= box_height
    assert fitted[0] == box_width or fitted[1] == box_height


def test_padding_is_black_and_even_on_both_sides() -> None:
    padded = padded_to(np.full((4, 6, 3), 200, np.uint8), (10, 4))
    assert padded.shape == (4, 10, 3)
    assert padded[:, :2].max() == padded[:, -2:].max() == 0
    assert padded[:, 2:-2].min() == 200


def test_a_geometry_turns_its_display_size() -> None:
    upright = Geometry(720, 576, Fraction(16, 11))
    assert upright.display_size == (1047, 576)
    assert replace(upright, orientation=Orientation(transpose=True)).display_size == (576, 1047)


def _set_aspect(stream: Any, aspect: Fraction) -> None:
    stream.codec_context.sample_aspect_ratio = aspect


def _encode_frames(frames: list[Any], path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "12"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path
