"""Where `lvspec caption` writes: files for each video, what is skipped, and runs that end in the middle."""

import csv
import io
import json
import os
import subprocess
import sys

import pysubs2
import pytest

from lvspec_cli.batch.journal import NAME
from lvspec_cli.output import FORMATS
from tests.batch.fake_run import with_tests

ALL = ",".join(FORMATS)
MANY = 3000  # failures: they fill more than the buffer of a pipe, in any format
posix = pytest.mark.skipif(os.name == "nt", reason="limits and pipes are others there")


@pytest.fixture
def tree(tmp_path):
    """The files below a folder, but for videos and journals."""

    def list_files(folder="."):
        found = sorted(str(path.relative_to(tmp_path / folder)) for path in (tmp_path / folder).rglob("*.*"))
        found = [name for name in found if not name.endswith((".mp4", NAME))]
        return [name for name in found if os.path.isfile(tmp_path / folder / name)]

    return list_files


def test_one_video_in_all_formats(caption, copies, tmp_path, tree):
    outcome = caption(*copies("clip.mp4"), "--format", ALL, "-o", "out/")
    assert (outcome.code, outcome.out) == (0, "")
    assert tree("out") == sorted(f"clip{writer.suffix}" for writer in FORMATS.values())
    record = json.loads((tmp_path / "out" / "clip.json").read_text())
    assert (tmp_path / "out" / "clip.txt").read_text() == record["text"] + "\n"
    assert json.loads((tmp_path / "out" / "clip.jsonl").read_text())["text"] == record["text"]
    for name in ("srt", "vtt"):
        (event,) = pysubs2.load(str(tmp_path / "out" / f"clip.{name}"))
        assert (event.start, event.end) == (0, 2000)
    (row,) = csv.DictReader(io.StringIO((tmp_path / "out" / "clip.csv").read_text(), newline=""))
    assert (row["path"], row["start_s"], row["end_s"], row["finish_reason"]) == ("clip.mp4", "0.0", "2.0", "length")
    assert (tmp_path / "out" / "clip.md").read_text().startswith("# clip.mp4\n\n")


@pytest.mark.parametrize("name", FORMATS)
def test_stdout_takes_every_format(caption, copies, name, tmp_path):
    (video,) = copies("clip.mp4")
    outcome = caption(video, "--format", name)
    assert outcome.code == 0
    assert caption(video, "-o", f"out{FORMATS[name].suffix}").out == ""  # the name tells the format
    if name not in ("json", "jsonl"):  # there are measured times in these
        assert (tmp_path / f"out{FORMATS[name].suffix}").read_bytes() == outcome.out.encode()


def test_the_tree_of_a_folder_is_mirrored(caption, copies, tree):
    copies("in/b.mp4", "in/sub/c.mp4", "in/sub/b.mp4")
    outcome = caption("-r", "in", "-o", "out/", "--format", "text,srt")
    assert outcome.code == 0
    assert tree() == [f"out/{name}.{suffix}" for name in ("b", "sub/b", "sub/c") for suffix in ("srt", "txt")]
    assert outcome.err.endswith("lvspec: 3 captioned, 0 failed\n")


def test_sidecars_are_beside_videos_and_beside_folders_of_images(caption, copies, tmp_path, tree):
    from PIL import Image

    copies("in/a.mp4")
    (tmp_path / "in" / "shots.1").mkdir()
    for i in range(2):
        Image.new("RGB", (56, 56), (60 * i, 0, 0)).save(tmp_path / "in" / "shots.1" / f"{i}.png")
    outcome = caption("in/a.mp4", "in/shots.1/", "--source-fps", "1", "--sidecar")
    assert (outcome.code, outcome.out) == (0, "")
    assert tree("in") == ["a.txt", "shots.1.txt", "shots.1/0.png", "shots.1/1.png"]


def test_a_video_whose_files_are_there_is_skipped_and_no_model_is_loaded(caption, copies, tmp_path, loads):
    videos = copies("a.mp4", "b.mp4")
    assert caption(*videos, "--sidecar").code == 0
    (tmp_path / "a.txt").write_text("edited by hand\n")
    loads.clear()
    outcome = caption(*videos, "--sidecar")
    assert (outcome.code, outcome.out, loads) == (0, "", [])
    assert "lvspec: skipped: a.mp4: a.txt exists, from this video or another of its name; --over" in outcome.err
    assert outcome.err.endswith("lvspec: 0 captioned, 0 failed, 2 skipped\n")
    assert (tmp_path / "a.txt").read_text() == "edited by hand\n"


def test_the_rest_of_a_run_goes_on_where_it_ended(caption, copies, tmp_path):
    copies("a.mp4", "b.mp4")
    assert caption("a.mp4", "gone.mp4", "-o", "out/").code == 1
    outcome = caption("a.mp4", "gone.mp4", "b.mp4", "-o", "out/")
    assert outcome.code == 1
    assert outcome.err.endswith("lvspec: 1 captioned, 1 failed, 1 skipped\n")
    assert sorted(os.listdir(tmp_path / "out")) == [NAME, "a.txt", "b.txt"]


def test_only_missing_files_are_written_unless_all_are_to_be_made_anew(caption, copies, tmp_path):
    (video,) = copies("a.mp4")
    caption(video, "-o", "out/")
    said = (tmp_path / "out" / "a.txt").read_text()
    (tmp_path / "out" / "a.txt").write_text("mine\n")
    assert "skipped: " not in caption(video, "-o", "out/", "--format", "text,srt").err
    assert (tmp_path / "out" / "a.txt").read_text() == "mine\n"
    assert (tmp_path / "out" / "a.srt").exists()
    assert caption(video, "-o", "out/", "--overwrite").code == 0
    assert (tmp_path / "out" / "a.txt").read_text() == said


def test_a_failed_video_leaves_no_file(caption, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    outcome = caption("broken.mp4", "gone.mp4", "--sidecar", "--format", ALL)
    assert (outcome.code, outcome.out) == (1, "")
    assert os.listdir(tmp_path) == ["broken.mp4"]


def test_failures_are_told_where_formats_have_a_place_for_them(caption, copies):
    (video,) = copies("a.mp4")
    rows = [*csv.DictReader(io.StringIO(caption("gone.mp4", video, "--format", "csv").out, newline=""))]
    assert [(row["path"], row["kind"], row["error_type"]) for row in rows] == [
        ("gone.mp4", "failure", "not_found"),
        ("a.mp4", "segment", ""),
    ]
    out = caption("gone.mp4", video, "--format", "md").out
    assert out.startswith("# gone.mp4\n\n**Failed** (not\\_found): there is no file 'gone.mp4'")
    assert "\n\n# a.mp4\n\n" in out


@pytest.mark.parametrize("name", ["srt", "vtt"])
def test_subtitles_of_several_videos_are_refused_before_anything_is_loaded(caption, copies, loads, name):
    outcome = caption(*copies("a.mp4", "b.mp4"), "--format", name)
    assert (outcome.code, outcome.out, loads) == (2, "", [])
    assert f"{name} holds one video, and there may be several: use -o FOLDER/, or --sidecar" in outcome.err


def test_two_videos_for_one_file_are_refused_before_anything_is_loaded(caption, copies, loads, tmp_path):
    outcome = caption(*copies("a/x.mp4", "b/x.mp4"), "-o", "out/")
    assert (outcome.code, loads) == (2, [])
    assert "a/x.mp4 and b/x.mp4 would both be written to out/x.mp4.txt" in outcome.err
    assert not (tmp_path / "out").exists()


def test_names_that_differ_in_case_alone_are_two_files_where_the_disk_has_two(caption, copies, tmp_path, tree):
    outcome = caption(*copies("x.mp4", "X.mp4"), "-o", "out/")
    if len(list(tmp_path.glob("[xX].mp4"))) == 2:
        assert (outcome.code, tree("out")) == (0, ["X.txt", "x.txt"])
    else:
        assert outcome.code == 2


@pytest.mark.parametrize("options", [(), ("--overwrite",)])
@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_what_is_no_record_of_a_caption_is_neither_replaced_nor_taken_for_one(
    caption, copies, loads, tmp_path, name, options
):
    (video,) = copies("clip.mp4")
    truth = tmp_path / f"clip.{name}"
    truth.write_text('{"schema": "lvspec.clip/1"}\n')
    outcome = caption(video, "--sidecar", "--format", f"text,{name}", *options)
    assert (outcome.code, outcome.out, loads) == (2, "", [])
    said = f"clip.{name} is there and is no record of a caption: move it away, or choose another place"
    assert outcome.err.endswith(f"lvspec: error: {said}\n")
    assert truth.read_text() == '{"schema": "lvspec.clip/1"}\n'
    truth.unlink()
    for _ in range(2):  # of which the second finds a record, skips the video or makes it anew
        assert caption(video, "--sidecar", "--format", name, *options).code == 0
        assert json.loads(truth.read_text())["schema"] == "lvspec.caption/1"


def test_formats_may_come_from_the_environment_and_a_file(caption, copies, tmp_path, monkeypatch, tree):
    (video,) = copies("a.mp4")
    (tmp_path / "lvspec.toml").write_text('format = ["text", "md"]\n')
    assert caption(video, "-o", "one/").code == 0
    monkeypatch.setenv("LVSPEC_FORMAT", "srt,csv")
    assert caption(video, "-o", "two/").code == 0
    assert [*tree("one"), *tree("two")] == ["a.md", "a.txt", "a.csv", "a.srt"]
    monkeypatch.setenv("LVSPEC_FORMAT", "srt,cvs")
    assert "LVSPEC_FORMAT must be one of " in caption(video, "-o", "two/").err


def test_an_interrupt_keeps_the_files_of_finished_videos_and_tells_where(caption, copies, tree, interrupt_at):
    interrupt_at("b.mp4")
    outcome = caption(*copies("a.mp4", "b.mp4", "c.mp4"), "-o", "out/")
    assert outcome.code == 130
    assert outcome.err.endswith(
        "lvspec: interrupted after 1 of 3 videos; their captions are in out/; the same command goes on from there\n"
    )
    assert tree() == ["out/a.txt"]


@posix
def test_a_full_disk_ends_the_run_and_leaves_nothing_half_written(tiny_preset, tmp_path, tree):
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_text("word")
    # Files may have a block of 512 or 1024 bytes: enough for a caption, and too little for a record.
    command = [sys.executable, "-m", "tests.batch.fake_run", "caption", "a.mp4", "b.mp4", "--preset", str(tiny_preset)]
    limited = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *command, "--format", "text,json", "--sidecar"]
    done = subprocess.run(limited, cwd=tmp_path, env=with_tests(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("lvspec: error: a.json cannot be written: File too large; ")
    assert tree() == ["a.txt"]


@posix
@pytest.mark.parametrize("name", ["csv", "md"])
def test_a_reader_that_leaves_ends_the_run_quietly(tiny_preset, tmp_path, name):
    (tmp_path / "list").write_text("".join(f"gone-{number}.mp4\n" for number in range(MANY)))
    given = ["--from-file", tmp_path / "list", "--preset", tiny_preset, "--format", name, "--ui", "none"]
    command = [sys.executable, "-m", "lvspec_cli", "caption", *map(str, given)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert os.read(process.stdout.fileno(), 4) in (b"path", b"# go")
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=600) == 1
    assert err.count(b"gone-") < MANY  # it did not go on to the end
    for word in (b"Traceback", b"Broken pipe", b"Exception ignored"):
        assert word not in err
