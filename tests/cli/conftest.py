"""Running the command line in this process, with both streams and the exit code apart."""

import io
import os
import shutil
import sys
from dataclasses import dataclass

import pytest

from lvspec_cli.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def lvspec(monkeypatch, tmp_path, loads):
    """Run a command in an empty folder; the models are loaded once for all tests."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        streams = [io.TextIOWrapper(io.BytesIO(), "ascii", errors="backslashreplace", newline="\n") for _ in range(2)]
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", streams[0])
            patch.setattr(sys, "stderr", streams[1])
            code = main([str(argument) for argument in arguments])
        for stream in streams:
            stream.flush()
        return Outcome(code, *(os.fsdecode(stream.buffer.getvalue()) for stream in streams))

    return run


@pytest.fixture
def caption(lvspec, tiny_preset):
    """`lvspec caption` with the tiny pair."""
    return lambda *arguments: lvspec("caption", "--preset", tiny_preset, *arguments)


@pytest.fixture
def ask(lvspec, tiny_preset):
    """`lvspec ask` with the tiny pair."""
    return lambda *arguments: lvspec("ask", "--preset", tiny_preset, *arguments)


@pytest.fixture
def copies(clip, tmp_path):
    """Copy the clip to the given names in the folder where commands run."""

    def copy(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(clip, path)
        return names

    return copy


@pytest.fixture
def interrupt_at(monkeypatch):
    """Interrupt the run when the turn of that video comes."""
    from lvspec_cli.captioner import Captioner

    stream = Captioner.stream

    def begin(name):
        def interrupted(self, video, *rest):
            if video == name:
                raise KeyboardInterrupt
            return stream(self, video, *rest)

        monkeypatch.setattr(Captioner, "stream", interrupted)

    return begin
