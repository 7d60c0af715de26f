"""What docs/journal.md says of Slurm, Kubernetes and several GPUs: its own commands are run, as they stand there."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.batch.journals import lines

DOCS = Path(__file__).parents[2] / "docs" / "journal.md"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the scripts are for a POSIX shell")


def block(language):
    """The only block of that language in the document."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture
def environment(tmp_path, tiny_preset):
    """That of a machine with four videos and `lvspec`, which needs no model for them."""
    for name in ("a", "b", "day 1/c", "day 1/d"):
        path = tmp_path / "videos" / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"word {name}")
    program = tmp_path / "bin" / "lvspec"
    program.parent.mkdir()
    root = shlex.quote(str(DOCS.parents[1]))
    python = shlex.quote(sys.executable)
    program.write_text(f'#!/bin/sh\nPYTHONPATH={root} exec {python} -m tests.batch.fake_run "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "LVSPEC_PRESET": str(tiny_preset)}


@pytest.fixture
def run(environment, tmp_path):
    """Run a command in the folder of the videos; it must end well."""

    def run(*command, **variables):
        known = {**environment, **{name: str(value) for name, value in variables.items()}}
        done = subprocess.run(command, cwd=tmp_path, env=known, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done

    return run


def check(lvspec, folder, shares):
    """All four videos were captioned, each by one of so many shares."""
    status = json.loads(lvspec("status", folder, "--json").out)
    assert [journal["shard"] for journal in status["journals"]] == [f"{i}/{shares}" for i in range(1, shares + 1)]
    assert status["total"] == {"videos": 4, "captioned": 4, "failed": {}, "left": 0}
    assert status["missing_shards"] == []
    known = [line for path in folder.glob(".lvspec.journal.*") for line in lines(path)]
    written = [line["path"] for line in known if line["type"] == "video"]
    assert len(written) == len(set(written)) == 4
    assert len(list(folder.rglob("*.json"))) == 4


def test_the_slurm_script_captions_every_video_once(run, lvspec, tmp_path):
    script = tmp_path / "captions.sh"
    script.write_text(block("bash"))
    first, last = map(int, re.search(r"^#SBATCH --array=(\d+)-(\d+)$", block("bash"), re.MULTILINE).groups())
    assert (first, last) == (0, 7)  # as the text below it says
    array = {"SLURM_ARRAY_TASK_COUNT": 2, "SLURM_ARRAY_TASK_MIN": first}
    for task in (first, first + 1):
        said = run("bash", script, SLURM_ARRAY_TASK_ID=task, **array).stderr
        assert f"lvspec: share {task + 1}/2: " in said
    check(lvspec, tmp_path / "results", 2)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "results").rglob("*")}
    run("bash", script, SLURM_ARRAY_TASK_ID=first, **array)  # requeued
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "results").rglob("*")} == before


def test_the_kubernetes_job_captions_every_video_once(run, lvspec, tmp_path):
    job = yaml.safe_load(block("yaml"))
    assert (job["kind"], job["spec"]["completionMode"]) == ("Job", "Indexed")
    completions = job["spec"]["completions"]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted.keys() == {volume["name"] for volume in job["spec"]["template"]["spec"]["volumes"]}
    (codes,) = (rule["onExitCodes"] for rule in job["spec"]["podFailurePolicy"]["rules"] if "onExitCodes" in rule)
    assert (codes["containerName"], codes["values"]) == (container["name"], [1, 2])
    *shell, text = container["command"]
    assert text.endswith(f"/{completions}")
    text = text.removesuffix(f"/{completions}") + "/2"  # fewer processes show the same
    for name, place in mounted.items():
        text = text.replace(f" {place}", f" {shlex.quote(str(tmp_path / name))}")
    for index in range(2):
        run(*shell, text, JOB_COMPLETION_INDEX=index)
    check(lvspec, tmp_path / "results", 2)


def test_two_gpus_caption_every_video_once(run, lvspec, tmp_path):
    done = run("sh", "-c", f"set -e\n{block('sh')}")
    check(lvspec, tmp_path / "results", 2)
    assert "merged 4 videos of 2 journals: 4 captioned, 0 failed" in done.stderr
    assert len((tmp_path / "all.jsonl").read_text().splitlines()) == 4


def test_the_keys_that_are_explained_are_those_of_the_schema():
    schema = json.loads((DOCS.parent / "journal.schema.json").read_text(encoding="utf-8"))
    keys = {key for line in schema["anyOf"] for key in line["properties"]}
    rows = re.findall(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert {key for row in rows for key in re.findall(r"`(\w+)`", row)} == keys
