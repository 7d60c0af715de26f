"""The pipelines of the README do what it says of them."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SECTION = README.split("\n## Folders of videos\n")[1].split("\n## ")[0]
COMMANDS = re.search(r"```\n(.*?)```", SECTION, re.DOTALL)[1].splitlines()


@pytest.fixture
def pipeline(tmp_path):
    """Runs a line of the README in a shell, with two videos that need no model; what it wrote to stdout and stderr."""
    (tmp_path / "clips" / "sub").mkdir(parents=True)
    for name in ("a.mp4", "sub/b c.mp4"):
        (tmp_path / "clips" / name).write_text("word")
    return _shell(tmp_path, f'#!/bin/sh\nexec "{sys.executable}" -m tests.batch.fake_run "$@"\n', "demo")


@pytest.fixture
def real_pipeline(pipeline, tmp_path, clip, tiny_preset, warm):
    """The same with two clips and the tiny pair."""
    for name in ("a.mp4", "sub/b c.mp4"):
        shutil.copy(clip, tmp_path / "clips" / name)
    return _shell(tmp_path, warm.script(), tiny_preset)


def _shell(tmp_path, script, preset):
    tools = tmp_path / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "lvspec").write_text(script)
    (tools / "lvspec").chmod(0o755)
    variables = {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "LVSPEC_PRESET": str(preset),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }

    def run(line):
        command = ["bash", "-euo", "pipefail", "-c", line]
        done = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, **variables}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    return run


def lines_with(word):
    """The commands of the section with that word in them."""
    return [line for line in COMMANDS if word in line]


def texts_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in (".txt", ".srt"))


def test_a_rerun_does_what_is_missing_and_only_that(pipeline, tmp_path):
    first, again, retried, subtitled = lines_with("-o out/")
    assert "2 captioned, 0 failed" in pipeline(first)[1]
    assert texts_below(tmp_path / "out") == ["a.txt", "sub/b c.txt"]
    for line in (again, retried, subtitled):
        assert "0 captioned, 0 failed, 2 skipped" in pipeline(line)[1]
    assert texts_below(tmp_path / "out") == ["a.srt", "a.txt", "sub/b c.srt", "sub/b c.txt"]


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_records_go_through_a_pipe(real_pipeline):
    (line,) = lines_with("jq")
    said = real_pipeline(line)[0]
    once = said[: len(said) // 2]  # the two clips are copies of one; what a tiny pair says may hold any character
    assert once.strip()
    assert once.endswith("\n")
    assert said == 2 * once


def test_sidecars_lie_beside_their_videos(real_pipeline, tmp_path):
    (line,) = lines_with("--sidecar")
    real_pipeline(line)
    assert texts_below(tmp_path / "clips") == ["a.txt", "sub/b c.txt"]
    assert (tmp_path / "clips" / "a.txt").read_text().startswith("ohwx")


def test_shares_make_one_whole(pipeline, tmp_path):
    shares, status, merge = lines_with("shares/")
    pipeline(shares)
    pipeline(status)
    pipeline(merge)
    records = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert [record["path"] for record in records] == ["clips/a.mp4", "clips/sub/b c.mp4"]
    assert all(record["error"] is None for record in records)
