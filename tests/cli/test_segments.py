"""Videos in segments through the command line: every format tells them with their times, a trace with their rounds."""

import csv
import io
import json
import shutil

import pysubs2
import pytest

from lvspec_cli.errors import VideoUnreadable
from tests.video.sound import with_sound

TIMES = [(0.0, 0.5), (0.5, 1.0), (1.0, 1.5), (1.5, 2.0)]
SUMMARY = ("--summary", "--summary-prompt", "Describe it.")


@pytest.fixture
def out(caption, clip, tmp_path):
    """All formats of a clip in segments of half a second, by suffix."""
    outcome = caption(
        clip, "--segment", "0.5", *SUMMARY, "--format", "text,json,jsonl,srt,vtt,csv,md", "-o", tmp_path / "out"
    )
    assert (outcome.code, outcome.out) == (0, "")
    return {path.suffix: path for path in (tmp_path / "out").iterdir()}


def test_every_format_has_every_segment_at_its_time(out):
    record = json.loads(out[".json"].read_text())
    assert [(segment["start_s"], segment["end_s"]) for segment in record["segments"]] == TIMES
    texts = [segment["text"] for segment in record["segments"]]
    assert all(texts)
    for suffix in (".srt", ".vtt"):
        cues = pysubs2.load(str(out[suffix]))
        assert [(cue.start / 1000, cue.end / 1000) for cue in cues] == TIMES
    rows = list(csv.DictReader(io.StringIO(out[".csv"].read_text())))
    assert [(float(row["start_s"]), float(row["end_s"])) for row in rows if row["kind"] == "segment"] == TIMES
    lines = out[".txt"].read_text().splitlines()
    assert [line.split("\t")[0] for line in lines[:2]] == ["00:00:00.000-00:00:00.500", "00:00:00.500-00:00:01.000"]
    assert "00:00:01.500-00:00:02.000" in out[".md"].read_text()


def test_segments_of_pictures_that_begin_after_the_sound_have_the_times_of_players(caption, clip, tmp_path):
    late = with_sound(clip, tmp_path / "late.mp4", pictures_after_s=3, seconds=5)
    outcome = caption(late, "--segment", "1", "--format", "json,srt", "-o", tmp_path / "out")
    assert "the first frame that can be shown comes 3.0" in outcome.err
    record = json.loads((tmp_path / "out" / "late.json").read_text())
    times = [(segment["start_s"], segment["end_s"]) for segment in record["segments"]]
    assert times == [pytest.approx(span, abs=0.03) for span in [(3, 4), (4, 5)]]
    assert record["video"]["first_frame_s"] == times[0][0]
    assert record["frame_times_s"][0] >= times[0][0]
    cues = pysubs2.load(str(tmp_path / "out" / "late.srt"))
    assert [(cue.start / 1000, cue.end / 1000) for cue in cues] == [pytest.approx(span, abs=0.001) for span in times]


def test_a_summary_is_the_text_and_stands_beside_the_segments(out):
    record = json.loads(out[".json"].read_text())
    assert record["settings"]["summary"] is True
    assert record["text"] not in ("", "\n".join(segment["text"] for segment in record["segments"]))
    assert out[".txt"].read_text().splitlines()[-1].startswith("00:00:00.000-00:00:02.000\t")
    assert [row["kind"] for row in csv.DictReader(io.StringIO(out[".csv"].read_text()))] == ["segment"] * 4 + [
        "summary"
    ]


def test_a_question_is_answered_for_every_segment(ask, clip):
    record = json.loads(ask(clip, "What is it?", "--segment", "1", "--format", "json").out)
    assert [(segment["start_s"], segment["end_s"]) for segment in record["segments"]] == [(0, 1), (1, 2)]


def test_a_trace_has_the_rounds_of_every_part_and_a_report_shows_them(caption, lvspec, clip, tmp_path):
    trace, page = tmp_path / "trace.jsonl", tmp_path / "report.html"
    assert caption(clip, "--segment", "1", *SUMMARY, "--trace", trace).code == 0
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    parts = [line for line in lines if line["type"] == "part"]
    assert [(part["part"], part["parts"], part["summary"]) for part in parts] == [
        (0, 3, False),
        (1, 3, False),
        (2, 3, True),
    ]
    assert [(part["start_s"], part["end_s"]) for part in parts] == [(0, 1), (1, 2), (0, 2)]
    assert {line["part"] for line in lines if line["type"] == "round"} == {0, 1, 2}
    segments = lines[-1]["record"]["segments"]
    for part, segment in enumerate(segments):
        rounds = [line for line in lines if line["type"] == "round" and line["part"] == part]
        said = "".join(line["text"] for line in rounds).strip()
        assert said
        assert segment["text"].startswith(said)
    assert lvspec("report", trace, "-o", page).code == 0
    assert clip.name in page.read_text()


def test_what_makes_no_sense_is_one_line_before_anything_is_loaded(caption, clip, loads):
    for options, complaint in [
        (("--segment", "10", "--overlap", "10"), "--overlap 10 must be shorter than --segment 10"),
        (("--overlap", "1"), "--overlap needs --segment"),
        (("--summary",), "--summary needs --segment"),
    ]:
        outcome = caption(clip, *options)
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err.startswith(f"lvspec: error: {complaint}")
        assert outcome.err.count("\n") == 1
    assert loads == []


def test_segments_that_fail_are_told_and_the_others_are_kept(caption, clip, tmp_path, monkeypatch):
    from lvspec_cli.session import Session

    prefill = Session.prefill

    def fail(session):
        if session._clip.start_s == 0.5:
            raise VideoUnreadable("the disk fails")
        prefill(session)

    monkeypatch.setattr(Session, "prefill", fail)
    outcome = caption(clip, "--segment", "0.5", "--format", "srt,json", "-o", tmp_path / "out")
    assert outcome.code == 1
    assert "1 of 4 segments failed, the first at 0.5 s: the disk fails" in outcome.err
    assert (tmp_path / "out" / "clip.srt").read_text().count("-->") == 3
    record = json.loads((tmp_path / "out" / "clip.json").read_text())
    assert record["error"]["type"] == "unreadable"
    assert [segment["error"] is None for segment in record["segments"]] == [True, False, True, True]


@pytest.mark.parametrize("place", [("--sidecar",), ("-o", "./")])
def test_a_trace_never_takes_the_place_of_captions(caption, clip, tmp_path, place, loads):
    shutil.copy(clip, "clip.mp4")
    outcome = caption("clip.mp4", "--format", "jsonl", *place, "--trace", tmp_path / "clip.jsonl")
    assert (outcome.code, loads) == (2, [])
    assert "where the captions go" in outcome.err


@pytest.mark.parametrize("traced", [True, False])
def test_an_interrupt_tells_what_becomes_of_finished_segments(caption, lvspec, clip, tmp_path, monkeypatch, traced):
    from lvspec_cli.captioner import Captioner

    stream = Captioner.stream

    def interrupted(self, *given):
        for step in stream(self, *given):
            if step.part is not None and step.part.index == 2 and step.round is not None:
                raise KeyboardInterrupt
            yield step

    monkeypatch.setattr(Captioner, "stream", interrupted)
    outcome = caption(clip, "--segment", "0.5", *(("--trace", "t.jsonl") if traced else ()))
    assert (outcome.code, outcome.out) == (130, "")
    told = outcome.err.splitlines()[-1]
    if traced:
        assert told == f"lvspec: 2 finished segments of {clip} are in no result, but in the trace t.jsonl.partial"
        assert lvspec("report", "t.jsonl.partial", "-o", "r.html").code == 0
        lines = [json.loads(line) for line in (tmp_path / "t.jsonl.partial").read_text().splitlines()]
        ended = [line["part"] for line in lines if line["type"] == "round" and line["finish_reason"]]
        assert ended == [0, 1]
    else:
        told_of = "are dropped, and a rerun begins it again: --start and --end caption it in pieces that stay"
        assert told.startswith(f"lvspec: 2 finished segments of {clip} {told_of}; --trace FILE ")
