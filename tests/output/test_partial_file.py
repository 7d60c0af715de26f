"""Nothing in a file that results grow in is ever torn, and an error tells where what was finished is."""

import json
import os

import pytest

from lvspec_cli.errors import LvspecError, TraceError
from lvspec_cli.output import FORMATS
from lvspec_cli.output.destination import open_destination
from lvspec_cli.output.trace import TraceWriter
from tests.output.captions import made

resource = pytest.importorskip("resource")
ROOM = 5000  # bytes


@pytest.fixture
def small_disk():
    """For this process, a file has room for so many bytes and no more; the last write fills it, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill(path, name):
    """Write captions until there is no room."""
    with open_destination(str(path)) as destination:
        writer = FORMATS[name](destination.stream, several=True, terminal=False)
        try:
            while True:
                writer.write(made("clip.mp4", "A cat. " * 30))
        finally:
            writer.close()


def fill_with_trace(path):
    """Write lines of a trace until there is no room."""
    with open_destination(str(path), flag="--trace") as destination:
        writer = TraceWriter(destination.stream)
        while True:
            writer.result(made("clip.mp4", "A cat."))


@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize("name", ["jsonl", "json", "csv", "text", "md"])
def test_a_full_disk_leaves_whole_results_and_the_error_names_their_file(tmp_path, name):
    path = tmp_path / "out"
    partial = tmp_path / "out.partial"
    with pytest.raises(LvspecError) as caught:
        fill(path, name)
    assert str(caught.value) == (
        f"-o {path} cannot be written: File too large; what was finished before is whole in {partial}: "
        "make room, or choose another place"
    )
    text = partial.read_text()
    if name == "json":
        assert len(json.loads(text)) >= 1
    elif name == "jsonl":
        assert all(json.loads(line)["text"] for line in text.splitlines())
    else:
        assert text.endswith("\n")
        assert len({*text.splitlines()}) <= 3  # whole lines alone, which are all alike
    assert os.listdir(tmp_path) == ["out.partial"]


@pytest.mark.usefixtures("small_disk")
def test_the_first_result_that_has_no_room_leaves_nothing_to_name(tmp_path):
    with pytest.raises(LvspecError) as caught, open_destination(str(tmp_path / "out")) as destination:
        destination.stream.write("x" * (ROOM + 1))
    assert str(caught.value).endswith("File too large: make room, or choose another place")
    assert os.listdir(tmp_path) == []


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_leaves_whole_lines_of_a_trace_and_is_an_error_of_the_trace(tmp_path):
    path = tmp_path / "t.jsonl"
    with pytest.raises(TraceError) as caught:
        fill_with_trace(path)
    assert str(caught.value).startswith(f"--trace {path} cannot be written: File too large; what was finished before ")
    lines = (tmp_path / "t.jsonl.partial").read_text().splitlines()
    assert lines
    assert all(json.loads(line)["type"] == "caption" for line in lines)


def test_an_interrupt_in_the_middle_of_a_write_tears_nothing(tmp_path, monkeypatch):
    from lvspec_cli.output.partial_file import PartialFile

    class Slow:
        """A file that takes two bytes at a time, and is interrupted before the next two."""

        def __init__(self, file):
            self.file, self.written = file, 0

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, data):
            if self.written:
                raise KeyboardInterrupt
            self.written = 1
            return self.file.write(data[:2])

    file = PartialFile(tmp_path / "out.partial", "-o out")
    file.write("whole\n")
    monkeypatch.setattr(file, "_file", Slow(file._file))
    with pytest.raises(KeyboardInterrupt):
        file.write("half\n")
    file.close()
    assert (tmp_path / "out.partial").read_text() == "whole\n"
