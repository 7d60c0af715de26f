"""Runs and pipelines on a real Ray cluster of this machine, with two workers, one of which is killed in the middle."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from lvspec_cli.batch.journal import NAME, Journal
from lvspec_cli.cli import main

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found and ended in other ways there")
GOOD = [f"folder/{name}.mp4" for name in "abcdefgh"]
DEADLY, DAMAGED, MISSING = "folder/deadly.mp4", "folder/damaged.mp4", "folder/gone.mp4"
CAPTION = ["caption", "--runner", "ray", "--workers", "2", "--format", "text,json", "-o", "out/"]
STORE_BYTES = 100 * 2**20


@pytest.fixture(scope="module")
def cluster():
    """Two cores' worth of Ray. Its workers need no model for videos in "folder", and one of those kills them."""
    from lvspec_cli.batch.ray_cluster import import_ray

    import_ray(verbose=False)
    import ray

    root = str(Path(__file__).parents[2])

    def let_videos_kill():  # in every process of a worker, before it does anything
        sys.path.insert(0, root)
        os.environ["SECONDS_A_VIDEO"] = "0.2"  # so that workers are killed over one
        from lvspec_cli.captioner import Captioner
        from tests.batch.fake_run import replace_captioner

        real = Captioner.stream
        replace_captioner()
        fake = Captioner.stream

        def deadly(self, video, *more):
            if os.path.basename(video) == "deadly.mp4":
                os.kill(os.getpid(), signal.SIGKILL)
            of_words = os.path.basename(os.path.dirname(video)) == "folder"
            return (fake if of_words else real)(self, video, *more)

        Captioner.stream = deadly

    handler = signal.getsignal(signal.SIGTERM)
    hook = {"worker_process_setup_hook": let_videos_kill}
    own = {"include_dashboard": False, "object_store_memory": STORE_BYTES, "log_to_driver": False}
    ray.init(address="local", num_cpus=2, runtime_env=hook, **own)
    signal.signal(signal.SIGTERM, handler)
    yield ray
    ray.shutdown()


@dataclass(frozen=True)
class Run:
    """What a run left behind."""

    code: int
    out: str
    err: str
    killed: list[int]  # processes of workers

    @property
    def journal(self):
        """The lines of videos."""
        lines = [json.loads(line) for line in Path("out", NAME).read_text().splitlines()]
        return [line for line in lines if line["type"] == "video"]


def lvspec(*arguments, killed=()):
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    with redirect_stdout(out), redirect_stderr(io.StringIO()) as err:
        code = main([str(argument) for argument in arguments])
    out.flush()
    return Run(code, out.buffer.getvalue().decode(), err.getvalue(), list(killed))


def captioning_workers():
    """The processes that caption for the cluster of this process, which are grandchildren of it."""
    parents, workers = {}, []
    for place in Path("/proc").iterdir():
        try:
            name = (place / "cmdline").read_bytes()
            parents[place.name] = (place / "stat").read_text().rpartition(")")[2].split()[1]
        except (OSError, IndexError):  # not a process, or no more
            continue
        if name.startswith(b"ray::MapWorker"):
            workers.append(place.name)
    return [int(worker) for worker in workers if parents.get(parents[worker]) == str(os.getpid())]


@pytest.fixture(scope="module")
def run(cluster, tiny_preset, tmp_path_factory):
    """A run over videos of all kinds. A worker is killed as soon as two results are in the journal."""
    append, killed, lines = Journal.append, [], []

    def append_and_kill(self, key, result, files=()):
        append(self, key, result, files)
        lines.append(key)
        if len(lines) == 2:
            killed.append(captioning_workers()[0])
            os.kill(killed[0], signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("run"))
        patch.setattr(Journal, "append", append_and_kill)
        Path("folder").mkdir()
        for name in (*GOOD, DEADLY):
            Path(name).write_text(f"word {name}")
        Path(DAMAGED).write_text("damaged")
        videos = [*GOOD[:3], DEADLY, DAMAGED, MISSING, *GOOD[3:]]
        yield lvspec(*CAPTION, "--preset", tiny_preset, *videos, killed=killed)


def test_each_video_is_once_in_the_journal_whoever_dies(run):
    assert len(run.killed) == 1
    assert Counter(line["record"]["path"] for line in run.journal) == Counter([*GOOD, DEADLY, DAMAGED, MISSING])
    assert Counter(line["path"] for line in run.journal) == Counter(
        os.path.abspath(name) for name in (*GOOD, DEADLY, DAMAGED, MISSING)
    )
    texts = {line["record"]["path"]: line["record"]["text"] for line in run.journal}
    assert {name: texts[name] for name in GOOD} == {name: f"seen: {name}" for name in GOOD}


def test_each_captioned_video_has_its_whole_files(run):
    names = [Path(video).stem for video in GOOD]
    assert sorted(path.name for path in Path("out").glob("*.*") if path.name != NAME) == sorted(
        f"{name}.{suffix}" for name in names for suffix in ("txt", "json")
    )
    for video, name in zip(GOOD, names, strict=True):
        record = json.loads(Path("out", f"{name}.json").read_text())
        assert record["path"] == video  # as it was named, though workers were given another name
        assert Path("out", f"{name}.txt").read_text() == record["text"] + "\n"


def test_a_video_that_kills_its_workers_is_a_failure_at_last(run):
    errors = {line["record"]["path"]: line["record"]["error"] for line in run.journal}
    assert errors[DEADLY]["type"] == "ray_worker_died"
    assert errors[DEADLY]["message"].startswith(f"2 workers died over '{DEADLY}', ")
    assert errors[DAMAGED]["type"] == "not_a_video"
    assert errors[MISSING] == {"type": "not_found", "message": f"there is no file '{MISSING}'"}


def test_people_are_told_of_finished_videos_and_nothing_of_ray(run):
    assert (run.code, run.out) == (1, "")
    lines = run.err.splitlines()
    assert [line for line in lines if not line.startswith(("lvspec: ", "folder/"))] == []
    assert sum(" tokens, " in line for line in lines) == len(GOOD)
    assert "lvspec: 8 captioned, 3 failed" in lines


def test_what_is_done_needs_no_worker(run, tiny_preset, monkeypatch):
    monkeypatch.setattr("lvspec_cli.batch.ray_source.cluster", None)
    again = lvspec(*CAPTION, "--preset", tiny_preset, *GOOD, DEADLY, DAMAGED)
    assert again.err.splitlines()[-2:] == [
        "lvspec: 0 captioned, 2 failed, 8 skipped",
        "lvspec: 2 failed in an earlier run and were not tried again: --retry-failed does",
    ]


def test_the_pipeline_in_the_docs_runs(cluster, tiny_preset, clip, tmp_path, monkeypatch):
    from pyarrow import parquet  # comes with Ray Data

    monkeypatch.chdir(tmp_path)
    Path("clips").mkdir()
    shutil.copy(clip, "clips/a.mp4")
    Path("clips/bad.mp4").write_text("no video")
    text = (Path(__file__).parents[2] / "docs" / "ray.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    for there, here in (("qwen2.5-vl-7b", str(tiny_preset)), ("num_gpus=1", "num_cpus=1"), ("size=4", "size=1")):
        assert there in code
        code = code.replace(there, here)
    exec(code, {})
    rows = {os.path.basename(row["path"]): row for row in parquet.read_table("captions").to_pylist()}
    assert sorted(rows) == ["a.mp4", "bad.mp4"]
    assert (bool(rows["a.mp4"]["text"]), rows["a.mp4"]["error_type"]) == (True, "")
    assert (rows["bad.mp4"]["text"], rows["bad.mp4"]["error_type"]) == ("", "not_a_video")
    assert json.loads(rows["a.mp4"]["record"])["text"] == rows["a.mp4"]["text"]


def test_an_interrupt_ends_the_workers_and_the_journal_stands(tiny_preset, clip, tmp_path):
    """A process, a cluster and models of its own: all that it writes to both streams is seen."""
    videos = [f"{index}.mp4" for index in range(100)]
    for name in videos:
        os.link(clip, tmp_path / name)
    options = ["--preset", tiny_preset, "--runner", "ray", "--format", "jsonl", "--journal", "done.jsonl"]
    command = [sys.executable, "-m", "lvspec_cli", "caption", *videos, *map(str, options)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    started = {"cwd": tmp_path, "env": environment, "text": True, "start_new_session": True}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **started) as process:
        first = process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: workers are told, too
        rest, err = process.communicate(timeout=600)
    assert process.returncode == 130
    records = [json.loads(line) for line in (first + rest).splitlines()]
    printed = [record["path"] for record in records]
    assert all(record["text"] and record["error"] is None for record in records)
    lines = [json.loads(line) for line in (tmp_path / "done.jsonl").read_text().splitlines()]
    assert [line["record"]["path"] for line in lines if line["type"] == "video"] == printed
    told = [line for line in err.splitlines() if " tokens/s" not in line]
    assert told[0].startswith("lvspec: tiny knows nothing")
    assert told[1:] == [f"lvspec: interrupted after {len(printed)} of 100 videos; the same command goes on from there"]
