"""Folders of images, animations and stills are videos too."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from lvspec_cli.errors import NoFrames, VideoError, VideoTooLarge
from lvspec_cli.video import ReadOptions, inspect_video, read_clip
from lvspec_cli.video.image_sequence import images_in
from tests.video.barcode import barcode_frame, read_barcodes

EVERYTHING = ReadOptions(frame_count=768)
DELAYS_MS = [50, 200, 50, 500, 100, 40]


def _images(count: int) -> list[Image.Image]:
    return [Image.fromarray(barcode_frame(number)) for number in range(count)]


def _animation(path: Path, delays_ms: list[int]) -> Path:
    first, *rest = _images(len(delays_ms))
    options = {"lossless": True} if path.suffix == ".webp" else {}
    first.save(path, save_all=True, append_images=rest, duration=delays_ms, loop=0, **options)
    return path


def _folder(folder: Path, count: int, suffix: str = ".png") -> Path:
    for number, image in enumerate(_images(count)):
        image.save(folder / f"frame{number + 1}{suffix}")
    return folder


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_an_animation_shows_each_frame_for_its_delay(suffix: str, tmp_path: Path) -> None:
    path = _animation(tmp_path / f"moving{suffix}", DELAYS_MS)
    clip = read_clip(path, EVERYTHING)
    assert read_barcodes(clip.frames) == [0, 1, 2, 3, 4, 5]
    assert clip.times == pytest.approx([0, 0.05, 0.25, 0.3, 0.8, 0.9])
    assert clip.facts.duration_s == pytest.approx(0.94)
    assert (clip.facts.decoder, clip.facts.codec) == ("pillow", suffix[1:])
    assert read_barcodes(read_clip(path, ReadOptions(frame_count=4)).frames) == [1, 3, 4]


def test_an_animation_is_known_by_its_content(tmp_path: Path) -> None:
    path = _animation(tmp_path / "x.gif", DELAYS_MS).rename(tmp_path / "x.mp4")
    assert read_barcodes(read_clip(path, EVERYTHING).frames) == [0, 1, 2, 3, 4, 5]


def test_a_gif_written_by_a_video_encoder_is_read(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "video.gif"), "w") as container:
        stream = container.add_stream("gif", rate=20)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "rgb8"
        for number in range(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(barcode_frame(number), format="rgb24")))
        container.mux(stream.encode(None))
    clip = read_clip(tmp_path / "video.gif", EVERYTHING)
    assert read_barcodes(clip.frames) == list(range(12))
    assert clip.times == pytest.approx([number / 20 for number in range(12)])


def test_an_animation_without_delays_plays_as_in_a_browser(tmp_path: Path) -> None:
    clip = read_clip(_animation(tmp_path / "hurried.gif", [0, 0, 0]), EVERYTHING)
    assert clip.times == pytest.approx([0.0, 0.1, 0.2])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".gif"])
def test_a_still_is_a_video_of_one_frame(suffix: str, tmp_path: Path) -> None:
    Image.fromarray(barcode_frame(33)).save(tmp_path / f"still{suffix}")
    clip = read_clip(tmp_path / f"still{suffix}")
    assert read_barcodes(clip.frames) == [33]
    assert clip.times == (0.0,)
    assert clip.facts.average_frame_rate is None


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp"])
def test_a_folder_is_read_in_natural_order_at_its_rate(suffix: str, tmp_path: Path) -> None:
    folder = _folder(tmp_path, 12, suffix)
    clip = read_clip(folder, ReadOptions(frame_count=12, source_fps=4))
    assert read_barcodes(clip.frames) == list(range(12))
    assert clip.times == pytest.approx([number / 4 for number in range(12)])
    assert (clip.facts.duration_s, clip.facts.container, clip.facts.average_frame_rate) == (3.0, "images", 4.0)


def test_a_folder_of_unknown_rate_counts_one_image_a_second(tmp_path: Path) -> None:
    clip = read_clip(_folder(tmp_path, 9), ReadOptions(frame_count=3))
    assert read_barcodes(clip.frames) == [1, 4, 7]
    assert clip.times == (1.0, 4.0, 7.0)


def test_hidden_files_and_others_are_no_frames(tmp_path: Path) -> None:
    _folder(tmp_path, 2)
    (tmp_path / "notes.txt").write_text("text")
    Image.fromarray(barcode_frame(9)).save(tmp_path / ".thumbnail.png")
    (tmp_path / "sub.png").mkdir()
    assert [path.name for path in images_in(tmp_path)] == ["frame1.png", "frame2.png"]


def test_natural_order_compares_numbers_as_numbers(tmp_path: Path) -> None:
    names = ["a2b10.png", "A2b9.png", "a10b1.png", "a2.png", "10.png", "9.png", "b.png", "01.png", "1.png"]
    for name in names:
        (tmp_path / name).touch()
    ordered = ["01.png", "1.png", "9.png", "10.png", "a2.png", "A2b9.png", "a2b10.png", "a10b1.png", "b.png"]
    assert [path.name for path in images_in(tmp_path)] == ordered


def test_damaged_images_are_skipped_counted_and_told(tmp_path: Path) -> None:
    _folder(tmp_path, 6)
    (tmp_path / "frame1.png").write_bytes(b"no image at all")
    data = (tmp_path / "frame4.png").read_bytes()
    (tmp_path / "frame4.png").write_bytes(data[: len(data) // 2])
    clip = read_clip(tmp_path, EVERYTHING)
    assert read_barcodes(clip.frames) == [1, 2, 4, 5]
    assert clip.times == (1.0, 2.0, 4.0, 5.0)
    assert clip.facts.bad_packets == 2
    assert any("2 damaged images" in warning for warning in clip.facts.warnings)


def test_a_cut_animation_is_read_up_to_the_cut(tmp_path: Path) -> None:
    path = _animation(tmp_path / "cut.gif", [100] * 10)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    clip = read_clip(path, EVERYTHING)
    assert 3 <= len(clip.times) < 10
    assert read_barcodes(clip.frames[:-1]) == list(range(len(clip.times) - 1))


def test_a_gif_cut_anywhere_gives_the_frames_before_the_cut(tmp_path: Path) -> None:
    path, greys, times = tmp_path / "cut.gif", [10, 120, 240], (0.0, 0.05, 0.25)
    first, *rest = (Image.new("RGB", (8, 8), (grey, grey, grey)) for grey in greys)
    first.save(path, save_all=True, append_images=rest, duration=[50, 200, 100], loop=0)
    data = path.read_bytes()
    seen = set()
    for length in range(1, len(data) + 1):
        path.write_bytes(data[:length])
        try:
            clip = read_clip(path, EVERYTHING)
        except VideoError:
            continue
        count = len(clip.times)
        assert [int(frame.mean()) for frame in clip.frames] == greys[:count]
        assert clip.times == times[:count]
        assert inspect_video(path).duration_s == clip.facts.duration_s
        seen.add(count)
    assert seen == {1, 2, 3}
    assert count == 3


def test_a_folder_of_nothing_but_damage_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"no image at all")
    with pytest.raises(NoFrames):
        read_clip(tmp_path)
    with pytest.raises(NoFrames):
        inspect_video(tmp_path)


def test_images_of_other_sizes_are_fitted_into_the_first(tmp_path: Path) -> None:
    Image.fromarray(barcode_frame(1)).save(tmp_path / "1.png")
    Image.fromarray(barcode_frame(2, 192, 128)).save(tmp_path / "2.png")
    Image.fromarray(barcode_frame(3, 96, 128)).save(tmp_path / "3.png")
    clip = read_clip(tmp_path, EVERYTHING)
    assert clip.frames.shape == (3, 64, 96, 3)
    assert read_barcodes(clip.frames[:2]) == [1, 2]
    assert read_barcodes(clip.frames[2:, :, 24:72]) == [3]
    assert clip.frames[2, :, :20].max() == 0
    assert any("differ in size" in warning for warning in clip.facts.warnings)


def test_the_camera_s_orientation_is_applied(tmp_path: Path) -> None:
    image = Image.fromarray(barcode_frame(21)).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn clockwise to see it upright (Exif 2.32 section 4.6.4)
    image.save(tmp_path / "photo.jpg", exif=exif, quality=95)
    clip = read_clip(tmp_path / "photo.jpg")
    assert read_barcodes(clip.frames) == [21]
    assert (clip.facts.width, clip.facts.height) == (96, 64)


def test_transparency_shows_white(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert read_clip(tmp_path / "clear.png").frames.min() == 255


def test_sixteen_bits_of_grey_are_scaled_to_eight(tmp_path: Path) -> None:
    Image.fromarray(barcode_frame(12)[:, :, 0].astype(np.uint16) * 257).save(tmp_path / "deep.png")
    clip = read_clip(tmp_path / "deep.png")
    assert np.array_equal(clip.frames[0], barcode_frame(12))


def test_large_images_are_scaled_down(tmp_path: Path) -> None:
    Image.fromarray(barcode_frame(5, 384, 256)).save(tmp_path / "large.png")
    clip = read_clip(tmp_path / "large.png", ReadOptions(max_frame_pixels=96 * 64))
    assert clip.frames.shape == (1, 64, 96, 3)
    assert read_barcodes(clip.frames) == [5]


def test_an_image_bomb_in_a_folder_is_refused(tmp_path: Path) -> None:
    _folder(tmp_path, 2)
    with pytest.raises(VideoTooLarge):
        read_clip(tmp_path, ReadOptions(max_coded_pixels=1000))


def test_inspection_agrees_with_reading(tmp_path: Path) -> None:
    folder = _folder(tmp_path, 3)
    assert inspect_video(folder) == read_clip(folder, EVERYTHING).facts


def test_a_span_of_images_is_shown_by_those_in_it_that_are_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _folder(tmp_path, 6)
    for number in (2, 3):
        (folder / f"frame{number + 1}.png").write_bytes(b"nothing")
    opened: list[Path] = []
    open_image = Image.open

    def noting_open(path: Path, formats: tuple[str, ...]) -> Image.Image:
        opened.append(path)
        return open_image(path, formats=formats)

    monkeypatch.setattr(Image, "open", noting_open)
    clip = read_clip(folder, ReadOptions(frame_count=1, start_s=1.5, end_s=5))
    assert read_barcodes(clip.frames) == [1]
    assert clip.facts.bad_packets == 1  # the one at the middle; nobody looked at the other
    assert any("1 damaged images" in warning for warning in clip.facts.warnings)
    clip = read_clip(folder, ReadOptions(frame_count=1, start_s=2, end_s=5))
    assert read_barcodes(clip.frames) == [4]
    assert clip.facts.bad_packets == 2
    assert any("2 damaged images" in warning for warning in clip.facts.warnings)
    opened.clear()
    with pytest.raises(NoFrames, match="from 2 s to 4 s can be decoded: it is damaged there"):
        read_clip(folder, ReadOptions(frame_count=2, start_s=2, end_s=4))
    assert len(opened) == 2
