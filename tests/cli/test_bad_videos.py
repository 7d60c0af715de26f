"""Videos that cannot be read: one line that says what to do, exit code 1, and no model loaded for them."""

import json
import shutil
import subprocess

import pytest

PLAYLIST = "#EXTM3U\n#EXTINF:1,\nsecret.mp4\n"
CONCAT = "ffconcat version 1.0\nfile secret.mp4\n"


def write(content):
    return lambda path, clip: path.write_bytes(content)


def truncated(path, clip):
    """A recording that was cut off: the index, which most programs write last, is missing."""
    data = clip.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4] + data[data.index(b"mdat") - 4 :])


def audio_only(path, clip):
    if shutil.which("ffmpeg") is None:
        pytest.skip("the program ffmpeg makes this file")
    sound = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", str(path)]
    subprocess.run(sound, check=True)


BAD = {
    "missing": (lambda path, clip: None, "not_found", "check the path"),
    "empty": (write(b""), "empty", "is empty"),
    "text": (write(b"This is no video, but a text.\n" * 50), "not_a_video", ""),
    "truncated": (truncated, "not_a_video", ""),
    "audio": (audio_only, "no_video_stream", "has no video stream"),
    "folder": (lambda path, clip: path.mkdir(), "not_a_video", "folder without images"),
    "playlist": (write(PLAYLIST.encode()), "not_a_video", "is a playlist"),
    "concat": (write(CONCAT.encode()), "not_a_video", "is a playlist"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_video_is_one_line_and_loads_no_model(caption, clip, tmp_path, loads, kind):
    make, error_type, advice = BAD[kind]
    shutil.copy(clip, tmp_path / "secret.mp4")
    make(tmp_path / "bad.mp4", clip)
    outcome = caption("bad.mp4")
    assert outcome.code == 1
    assert outcome.out == ""
    assert loads == []
    _, line = outcome.err.splitlines()
    assert line.startswith("lvspec: error: ")
    assert "bad.mp4" in line
    assert advice in line
    record = json.loads(caption("bad.mp4", "--format", "json").out)
    assert record["error"]["message"] in line
    assert record["error"]["type"] == error_type


def test_a_damaged_video_is_captioned_with_a_warning(caption, clip, tmp_path):
    data = clip.read_bytes()
    (tmp_path / "damaged.mp4").write_bytes(data[: len(data) // 3])
    outcome = caption("damaged.mp4")
    assert outcome.code == 0
    assert "lvspec: damaged.mp4: " in outcome.err
    assert "bad packets" in outcome.err


def test_a_device_is_no_video(caption, loads):
    outcome = caption("/dev/null")
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1].startswith("lvspec: error: '/dev/null' is a device")
    assert loads == []


def test_a_start_past_the_end_says_how_long_the_video_is(caption, clip, loads):
    outcome = caption(clip, "--start", "1:00")
    assert outcome.code == 1
    assert "--start 60 is past the end of the video, which lasts 2.000 s" in outcome.err
    assert loads == []


def test_an_address_is_told_from_a_path(caption):
    assert "download the video first" in caption("https://example.org/a.mp4").err
