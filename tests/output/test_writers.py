"""The formats: what one video and several videos, captions and failures look like in each."""

import csv
import io
import json
from dataclasses import dataclass, replace

import pytest

from lvspec_cli.caption import Durations, Failure, Request, Trouble
from lvspec_cli.errors import LvspecError
from lvspec_cli.output import FORMATS
from tests.output.captions import FAILED, made


@dataclass(frozen=True)
class Said:
    """A result with nothing but a path and a text."""

    path: str
    text: str

    def as_record(self):
        return {"path": self.path, "text": self.text, "error": None}


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


def test_text_of_segments_is_a_line_with_times_for_each():
    caption = made("a.mp4", (0.0, 2.5, "A cat.\nIt sleeps."), (2.5, 3600.0, "A\tdog."))
    lines = ["00:00:00.000-00:00:02.500\tA cat. It sleeps.", "00:00:02.500-01:00:00.000\tA dog."]
    assert written("text", caption).splitlines() == lines
    assert written("text", caption, Said("b.mp4", "A bird.")).splitlines() == [
        *(f"a.mp4\t{line}" for line in lines),
        "b.mp4\tA bird.",
    ]


def test_a_summary_is_the_last_line_of_text_with_the_times_of_the_whole():
    lines = written("text", made("a.mp4", (1.0, 4.0, "A cat."), (3.0, 6.0, "A dog."), summary="Pets.")).splitlines()
    assert lines[1:] == ["00:00:03.000-00:00:06.000\tA dog.", "00:00:01.000-00:00:06.000\tPets."]


def test_the_only_segment_has_a_time_if_segments_were_asked_for():
    caption = made("a.mp4", (0.0, 2.0, "A cat."), segment=10.0)
    assert written("text", made("a.mp4", (0.0, 2.0, "A cat."))) == "A cat.\n"
    assert written("text", caption) == "00:00:00.000-00:00:02.000\tA cat.\n"
    assert written("text", caption, several=True) == "a.mp4\t00:00:00.000-00:00:02.000\tA cat.\n"


def test_a_summary_of_one_segment_stands_beside_it():
    caption = made("a.mp4", "A cat.", summary="Pets.")
    for name in ("text", "csv", "md", "vtt", "json"):
        assert all(text in written(name, caption) for text in ("A cat.", "Pets."))


def test_a_segment_that_failed_is_left_out_but_where_failures_are_told():
    whole = made("a.mp4", "A cat.", "A dog.")
    trouble = Trouble("timeout", "it took too long")
    segments = (whole.segments[0], replace(whole.segments[1], text="", finish_reason=None, error=trouble))
    caption = replace(whole, segments=segments, text="A cat.", trouble=trouble)
    assert written("srt", caption).count("-->") == 1
    assert written("vtt", caption).count("-->") == 1
    assert written("text", caption).count("\n") == 1
    assert "**Failed** (timeout): it took too long" in written("md", caption)
    rows = list(csv.DictReader(io.StringIO(written("csv", caption))))
    assert [(row["kind"], row["error_type"]) for row in rows] == [("segment", ""), ("failure", "timeout")]
    assert json.loads(written("json", caption))["segments"][1]["error"]["type"] == "timeout"


def test_json_has_the_summary_as_its_text_and_all_segments():
    record = json.loads(written("json", made("a.mp4", "A cat.", "A dog.", summary="Pets.")))
    assert record["text"] == "Pets."
    assert [(s["start_s"], s["end_s"], s["text"]) for s in record["segments"]] == [
        (0.0, 10.0, "A cat."),
        (10.0, 20.0, "A dog."),
    ]


def test_every_format_tells_the_times_and_texts_of_segments():
    for name in FORMATS:
        text = written(name, made("a.mp4", (0.0, 2.5, "A cat."), (2.5, 4.75, "A dog.")))
        for said in ("A cat.", "A dog."):
            assert said in text, name
        assert "4.75" in text.replace(",", ".").replace("4.750", "4.75"), name


def test_every_format_has_files_of_its_own_kind():
    assert len({writer.suffix for writer in FORMATS.values()}) == len(FORMATS)


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
    assert failure.trouble.type == "internal"
    assert failure.trouble.message.startswith("ZeroDivisionError: division by zero")


def test_a_full_disk_is_told_and_a_reader_who_leaves_is_not():
    class Stream(io.StringIO):
        error = OSError(28, "No space left on device")

        def flush(self):
            raise self.error

    for name, writer_class in FORMATS.items():
        with pytest.raises(LvspecError, match="the results cannot be written: No space left on device; try"):
            writer_class(Stream(), several=False, terminal=False).write(made("a.mp4", name))
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
        writer_class(stream, several=True, terminal=False).write(made("a.mp4", "A cat."))
        assert stream.flushed == 1, name
        assert "A cat." in stream.getvalue(), name


@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_times_in_records_are_whole_microseconds_and_other_numbers_as_they_are(name):
    made_of = made("a.mp4", (0.1 + 0.2, 0.15000000000000002, "x"), fps=1.10000000000000009, start_s=0.7000000000000001)
    durations = Durations(1.23456789, 0.30000000000000004, 2.5)
    record = json.loads(written(name, replace(made_of, durations=durations, frame_times=(0.15000000000000002,))))
    (segment,) = record["segments"]
    assert (segment["start_s"], segment["end_s"], segment["frame_times_s"]) == (0.3, 0.15, [0.3])
    assert record["frame_times_s"] == [0.15]
    assert (record["settings"]["start_s"], record["settings"]["fps"]) == (0.7, 1.10000000000000009)
    assert (record["stats"]["read_seconds"], record["stats"]["prepare_seconds"]) == (1.234568, 0.3)
