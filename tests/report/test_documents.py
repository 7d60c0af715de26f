"""Reading: every layout of JSON, what is refused and with which words, and every video once."""

import io
import json
import os
import threading

import pytest

from lvspec_cli.errors import LvspecError, UsageError
from lvspec_cli.report import json_file, read_documents
from tests.report import traces


@pytest.fixture
def write(tmp_path):
    """Write a text to a file and return its path."""

    def to_file(text, name="file.json"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return to_file


def paths(documents):
    return [video.run.path for video in documents.videos]


@pytest.mark.parametrize(
    "layout",
    [
        lambda records: "".join(json.dumps(each) + "\n" for each in records),
        lambda records: "\n\n".join(json.dumps(each) for each in records),
        lambda records: "\ufeff" + "\r\n".join(json.dumps(each) for each in records),
        json.dumps,
        lambda records: json.dumps(records, indent=2),
    ],
)
def test_records_are_read_however_they_are_laid_out(write, layout):
    records = [traces.record(path="a.mp4"), traces.failure("b.mp4")]
    documents = read_documents([write(layout(records))])
    assert paths(documents) == ["a.mp4", "b.mp4"]
    assert documents.videos[0].record.text == records[0]["text"]
    assert documents.videos[1].record.error_type == "not_a_video"
    assert documents.notes == ()


def test_one_indented_record_is_read(write):
    assert paths(read_documents([write(json.dumps(traces.record(), indent=2))])) == ["films/circle.mp4"]


def test_a_trace_gives_its_parts_and_its_record(write):
    (video,) = read_documents([write(traces.json_lines(traces.trace()))]).videos
    assert video.record.stats.number("num_spec_steps") == len(video.parts[0].rounds)
    assert video.parts[0].text.removesuffix("<|im_end|>") == video.record.text
    verdicts = [place.verdict for place in video.parts[0].rounds[0].places]
    assert verdicts == ["exact", "loose", "exact", "exact", "rejected", "discarded", "discarded"]


def test_unknown_keys_and_kinds_of_lines_are_left_alone(write):
    lines = [{**line, "new": {"deep": [1]}} for line in traces.trace()]
    lines.insert(1, {"schema": "lvspec.trace/1", "type": "remark", "video": 0})
    (video,) = read_documents([write(traces.json_lines(lines))]).videos
    assert len(video.parts[0].rounds) == len(traces.rounds())


@pytest.mark.parametrize("order", [1, -1])
def test_a_video_in_a_trace_and_in_a_record_is_shown_once_with_its_trace(write, order):
    files = [write(json.dumps(traces.record()), "r.json"), write(traces.json_lines(traces.trace()), "t.jsonl")]
    (video,) = read_documents(files[::order]).videos
    assert video.parts


def test_the_same_video_asked_otherwise_is_another(write):
    asked = [traces.record(), traces.record(prompt=None, question="What colour?"), traces.record(method="strict")]
    assert len(read_documents([write(json.dumps(asked))]).videos) == 3


def test_of_two_records_of_a_video_the_last_is_shown_and_that_is_said(write):
    records = [traces.record(), traces.record(text="Better.")]
    documents = read_documents([write(json.dumps(records))])
    assert [video.record.text for video in documents.videos] == ["Better."]
    assert documents.notes == ("1 came again, the same video asked the same way: the last of each is shown",)


def test_a_trace_without_its_end_is_interrupted(write):
    documents = read_documents([path := write(traces.json_lines(traces.trace(finished=False)))])
    assert documents.videos[0].record is None
    assert documents.videos[0].parts[0].rounds
    assert documents.notes == (f"{path} ends within films/circle.mp4: the run was interrupted",)


def test_a_trace_that_a_later_run_went_on_with_has_an_end(write):
    lines = [*traces.trace(finished=False), *traces.trace(video=1)]
    documents = read_documents([write(traces.json_lines(lines))])
    assert [video.record is not None for video in documents.videos] == [True]
    assert documents.notes == ()


def test_the_finished_run_of_an_interrupted_video_takes_its_place(write):
    killed = write(traces.json_lines(traces.trace(finished=False)), "t.jsonl")
    (video,) = read_documents([killed, write(json.dumps(traces.record()))]).videos
    assert video.record is not None


SEGMENTED = {**traces.SETTINGS, "segment": 4.0, "start_s": None, "end_s": None, "threshold": None}


def killed_in_segments(count=2, **changed):
    """The trace of a video in segments that ends within the first one."""
    settings = {**SEGMENTED, "start_s": 0.0, "end_s": 4.0, "threshold": 0.05, "calibration": "sha256:1", **changed}
    return traces.trace((traces.head(parts=count, settings=settings), traces.rounds()[:1]), finished=False)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("count", [1, 2])
def test_the_finished_run_of_a_video_in_segments_takes_the_place_of_an_interrupted_one(write, order, count):
    killed = write(traces.json_lines(killed_in_segments(count)), "t.jsonl")
    finished = write(json.dumps(traces.record(settings=SEGMENTED)), "r.json")
    (video,) = read_documents([killed, finished][::order]).videos
    assert video.record is not None


def test_an_interrupted_run_in_other_segments_stays(write):
    killed = write(traces.json_lines(killed_in_segments(segment=2.0)), "t.jsonl")
    whole = write(traces.json_lines(traces.trace(finished=False, settings={**traces.SETTINGS, "threshold": 0.1})), "w")
    finished = [traces.record(settings=SEGMENTED), traces.record()]
    assert len(read_documents([killed, whole, write(json.dumps(finished), "r.json")]).videos) == 4


def test_the_same_segments_of_two_spans_are_two_videos(write):
    spans = [traces.record(settings={**SEGMENTED, "start_s": start}) for start in (0.0, 8.0)]
    assert len(read_documents([write(json.dumps(spans))]).videos) == 2


@pytest.mark.parametrize("cut", [1, 20, -30])
def test_a_torn_last_line_is_left_out_and_said(write, cut):
    lines = [json.dumps(line, ensure_ascii=False) for line in traces.trace()]
    documents = read_documents([path := write("\n".join([*lines[:-1], lines[-1][:cut]]))])
    assert documents.notes[0] == f"the last line of {path} is cut off, and left out"
    assert documents.videos[0].record is None


def test_a_line_torn_within_a_character_is_left_out(tmp_path):
    whole = json.dumps(traces.record()).encode() + b"\n"
    (tmp_path / "torn").write_bytes(whole + '{"schema": "\u00e9'.encode()[:-1])
    assert len(read_documents([str(tmp_path / "torn")]).videos) == 1


def test_a_part_that_begins_again_replaces_what_was_said_of_it(write):
    head, *rest = traces.trace()
    lines = [head, *rest[:3], head, *rest]
    (video,) = read_documents([write(traces.json_lines(lines))]).videos
    assert len(video.parts[0].rounds) == len(traces.rounds())


@pytest.mark.parametrize("missing", [[0], [1], [1, 3]])
def test_rounds_that_a_trace_lacks_are_told_once_a_part(write, missing):
    head, *rest = traces.trace()
    kept = [line for line in rest if line.get("index") not in missing]
    documents = read_documents([path := write(traces.json_lines([head, *kept]))])
    said = f"{path} lacks rounds of films/circle.mp4: tokens are missing from what is shown"
    assert documents.notes == (said,)
    assert len(documents.videos[0].parts[0].rounds) == len(traces.rounds()) - len(missing)


def test_videos_whose_lines_alternate_are_kept_apart(write):
    one, other = traces.trace(video=0, path="one.mp4"), traces.trace(video=1, path="other.mp4")
    lines = [line for pair in zip(one, other, strict=True) for line in pair]
    documents = read_documents([write(traces.json_lines(lines))])
    assert paths(documents) == ["one.mp4", "other.mp4"]
    assert len({video.parts[0].text for video in documents.videos}) == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty: give records (--format json or jsonl) and traces (--trace)"),
        (" \n\n", "is empty"),
        ("A caption.", "is not JSON: give records"),
        ('{"schema": "lvspec.caption/1"', "is not JSON"),
        ('{"a": NaN}', "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("9" * 5000, "is not JSON"),
        ("3", "it must be an object, not 3"),
        ("[1]", "item 1: it must be an object, not 1"),
        ("[]", "there is nothing to show: no record and no part of a trace in"),
        ("{}", "is neither a record (lvspec.caption/1) nor a trace (lvspec.trace/1): it has no schema"),
        ('{"schema": 1}', "schema must be a text, not 1"),
        ('{"schema": "lvspec.clip/1"}', "nor a trace (lvspec.trace/1): its schema is 'lvspec.clip/1'"),
        (
            '{"schema": "lvspec.caption/2"}',
            "lvspec.caption/2 is of another version than lvspec.caption/1, which this lvspec reads: take",
        ),
        ('{"schema": "lvspec.trace/10"}', "lvspec.trace/10 is of another version than lvspec.trace/1"),
        ('{"schema": "lvspec.caption/1"}', "path is missing: it must be a text"),
        ('{"schema": "lvspec.caption/1", "path": ["x"]}', "path must be a text, not ['x']"),
        ('{"schema": "lvspec.caption/1", "path": "x", "lossy": 1}', "lossy must be true or false, not 1"),
        ('{"schema": "lvspec.caption/1", "path": "x", "target": {}}', "target.id is missing: it must be a text"),
        ('{"schema": "lvspec.caption/1", "path": "x", "segments": [{}]}', "segments[0].text is missing"),
        (
            '{"schema": "lvspec.caption/1", "path": "x", "frame_times_s": [true]}',
            "frame_times_s must be a list of numbers",
        ),
        (
            '{"schema": "lvspec.trace/1", "type": "part", "video": -1}',
            "video must be a whole number of 0 or more, not -1",
        ),
    ],
)
def test_what_cannot_be_read_is_named_in_one_sentence(write, text, complaint):
    with pytest.raises(LvspecError) as raised:
        read_documents([path := write(text)])
    assert complaint in str(raised.value)
    assert path in str(raised.value)
    assert raised.value.exit_code == 1


def test_a_broken_line_in_the_middle_is_named(write):
    lines = traces.json_lines(traces.trace()).splitlines()
    lines[2] = lines[2][:-4]
    with pytest.raises(LvspecError, match=r"file\.json line 3 is not JSON"):
        read_documents([write("\n".join(lines))])


def broken(change):
    """The lines of a trace of which the second one, the first round, is changed."""
    lines = json.loads(json.dumps(traces.trace()))
    change(lines[1])
    return traces.json_lines(lines)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda line: line.update(part=3), "a round of part 3 of video 0, which has not begun: the trace lacks lines"),
        (lambda line: line["texts"].pop(), "texts has 4 pieces for 4 kept draft tokens and 1 more"),
        (
            lambda line: line["places"][0].update(verdict="maybe"),
            "places[0].verdict must be one of exact, loose, shifted,",
        ),
        (lambda line: line["places"][4].update(refusal="x"), "places[4].refusal must be one of anchor, critical,"),
        (lambda line: line["places"][1]["draft"].pop("text"), "places[1].draft.text is missing"),
        (lambda line: line["places"][4]["grounding"].update(levels="!"), "places[4].grounding.levels must be base64"),
        (
            lambda line: line["places"][4]["grounding"].update(levels="AAAA"),
            "as the layout has video tokens, 144, not 3",
        ),
        (
            lambda line: line["places"][4]["grounding"].update(steps=[1.0]),
            "places[4].grounding.steps must be as many as the layout has, 4, not 1",
        ),
        (lambda line: line.update(draft_seconds=None), "draft_seconds is missing: it must be a number"),
        (lambda line: line.update(draft_seconds=10**400), "draft_seconds must be a number, not 1000"),
    ],
)
def test_a_round_that_cannot_be_understood_is_named(write, change, complaint):
    with pytest.raises(LvspecError) as raised:
        read_documents([write(broken(change))])
    assert "file.json line 2: " in str(raised.value)
    assert complaint in str(raised.value)


def test_a_layout_without_cells_is_refused(write):
    layout = {"steps": 4, "rows": 0, "columns": 6, "frames_per_step": 2}
    with pytest.raises(LvspecError, match=r"layout\.steps, rows, columns and frames_per_step must be at least 1"):
        read_documents([write(traces.json_lines(traces.trace(layout=layout)))])


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("none.json", r"there is no file .*none\.json: give records"),
        (".", r"is a folder: name the records and traces in it"),
        ("a\0b", r"cannot be read: "),
    ],
)
def test_a_file_that_is_not_there_is_wrong_usage(tmp_path, name, complaint):
    with pytest.raises(UsageError, match=complaint):
        read_documents([f"{tmp_path}/{name}"])


def test_a_file_in_another_encoding_is_no_json(tmp_path):
    (tmp_path / "x").write_bytes(json.dumps(traces.record()).encode("utf-16"))
    with pytest.raises(LvspecError, match="is not JSON"):
        read_documents([str(tmp_path / "x")])


def test_a_line_as_long_as_lvspec_writes_is_read(write):
    import numpy as np

    from lvspec_cli.video.thumbnails import LONGEST_SIDE, MOST_THUMBNAILS, shrunk, thumbnails

    shape = (MOST_THUMBNAILS, LONGEST_SIDE, LONGEST_SIDE, 3)
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)  # what compresses worst
    head, *rest = traces.trace()
    text = traces.json_lines([{**head, "thumbnails": thumbnails(shrunk(noise))}, *rest])
    (video,) = read_documents([write(text)]).videos
    assert len(video.parts[0].head.thumbnails) == MOST_THUMBNAILS
    assert len(text) < json_file.LONGEST_LINE / 8


def test_a_line_of_exactly_the_limit_is_read_and_a_longer_one_refused(write, monkeypatch):
    text = json.dumps(traces.record()) + "\n"
    path = write(text * 2)
    monkeypatch.setattr(json_file, "LONGEST_LINE", len(text))
    assert len(read_documents([path]).videos) == 1
    monkeypatch.setattr(json_file, "LONGEST_LINE", len(text) - 1)
    with pytest.raises(LvspecError, match="line 1 is longer than 0 MiB, as none of lvspec's is: give records"):
        read_documents([path])


def test_a_document_is_read_as_a_whole_up_to_its_limit(write, monkeypatch):
    text = json.dumps([traces.record(path="a.mp4"), traces.record(path="b.mp4")], indent=2)
    path = write(text)
    monkeypatch.setattr(json_file, "LARGEST_DOCUMENT", len(text))
    assert paths(read_documents([path])) == ["a.mp4", "b.mp4"]
    monkeypatch.setattr(json_file, "LARGEST_DOCUMENT", len(text) - 1)
    with pytest.raises(LvspecError, match=r"is a document of more than 0 MiB, .*: give records one a line"):
        read_documents([path])


@pytest.mark.parametrize(("limit", "value"), [("LARGEST_FILE", 20_000), ("MOST_LINES", 20)])
@pytest.mark.parametrize("line", ["", json.dumps(traces.record())])
def test_a_file_without_end_is_refused(write, monkeypatch, limit, value, line):
    monkeypatch.setattr(json_file, limit, value)
    with pytest.raises(LvspecError, match=r"has more than \d+ MiB or \d+ lines, .*: give parts of it"):
        read_documents([write(f"{line}\n" * 20_001)])


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="there is no such device")
def test_a_device_without_end_is_refused():
    with pytest.raises(LvspecError, match="/dev/zero line 1 is longer than 64 MiB"):
        read_documents(["/dev/zero"])


def test_a_dash_is_stdin(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(traces.json_lines(traces.trace()).encode())))
    assert paths(read_documents(["-"])) == ["films/circle.mp4"]
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UsageError, match="stdin, which is closed"):
        read_documents(["-"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("text", [traces.json_lines(traces.trace()), json.dumps([traces.record()], indent=2)])
def test_a_pipe_is_read(tmp_path, text):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(text,))
    writer.start()
    assert paths(read_documents([str(tmp_path / "pipe")])) == ["films/circle.mp4"]
    writer.join()
