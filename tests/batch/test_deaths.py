"""`kill -9` at any moment, and the same command again: in the end every video is done once and every file is whole."""

import json
import os
import random
import shutil
import signal
import time

import pytest

from lvspec_cli.batch.journal import NAME
from tests.batch.conftest import lines

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="signals and forks are POSIX")
KILLS, VIDEOS = 20, 30
ENOUGH = KILLS // 2  # that must come in time: where much else is done, a run may be at its end before they do
FOLDER = ["in", "-r", "-o", "out/", "--format", "text,json"]
FILE = ["in", "-r", "-o", "all.jsonl", "--journal", "journal.jsonl"]


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with videos in one below, and the log of what was captioned."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for index in range(VIDEOS):
        (tmp_path / "in" / ("deep" if index % 3 == 0 else "") / f"clip {index:02}.mp4").write_text(f"video {index}")
    monkeypatch.setenv("CAPTIONED", str(tmp_path / "captioned"))
    return tmp_path


def moments(seed, journal):
    """Twenty random ways to die: after some bytes, after some time, and before some change on the disk."""
    choose = random.Random(seed)
    kinds = [
        lambda: {"bytes": choose.randrange(1, 3000), "of": journal},
        lambda: {"seconds": choose.uniform(0.01, 0.07)},
        lambda: {"change": choose.randrange(12)},
    ]
    return [choose.choice(kinds)() for _ in range(KILLS)]


def journaled(path):
    return sorted(os.path.basename(line["path"]) for line in lines(path) if line["type"] == "video")


NAMES = [f"clip {index:02}.mp4" for index in range(VIDEOS)]


@pytest.mark.parametrize("seed", [1, 2])
def test_twenty_deaths_of_a_run_into_a_folder_cost_nothing(work, lead_lives, monkeypatch, seed):
    monkeypatch.setenv("SECONDS_A_VIDEO", "0.02")
    journal = os.path.join("out", NAME)
    ends = lead_lives(work, [(FOLDER, death) for death in moments(seed, journal)])
    assert ends.count(-9) >= ENOUGH
    for half_written in (work / "out").rglob(".lvspec-*"):
        os.utime(half_written, (0, 0))  # as if it were there for long
    assert lead_lives(work, [(FOLDER, {})]) == [0]
    assert journaled(work / journal) == NAMES
    for index, name in enumerate(NAMES):
        place = work / "out" / ("deep" if index % 3 == 0 else "") / name.removesuffix(".mp4")
        assert place.with_suffix(".txt").read_text() == f"seen: {index}\n"
        assert json.loads(place.with_suffix(".json").read_text())["text"] == f"seen: {index}"
    assert len([path for path in (work / "out").rglob("*") if path.is_file()]) == 2 * VIDEOS + 1  # and the journal
    assert (work / "captioned").read_bytes().count(b"\0") <= VIDEOS + KILLS  # a death costs one video at most


def test_twenty_deaths_of_a_run_into_a_file_cost_nothing(work, lead_lives, monkeypatch):
    monkeypatch.setenv("SECONDS_A_VIDEO", "0.02")
    ends = lead_lives(work, [(FILE, death) for death in [*moments(3, "journal.jsonl"), {}]])
    assert ends[-1] == 0
    assert ends.count(-9) >= ENOUGH
    assert journaled(work / "journal.jsonl") == NAMES
    assert sorted(os.path.basename(record["path"]) for record in lines(work / "all.jsonl")) == NAMES
    assert (work / "captioned").read_bytes().count(b"\0") <= VIDEOS + KILLS


CHANGES = 16  # on the disk; more than a run over two videos makes


def test_a_death_before_any_change_on_the_disk_costs_nothing(lead_lives, tmp_path):
    lives = []
    for change in range(CHANGES):
        (tmp_path / f"{change}" / "in").mkdir(parents=True)
        for name in "ab":
            (tmp_path / f"{change}" / "in" / f"{name}.mp4").write_text(f"video {name}")
        arguments = [f"{change}/in", "-r", "-o", f"{change}/out/", "--format", "text,json"]
        lives += [(arguments, {"change": change}), (arguments, {})]
    ends = lead_lives(tmp_path, lives)
    assert set(ends[::2]) == {-9}
    assert set(ends[1::2]) == {0}
    for change in range(CHANGES):
        out = tmp_path / f"{change}" / "out"
        assert journaled(out / NAME) == ["a.mp4", "b.mp4"]
        for name in "ab":
            assert (out / f"{name}.txt").read_text() == f"seen: {name}\n"
            assert json.loads((out / f"{name}.json").read_text())["text"] == f"seen: {name}"


@pytest.mark.parametrize("renewal", ["other videos", "--overwrite", "other settings"])
def test_a_death_while_results_are_replaced_leaves_no_old_ones_for_good(lead_lives, tmp_path, renewal):
    def begun(change):
        (tmp_path / f"{change}" / "in").mkdir(parents=True)
        (tmp_path / f"{change}" / "in" / "a.mp4").write_text("video old")
        return [f"{change}/in", "-r", "-o", f"{change}/out/", "--format", "text,json"]

    changes = range(16)
    runs = {change: begun(change) for change in changes}
    assert set(lead_lives(tmp_path, [(runs[change], {}) for change in changes])) == {0}
    for video in tmp_path.glob("*/in/*.mp4"):
        times = video.stat()
        video.write_text("video renewed" if renewal == "other videos" else "video new")
        if renewal != "other videos":  # as if it was the same: its time and size say so
            os.utime(video, ns=(times.st_atime_ns, times.st_mtime_ns))
    more = ["--prompt", "Else."] if renewal == "other settings" else []
    first = more + (["--overwrite"] if renewal != "other videos" else [])
    lives = [
        life for change in changes for life in ((runs[change] + first, {"change": change}), (runs[change] + more, {}))
    ]
    ends = lead_lives(tmp_path, lives)
    assert ends[:24:2] == [-9] * 12
    new = "seen: renewed" if renewal == "other videos" else "seen: new"
    for change, code in zip(changes, ends[1::2], strict=True):
        out = tmp_path / f"{change}" / "out"
        begun_anew = renewal == "other videos" or len([line for line in lines(out / NAME) if line["type"] == "run"]) > 1
        assert begun_anew or change < 6
        assert code == (0 if begun_anew or renewal == "--overwrite" else 2)  # other settings are refused
        said = new if begun_anew else "seen: old"
        assert (out / "a.txt").read_text() == f"{said}\n"
        assert json.loads((out / "a.json").read_text())["text"] == said


def test_a_death_while_formats_differ_leaves_no_file_of_an_old_caption(lead_lives, tmp_path):
    changes = range(18)
    inputs = {change: [f"{change}/in", "-r", "-o", f"{change}/out/"] for change in changes}
    for change in changes:
        (tmp_path / f"{change}" / "in").mkdir(parents=True)
        (tmp_path / f"{change}" / "in" / "a.mp4").write_text("video old")
    every, one = ["--format", "text,json"], ["--format", "md"]
    assert set(lead_lives(tmp_path, [(inputs[change] + every, {}) for change in changes])) == {0}
    for video in tmp_path.glob("*/in/*.mp4"):
        video.write_text("video renewed")
    lives = [
        (inputs[change] + formats, death)
        for change in changes
        for formats, death in ((one, {"change": change}), (one, {}), (every, {"change": change}), (every, {}))
    ]
    ends = lead_lives(tmp_path, lives)
    assert ends[:40:4] == ends[2:42:4] == [-9] * 10
    assert set(ends[1::2]) == {0}
    for change in changes:
        out = tmp_path / f"{change}" / "out"
        assert journaled(out / NAME) == ["a.mp4"] * 2
        assert (out / "a.txt").read_text() == "seen: renewed\n"
        assert json.loads((out / "a.json").read_text())["text"] == "seen: renewed"
        assert "seen: renewed" in (out / "a.md").read_text()


def test_two_deaths_of_a_run_with_real_models_cost_nothing(warm, tiny_preset, clip, tmp_path):
    (tmp_path / "in").mkdir()
    for name in "abcdef":
        shutil.copy(clip, tmp_path / "in" / f"{name}.mp4")
    given = ["caption", "--preset", tiny_preset, "-q", *FOLDER]
    journal = tmp_path / "out" / NAME
    for done in (1, 3):
        process = warm.start(*given, cwd=tmp_path)
        while not journal.exists() or journal.read_bytes().count(b'"type": "video"') < done:
            assert process.poll() is None
            time.sleep(0.001)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert warm.start(*given, cwd=tmp_path).wait() == 0
    assert journaled(journal) == [f"{name}.mp4" for name in "abcdef"]
    for name in "abcdef":
        record = json.loads((tmp_path / "out" / f"{name}.json").read_text())
        assert (tmp_path / "out" / f"{name}.txt").read_text() == record["text"] + "\n"
        assert record["error"] is None
