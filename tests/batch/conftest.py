"""Runs with the real command line and a captioner that needs no model, over videos that are made of words."""

import json
import os

import pytest

from lvspec_cli.batch.journal import NAME
from tests.batch.fake_run import replace_captioner
from tests.cli.conftest import lvspec  # noqa: F401 - a fixture


@pytest.fixture
def run(lvspec, tiny_preset, monkeypatch):  # noqa: F811
    """`lvspec caption` in an empty folder, with the captioner of `fake_run`."""
    replace_captioner(monkeypatch.setattr)
    return lambda *arguments: lvspec("caption", "--preset", tiny_preset, "--ui", "plain", *arguments)


@pytest.fixture
def captioned(monkeypatch, tmp_path_factory):
    """The videos that the captioner had to look at since this was asked last, in order."""
    log = tmp_path_factory.mktemp("log") / "captioned"
    monkeypatch.setenv("CAPTIONED", str(log))

    def ask():
        done = log.read_bytes().split(b"\0")[:-1] if log.exists() else []
        log.write_bytes(b"")
        return [*map(os.fsdecode, done)]

    return ask


@pytest.fixture
def videos(tmp_path):
    """Write videos with the given words; the names come back."""

    def write(**words):
        for name, text in words.items():
            (tmp_path / f"{name}.mp4").write_text(text)
        return [f"{name}.mp4" for name in words]

    return write


@pytest.fixture(scope="session")
def lead_lives(tiny_preset):
    """Lets runs live and die: see `tests.batch.deaths.Fates.lead_lives`."""
    from tests.batch.deaths import Fates

    with Fates(tiny_preset) as fates:
        yield fates.lead_lives


def lines(path):
    """The lines of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def entries(folder, name=NAME):
    """Of each video in a journal, by name: the type of its error, or None; the last line counts."""
    written = [line for line in lines(folder / name) if line["type"] == "video"]
    return {
        os.path.basename(line["path"]): line["record"]["error"] and line["record"]["error"]["type"] for line in written
    }


def told(outcome):
    """What people are told of a run, but for the lines of single videos and of the preset."""
    begin = "lvspec: "
    found = [line.removeprefix(begin) for line in outcome.err.splitlines() if line.startswith(begin)]
    return [line for line in found if line != "tiny knows nothing at all"]
