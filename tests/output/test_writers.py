"""The formats: what one video and several videos, captions and failures look like in each."""

import io
import json
from dataclasses import dataclass

import pytest

from lvspec_cli.caption import Failure, Request
from lvspec_cli.errors import LvspecError, VideoNotFound
from lvspec_cli.output import FORMATS


@dataclass(frozen=True)
class Said:
    """A result with nothing but a path and a text."""

    path: str
    text: str

    def as_record(self):
        return {"path": self.path, "text": self.text, "error": None}


FAILED = Failure.of(Request("gone.mp4", "Describe it.", None), VideoNotFound("there is no file 'gone.mp4'"))


def written(name, *results, several=None, terminal=False):
    stream = io.StringIO()
    writer = FORMATS[name](stream, several=len(results) != 1 if several is None else several, terminal=terminal)
    for result in results:
        writer.write(result)
    writer.close()
    assert not stream.closed
    return stream.getvalue()


def test_text_of_one_video_is_the_caption_alone():
    assert written("text", Said("a.mp4", "A cat.\nIt sleeps.")) == "A cat.\nIt sleeps.\n"


def test_text_of_several_videos_is_one_line_each():
    assert written("text", Said("a.mp4", "A cat.\nIt sleeps."), Said("b\t\n.mp4", "A\tdog.\x1b[2J")) == (
        "a.mp4\tA cat. It sleeps.\nb .mp4\tA dog.[2J\n"
    )


def test_text_leaves_no_line_for_a_failure():
    assert written("text", FAILED, several=False) == ""
    assert written("text", FAILED, Said("b.mp4", "A dog.")) == "b.mp4\tA dog.\n"


def test_text_on_a_terminal_has_no_escapes_and_elsewhere_is_data():
    assert written("text", Said("a.mp4", "A \x1b[31mcat")) == "A \x1b[31mcat\n"
    assert written("text", Said("a.mp4", "A \x1b[31mcat"), terminal=True) == "A [31mcat\n"


def test_json_of_one_video_is_an_object():
    assert json.loads(written("json", Said("a.mp4", "A cat."))) == {"path": "a.mp4", "text": "A cat.", "error": None}


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_json_of_several_videos_is_an_array_however_many_there_are(count):
    text = written("json", *[Said(f"{i}.mp4", "x\ny") for i in range(count)], several=True)
    assert [record["path"] for record in json.loads(text)] == [f"{i}.mp4" for i in range(count)]
    assert text.endswith("]\n")


def test_json_lines_are_one_record_a_line():
    lines = written("jsonl", Said("a.mp4", "x\ny\u2028z"), FAILED).splitlines()
    assert [json.loads(line)["path"] for line in lines] == ["a.mp4", "gone.mp4"]


@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_a_failure_is_a_record_with_a_type_and_a_message(name):
    record = json.loads(written(name, FAILED, several=False))
    assert record["error"] == {"type": "not_found", "message": "there is no file 'gone.mp4'"}
    assert record["schema"] == "lvspec.caption/1"
    assert record["text"] is None
    assert record["prompt"] == "Describe it."


def test_a_defect_is_a_failure_of_type_internal():
    failure = Failure.of(Request("a.mp4", None, "Why?"), ZeroDivisionError("division by zero"))
    assert failure.type == "internal"
    assert failure.message.startswith("ZeroDivisionError: division by zero")


def test_a_full_disk_is_told_and_a_reader_who_leaves_is_not():
    class Stream(io.StringIO):
        error = OSError(28, "No space left on device")

        def flush(self):
            raise self.error

    for name, writer_class in FORMATS.items():
        with pytest.raises(LvspecError, match="the results cannot be written: No space left on device; try"):
            writer_class(Stream(), several=False, terminal=False).write(Said("a.mp4", name))
    Stream.error = BrokenPipeError()
    with pytest.raises(BrokenPipeError):
        FORMATS["text"](Stream(), several=False, terminal=False).write(Said("a.mp4", "A cat."))


def test_every_result_is_written_at_once():
    class Stream(io.StringIO):
        flushed = 0

        def flush(self):
            self.flushed += 1

    for name, writer_class in FORMATS.items():
        stream = Stream()
        writer_class(stream, several=True, terminal=False).write(Said("a.mp4", "A cat."))
        assert stream.flushed == 1, name
