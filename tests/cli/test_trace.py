"""`--trace`: what real runs leave in the file, against the record and the text of the same run."""

import base64
import json
import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lvspec_cli import Captioner
from lvspec_cli.demo.clip import write_clip
from lvspec_cli.models.qwen2_5_vl import Qwen25VL
from lvspec_cli.output.trace import TraceWriter
from tests.json_schema import meets
from tests.models import tiny

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "trace.schema.json").read_text(encoding="utf-8"))
ACCEPTED = ("exact", "loose", "shifted")
LVSPEC = ("--method", "lvspec", "--relevance", "attention", "--filler-share", "0.5", "--min-probability", "0.001")
METHODS = {
    "ar": ("--method", "ar"),
    "strict": ("--method", "strict"),
    "sampled": ("--method", "strict", "--temperature", "1"),
    "specvlm": ("--method", "specvlm"),
    "fly": ("--method", "fly", "--fly-window", "1", "--fly-entropy", "0"),
    "random": ("--method", "random", "--random-share", "0.9", "--min-probability", "0"),
    "lvspec": LVSPEC,
    "lvspec sampled": (*LVSPEC, "--temperature", "0.7"),
    "cosine": ("--method", "lvspec", "--relevance", "cosine", "--filler-share", "0.9", "--min-probability", "0"),
}


def read(path):
    """The lines of a trace, every one of which is as documented."""
    lines = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
    assert all(meets(line, SCHEMA) for line in lines)
    return lines


def joined(rounds):
    """The text that the tokens of rounds make together."""
    return "".join(piece for line in rounds for piece in line["texts"])


@pytest.fixture
def traced(caption, clip, tmp_path):
    """Caption the clip with some options, with a trace; its lines and the record that stdout has."""

    def run(*options):
        outcome = caption(clip, "--format", "json", "--max-tokens", 30, "--trace", "t.jsonl", *options)
        assert outcome.code == 0
        return read(tmp_path / "t.jsonl"), json.loads(outcome.out)

    return run


@pytest.fixture(scope="module")
def _of_methods():
    return {}


@pytest.fixture
def traced_by(traced, _of_methods):
    """The same with the options of a method, once for all tests."""

    def run(method):
        if method not in _of_methods:
            _of_methods[method] = traced(*METHODS[method])
        return _of_methods[method]

    return run


@pytest.mark.parametrize("method", METHODS)
def test_a_trace_changes_no_token_and_tells_the_record(traced_by, caption, clip, method):
    lines, record = traced_by(method)
    plain = json.loads(caption(clip, "--format", "json", "--max-tokens", 30, *METHODS[method]).out)
    assert record["text"] == plain["text"]
    part, *rounds, last = lines
    assert last["record"] == record
    assert {line["type"] for line in rounds} == {"round"}
    for key in ("path", "prompt", "question", "preset", "method", "lossy", "target", "draft", "settings"):
        assert part[key] == record[key]
    assert part["video_facts"] == record["video"]
    assert part["frame_times_s"] == record["frame_times_s"]
    assert [line["index"] for line in rounds] == list(range(record["stats"]["num_spec_steps"]))
    assert [line["finish_reason"] for line in rounds[:-1]] == [None] * (len(rounds) - 1)
    assert rounds[-1]["finish_reason"] == record["finish_reason"]


@pytest.mark.parametrize("method", METHODS)
def test_verdicts_add_up_to_the_statistics(traced_by, method):
    (_, *rounds, _), record = traced_by(method)
    stats = record["stats"]
    places = [place for line in rounds for place in line["places"]]
    verdicts = [place["verdict"] for place in places]
    accepted = [place for place in places if place["verdict"] in ACCEPTED]
    assert len(verdicts) == stats["num_draft_tokens"]
    assert len(accepted) == stats["num_accepted_draft_tokens"]
    assert verdicts.count("loose") == stats["num_loosely_accepted_tokens"]
    assert verdicts.count("shifted") == stats["num_shift_accepted_tokens"]
    assert sum(len(line["tokens"]) for line in rounds) == stats["num_generated_tokens"]
    refusals = [place["refusal"] for place in places]
    assert refusals.count("anchor") == stats["num_anchor_refusals"]
    gap = sum(
        place["choice"]["log_probability"] - place["draft"]["target_log_probability"]
        for place in accepted
        if place["verdict"] != "exact"
    )
    assert gap == pytest.approx(stats["log_probability_gap_nats"], abs=1e-3)
    for line in rounds:
        kept = [place["draft"]["id"] for place in line["places"] if place["verdict"] in ACCEPTED]
        assert line["tokens"] == kept + ([line["next"]["id"]] if line["next"] else [])


@pytest.mark.parametrize("method", METHODS)
def test_texts_join_to_the_text_of_the_caption(traced_by, method):
    (_, *rounds, _), record = traced_by(method)
    tokenizer = tiny.build_tokenizer("qwen2_5_vl")
    ids = [number for line in rounds for number in line["tokens"]]
    assert joined(rounds) == tokenizer.decode(ids)
    assert record["text"] == tokenizer.decode(ids, skip_special_tokens=True).strip()
    assert record["text"].startswith("".join(line["text"] for line in rounds).strip())


def test_of_the_demo_pair_the_texts_are_the_caption_and_its_end(lvspec, tmp_path):
    write_clip(1003, tmp_path / "clip.mp4")
    outcome = lvspec("caption", "clip.mp4", "--preset", "demo", "--format", "json", "--trace", "t.jsonl")
    record = json.loads(outcome.out)
    part, *rounds, _ = read(tmp_path / "t.jsonl")
    assert record["finish_reason"] == "stop"
    assert joined(rounds).removesuffix("<|im_end|>").strip() == record["text"]
    assert (part["signal"], part["grounding"]) == ("table", "attention")
    assert any(place["grounding"] for line in rounds for place in line["places"])


@pytest.mark.parametrize("method", METHODS)
def test_anchors_are_grounded_in_the_places_of_the_layout(traced_by, method):
    (part, *rounds, _), _ = traced_by(method)
    layout = part["layout"]
    assert layout["steps"] * layout["frames_per_step"] >= len(part["frame_times_s"]) == len(part["thumbnails"])
    assert part["grounding"] == ("cosine" if method == "cosine" else "attention")
    for line in rounds:
        for place in line["places"]:
            explained = place["verdict"] in ACCEPTED and not place["filler"]
            assert (place["grounding"] is not None) == (explained or place["verdict"] == "rejected")
            assert place["draft"]["draft_log_probability"] is not None
            assert (place["filler"] is not None) == (part["method"] == "lvspec")
        assert (line["next"] is None) <= (line["finish_reason"] is not None)
        for one in [*line["places"], *([line["next"]] if line["next"] else [])]:
            if one["grounding"]:
                levels = base64.b64decode(one["grounding"]["levels"])
                assert len(levels) == layout["steps"] * layout["rows"] * layout["columns"]
                assert max(levels) == 255
                steps = one["grounding"]["steps"]
                assert (steps is None) == (method == "cosine")
                assert steps is None or (len(steps), sum(steps)) == (layout["steps"], pytest.approx(1, abs=1e-4))


def test_relevance_by_attention_is_the_share_of_the_grounding(traced):
    (part, *rounds, _), _ = traced(*LVSPEC)
    assert (part["signal"], part["threshold"]) == ("attention", None)
    places = [place for line in rounds for place in line["places"] if place["grounding"]]
    assert places
    for place in places:
        assert place["relevance"] == pytest.approx(place["grounding"]["share"], rel=1e-3)


def test_a_threshold_is_told_if_there_is_one(traced):
    (part, *_), _ = traced("--method", "lvspec", "--relevance", "attention", "--threshold", "0.25")
    assert (part["signal"], part["threshold"]) == ("attention", 0.25)


def test_what_the_demo_pair_says_of_a_colour_is_grounded_where_that_colour_is(lvspec, tmp_path):
    write_clip(3, tmp_path / "clip.mp4")
    assert lvspec("caption", "clip.mp4", "--preset", "demo", "--trace", "t.jsonl").code == 0
    part, *rounds, _ = read(tmp_path / "t.jsonl")
    layout = part["layout"]
    found = {}
    for line in rounds:
        for token, one in [*((place["draft"], place) for place in line["places"]), (line["next"], line["next"])]:
            if one and one["grounding"] and token["text"] in (" pink", " cyan"):
                levels = np.frombuffer(base64.b64decode(one["grounding"]["levels"]), np.uint8)
                step, place = divmod(int(levels.argmax()), layout["rows"] * layout["columns"])
                found[token["text"]] = shown_at(part, step, *divmod(place, layout["columns"]))
    assert found[" pink"] == pytest.approx((255, 150, 180), abs=40)  # the rest of the picture is grey, or cyan
    assert found[" cyan"] == pytest.approx((60, 200, 220), abs=40)


def shown_at(part, step, row, column):
    """The most colourful pixel of a place, in the frames of its step."""
    pixels = []
    for uri in part["thumbnails"][step * part["layout"]["frames_per_step"] :][: part["layout"]["frames_per_step"]]:
        frame = np.asarray(Image.open(BytesIO(base64.b64decode(uri.partition(",")[2]))), dtype=int)
        height, width = frame.shape[0] // part["layout"]["rows"], frame.shape[1] // part["layout"]["columns"]
        pixels.append(frame[row * height :, column * width :][:height, :width].reshape(-1, 3))
    every = np.concatenate(pixels)
    return every[(every.max(1) - every.min(1)).argmax()].tolist()


def test_several_videos_and_failed_ones_are_in_one_file(ask, lvspec, tiny_preset, clip, tmp_path):
    (tmp_path / "other.mp4").symlink_to(clip)
    outcome = lvspec("ask", "--preset", tiny_preset, clip, "gone.mp4", "other.mp4", "What is it?", "--trace", "t.jsonl")
    assert outcome.code == 1
    lines = read(tmp_path / "t.jsonl")
    kinds = [(line["video"], line["type"]) for line in lines if line["type"] != "round"]
    assert kinds == [(0, "part"), (0, "caption"), (1, "caption"), (2, "part"), (2, "caption")]
    failed = next(line["record"] for line in lines if line["video"] == 1)
    assert (failed["path"], failed["error"]["type"], failed["question"]) == ("gone.mp4", "not_found", "What is it?")
    assert lines[0]["question"] == "What is it?"


def test_a_part_that_is_tried_again_with_fewer_frames_begins_anew(caption, clip, tmp_path, monkeypatch):
    extend, calls = Qwen25VL.extend, []

    def run_out_once(self, tokens):
        calls.append(self)
        if len(calls) == 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return extend(self, tokens)

    monkeypatch.setattr(Qwen25VL, "extend", run_out_once)
    outcome = caption(clip, "--frames", 8, "--on-oom", "shrink", "--trace", "t.jsonl", "--format", "json")
    lines = read(tmp_path / "t.jsonl")
    starts = [number for number, line in enumerate(lines) if line["type"] == "part"]
    assert [len(lines[start]["frame_times_s"]) for start in starts] == [8, 4]
    assert starts[0] + 1 < starts[1]  # there were rounds before memory ran out
    valid = [line for line in lines[starts[1] :] if line["type"] == "round"]
    record = json.loads(outcome.out)
    ids = [number for line in valid for number in line["tokens"]]
    assert tiny.build_tokenizer("qwen2_5_vl").decode(ids, skip_special_tokens=True).strip() == record["text"]
    assert lines[-1]["record"]["shrunk_frames"] == {"from": 8, "to": 4}


def test_rounds_carry_no_evidence_unless_it_is_asked_for(tiny_preset, clip, loads):
    with Captioner.from_preset(tiny_preset) as captioner:
        texts = []
        for trace in (False, True, False):
            captioner.trace = trace
            steps = list(captioner.stream(clip))
            rounds = [step.round for step in steps if step.round]
            assert {event.own_log_probabilities is not None for event in rounds if event.draft_tokens} == {trace}
            assert {event.groundings is not None for event in rounds} == {trace}
            texts.append(steps[-1].caption.text)
    assert len(set(texts)) == 1


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--trace", "."], "--trace . is a folder: name a file in it"),
        (
            ["--trace", "no/such/t.jsonl"],
            "--trace {here}/no/such/t.jsonl cannot be written: there is no folder {here}/no/such; make it first",
        ),
        (["--trace", "-"], "--trace needs the name of a file: stdout is for captions"),
        (["--trace", ""], "--trace needs the name of a file: stdout is for captions"),
        (["--trace", "a", "-o", "./a"], "--trace a is where the captions go: name another file"),
        (
            ["--trace", "a", "-o", "a.partial"],
            "--trace a grows in a.partial, which is where the captions go: name another file",
        ),
        (
            ["--trace", "a.partial", "-o", "a"],
            "--trace a.partial is where the captions grow until they are whole: name another file",
        ),
        (["--trace", "x", "x.partial"], "--trace x grows in x.partial, which is one of the videos: name another file"),
        (["--trace", "link.mp4"], "--trace link.mp4 is one of the videos: name another file"),
        (["--trace", "a", "--dry-run"], "--trace and --dry-run exclude each other: a dry run decodes nothing"),
    ],
)
def test_a_wrong_trace_is_refused_before_anything_is_loaded(caption, clip, tmp_path, loads, options, complaint):
    (tmp_path / "link.mp4").symlink_to(clip)
    before = clip.read_bytes()
    outcome = caption(clip, *options)
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1] == "lvspec: error: " + complaint.format(here=tmp_path)
    assert (outcome.out, loads, os.listdir(tmp_path)) == ("", [], ["link.mp4"])
    assert clip.read_bytes() == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_ends_the_run_with_one_line_and_loses_no_caption_that_is_finished(caption, clip, loads, tmp_path):
    (tmp_path / "other.mp4").symlink_to(clip)
    outcome = caption(clip, "other.mp4", "--format", "jsonl", "--trace", "/dev/full")
    assert outcome.code == 1
    assert [json.loads(line)["path"] for line in outcome.out.splitlines()] == [str(clip)]
    (error,) = [line for line in outcome.err.splitlines() if "error" in line]
    assert error.startswith("lvspec: error: the trace cannot be written: No space left on device; ")


def test_an_older_trace_stays_until_the_new_one_is_whole(caption, clip, tmp_path, monkeypatch):
    (tmp_path / "t.jsonl").write_text("old\n")

    def broken(self, result):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TraceWriter, "result", broken)
        assert caption(clip, "--trace", "t.jsonl").code == 130
    assert (tmp_path / "t.jsonl").read_text() == "old\n"
    assert {line["type"] for line in read(tmp_path / "t.jsonl.partial")} == {"part", "round"}
    refused = caption(clip, "--trace", "t.jsonl")  # it may be all that is left of hours
    assert refused.code == 2
    assert "t.jsonl.partial" in refused.err
    assert caption(clip, "--trace", "t.jsonl", "--overwrite").code == 0
    assert read(tmp_path / "t.jsonl")[-1]["type"] == "caption"
    assert sorted(os.listdir(tmp_path)) == ["t.jsonl"]
