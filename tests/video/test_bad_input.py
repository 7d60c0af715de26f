"""Whatever is not a video is refused in one sentence of a typed error, in this process and from the worker alike."""

from __future__ import annotations

import errno
import os
import re
import struct
import subprocess
import sys
import wave
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from lvspec_cli import errors
from lvspec_cli.video import ReadOptions, fingerprint, inspect_video, probe, pyav_reader, read_clip
from lvspec_cli.video.worker import VideoWorker
from tests.video.barcode import barcode_frame, read_barcodes
from tests.video.conftest import MakeVideo, needs_decord
from tests.video.encoding import Encoding, encode

Reader = Callable[[Path], Any]


@pytest.fixture(scope="module")
def worker() -> Any:
    with VideoWorker() as worker:
        yield worker


@pytest.fixture(params=["here", "inspected", "in the worker"])
def read(request: pytest.FixtureRequest, worker: VideoWorker) -> Reader:
    return {"here": read_clip, "inspected": inspect_video, "in the worker": worker.read}[request.param]


def _assert_refused(read: Reader, path: Path, error: type[errors.VideoError], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        read(path)
    message = str(caught.value)
    assert type(caught.value) is error
    assert caught.value.exit_code == 1
    assert "\n" not in message
    assert ": " in message  # what is wrong: what to do


def test_a_missing_file(read: Reader, tmp_path: Path) -> None:
    _assert_refused(read, tmp_path / "none.mp4", errors.VideoNotFound, "there is no file")


def test_a_file_below_a_file(read: Reader, plain_video: Path) -> None:
    _assert_refused(read, plain_video / "x.mp4", errors.VideoNotFound, "there is no file")


def test_an_address(read: Reader) -> None:
    address: Any = "https://example.org/clip.mp4"
    _assert_refused(read, address, errors.VideoNotFound, "download the video first")


def test_an_empty_file(read: Reader, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    _assert_refused(read, tmp_path / "empty.mp4", errors.VideoEmpty, "is empty")


@pytest.mark.parametrize("name", ["notes.txt", "notes.mp4", "notes"])
def test_a_text(name: str, read: Reader, tmp_path: Path) -> None:
    (tmp_path / name).write_text("The quick brown fox jumps over the lazy dog.\n" * 200)
    _assert_refused(read, tmp_path / name, errors.NotAVideo, "is not a video")


def test_noise(read: Reader, tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(50_000))
    _assert_refused(read, tmp_path / "noise.mp4", errors.NotAVideo, "is not a video")


def test_a_folder_without_images(read: Reader, tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing here")
    _assert_refused(read, tmp_path, errors.NotAVideo, "folder without images")


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXTINF:10,\n{video}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{video}'\n",
        "[playlist]\nFile1={video}\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{video}</BaseURL></MPD>',
    ],
)
def test_a_playlist_named_like_a_video(text: str, read: Reader, plain_video: Path, tmp_path: Path) -> None:
    path = tmp_path / "list.mp4"
    path.write_text(text.format(video=plain_video))
    _assert_refused(read, path, errors.NotAVideo, "is a playlist")


@pytest.mark.parametrize(
    "text", ["\n\n  {video}\n", "file '{video}'\n", "# comment\nffconcat version 1.0\nfile '{video}'"]
)
def test_a_disguised_playlist_opens_no_other_file(text: str, read: Reader, plain_video: Path, tmp_path: Path) -> None:
    path = tmp_path / "list.mp4"
    path.write_text(text.format(video=plain_video))
    _assert_refused(read, path, errors.NotAVideo, "is not a video")


def test_the_null_device(read: Reader) -> None:
    _assert_refused(read, Path(os.devnull), errors.NotAVideo, "device, pipe or socket")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_that_nobody_writes_to(read: Reader, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    _assert_refused(read, tmp_path / "pipe.mp4", errors.NotAVideo, "device, pipe or socket")


def test_sound_alone(read: Reader, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16_000))
    _assert_refused(read, tmp_path / "sound.wav", errors.NoVideoStream, "no video stream")


def test_cover_art_is_no_video(read: Reader, tmp_path: Path) -> None:
    _assert_refused(read, _song_with_cover(tmp_path / "song.m4a"), errors.NoVideoStream, "cover art")


@pytest.mark.parametrize("container", ["mp4", "mkv", "avi", "flv", "ts"])
@pytest.mark.parametrize("kept", [20, 300])
def test_a_stub_of_a_video(kept: int, container: str, read: Reader, make_video: MakeVideo, tmp_path: Path) -> None:
    path = tmp_path / f"stub.{container}"
    path.write_bytes(make_video(f"h264-{container}").read_bytes()[:kept])
    with pytest.raises((errors.NotAVideo, errors.NoFrames, errors.NoVideoStream)) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_an_mp4_cut_before_its_index_says_so(read: Reader, plain_video: Path, tmp_path: Path) -> None:
    data = plain_video.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: data.index(b"moov") - 4])
    _assert_refused(read, tmp_path / "cut.mp4", errors.NotAVideo, "without a usable index")


@pytest.mark.parametrize("kept", [100, 200])  # FFmpeg finds no stream then, and one of no type
def test_an_mp4_cut_inside_its_index_says_so(kept: int, read: Reader, plain_video: Path, tmp_path: Path) -> None:
    data = plain_video.read_bytes()
    index = data.index(b"moov") - 4
    (tmp_path / "cut.mp4").write_bytes(data[:32] + data[index : index + kept])
    _assert_refused(read, tmp_path / "cut.mp4", errors.NotAVideo, "without a usable index")


def test_a_file_without_streams_or_index_is_no_video(read: Reader, make_video: MakeVideo, tmp_path: Path) -> None:
    (tmp_path / "stub.flv").write_bytes(make_video("h264-flv").read_bytes()[:13])  # its header
    _assert_refused(read, tmp_path / "stub.flv", errors.NotAVideo, "a copy that is not damaged")


@pytest.mark.parametrize("action", [read_clip, inspect_video])
def test_memory_that_runs_out_is_a_typed_error(
    action: Reader, plain_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: Any) -> None:
        raise MemoryError

    for module in (pyav_reader, probe):
        monkeypatch.setattr(module, "open_stream", exhausted)
    with pytest.raises(errors.VideoTooLarge, match="not enough memory") as caught:
        action(plain_video)
    assert isinstance(caught.value.__cause__, MemoryError)


@pytest.mark.parametrize("action", [read_clip, inspect_video])
@pytest.mark.parametrize("kind", ["container", "image", "folder"])
def test_a_disk_that_fails_is_a_typed_error(
    kind: str, action: Reader, plain_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = tmp_path / "picture.png"
    Image.fromarray(barcode_frame(1)).save(picture)

    def failing(path: Path, *_: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    monkeypatch.setattr(fingerprint, "open", failing, raising=False)
    path = {"container": plain_video, "image": picture, "folder": tmp_path}[kind]
    _assert_refused(action, path, errors.VideoUnreadable, "Input/output error.*check")


def test_absurd_dimensions_in_the_header(read: Reader, tmp_path: Path) -> None:
    path = encode(Encoding("huge.mov", "mjpeg", "yuvj420p", frame_count=2), tmp_path / "huge.mov")
    _absurd_jpegs(path)
    data = path.read_bytes()
    place = data.index(b"stsd") + 44  # width and height in the sample entry: ISO/IEC 14496-12 section 12.1.3
    assert struct.unpack(">2H", data[place : place + 4]) == (96, 64)
    path.write_bytes(data[:place] + struct.pack(">2H", 16_000, 16_000) + data[place + 4 :])
    _assert_refused(read, path, errors.VideoTooLarge, "16000x16000")


def test_absurd_dimensions_that_the_header_hides(read: Reader, tmp_path: Path) -> None:
    path = encode(Encoding("hidden.mov", "mjpeg", "yuvj420p", frame_count=2), tmp_path / "hidden.mov")
    _absurd_jpegs(path)
    _assert_refused(read, path, errors.NoFrames, "absurdly large")


@pytest.mark.parametrize("side", [9_000, 60_000])
def test_an_image_bomb(side: int, read: Reader, tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(_png_header(side, side))
    _assert_refused(read, tmp_path / "bomb.png", errors.VideoTooLarge, "pixels|absurd dimensions")


def test_a_broken_image(read: Reader, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(_png_header(64, 64))
    _assert_refused(read, tmp_path / "broken.png", errors.NoFrames, "can be decoded")


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="nothing is forbidden to the superuser")
def test_a_forbidden_file(read: Reader, plain_video: Path, tmp_path: Path) -> None:
    path = tmp_path / "forbidden.mp4"
    path.write_bytes(plain_video.read_bytes())
    path.chmod(0)
    _assert_refused(read, path, errors.VideoUnreadable, "permissions")


def test_a_video_that_is_too_long(plain_video: Path) -> None:
    with pytest.raises(errors.VideoTooLong, match="cut it first"):
        read_clip(plain_video, ReadOptions(max_duration_s=1.0))


@pytest.mark.parametrize("decoder", ["pyav", pytest.param("decord", marks=needs_decord)])
def test_a_start_past_the_end(decoder: str, plain_video: Path) -> None:
    with pytest.raises(errors.SelectionOutsideVideo, match=re.escape("1.920 s")):
        read_clip(plain_video, ReadOptions(start_s=2.0, decoder=decoder))


@pytest.mark.parametrize("name", ["a:b.mp4", "http:clip.mp4", "100% &x.mp4", "-x.mp4", "naïve ♞.mp4", "two\nlines.mp4"])
def test_an_odd_name_is_no_obstacle(name: str, read: Reader, plain_video: Path, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(plain_video.read_bytes())
    facts = getattr(read(path), "facts", None) or inspect_video(path)
    assert facts.path == str(path)


def test_an_odd_name_stays_on_one_line_of_the_message(tmp_path: Path) -> None:
    with pytest.raises(errors.VideoNotFound) as caught:
        read_clip(tmp_path / "two\nlines\x1b[31m.mp4")
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_checking_options_imports_no_decoder() -> None:
    code = (
        "import sys; from lvspec_cli.video import ReadOptions; ReadOptions();"
        "print([name for name in ('av', 'numpy', 'PIL', 'decord', 'torch') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def _song_with_cover(path: Path) -> Path:
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=16_000)
        cover = container.add_stream("mjpeg", rate=25)
        cover.width, cover.height, cover.pix_fmt = 96, 64, "yuvj420p"
        cover.disposition = Disposition.attached_pic.value
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 16_000
        picture = av.VideoFrame.from_ndarray(barcode_frame(1), format="rgb24")
        container.mux([*cover.encode(picture), *cover.encode(None)])
        container.mux([*sound.encode(silence), *sound.encode(None)])
    return path


def _absurd_jpegs(path: Path) -> None:
    """Make every JPEG of the file claim 16,000 by 16,000 pixels, in its frame header SOF0."""
    pattern = re.escape(b"\xff\xc0\x00\x11\x08" + struct.pack(">2H", 64, 96))
    replacement = b"\xff\xc0\x00\x11\x08" + struct.pack(">2H", 16_000, 16_000)
    data, count = re.subn(pattern, lambda _: replacement, path.read_bytes())
    assert count > 0
    path.write_bytes(data)


def _png_header(width: int, height: int) -> bytes:
    """A PNG that promises an image and holds but its beginning."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))[:20])


def test_the_bad_inputs_leave_the_worker_fit_for_a_good_one(worker: VideoWorker, plain_video: Path) -> None:
    with pytest.raises(errors.NotAVideo):
        worker.read(os.devnull)
    before = worker.process_id
    assert read_barcodes(worker.read(plain_video).frames) == [3, 9, 15, 21, 27, 33, 39, 45]
    assert worker.process_id == before
