"""The writer of traces: lines as they are documented, whole characters, and one error when nothing can be written."""

import base64
import io
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from lvspec_cli.caption import Failure, ModelIdentity, Part, Progress, Request, Setup, Sight
from lvspec_cli.decoding.events import Grounding, Origin, Refusal, Round, Token
from lvspec_cli.errors import TraceError, VideoNotFound
from lvspec_cli.models.prompt import VideoLayout
from lvspec_cli.output.trace import TraceWriter
from lvspec_cli.token_texts import TokenTexts
from lvspec_cli.video.clip import VideoFacts
from tests.json_schema import meets

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "trace.schema.json").read_text(encoding="utf-8"))
# Tokens of single bytes, but for two: a word, and the end.
WORD, END = 256, 257
TEXTS = {WORD: b" \x1b[31m<b>word</b>", END: b"<|end|>"}

HOSTILE = "\x1b]0;x\x07\n<script>\u2028\udcff.mp4"
FACTS = VideoFacts(HOSTILE, "f", "mov", "h264", 64, 48, 0, "1:1", 2.0, 8.0, 0, "pyav", (HOSTILE,))
MODEL = ModelIdentity("m", None, "float32", "none", "cpu")
SETUP = Setup(
    request=Request(HOSTILE, "Describe it.", None),
    preset="tiny",
    target=MODEL,
    draft=MODEL,
    method="lvspec",
    lossy=True,
    settings={"seed": 0, "words": ("a", "b")},
    signal="attention",
    threshold=0.02,
    layout=VideoLayout(1, 1, 2, 1),
    grounding="attention",
)

PICTURE = "data:image/jpeg;base64,AA=="
STEPS = ((2 / 3, 1.234567e-7), None)


def texts():
    return TokenTexts(lambda ids: b"".join(TEXTS.get(i, bytes((i % 256,))) for i in ids).decode(errors="replace"))


def token(number, origin=Origin.EXACT):
    return Token(number, origin, -0.5, number, -0.5)


def plain_round(*ids, index=0, finish_reason=None):
    """A round of the target alone, of as many tokens as one likes."""
    own = [token(number, Origin.TARGET) for number in ids]
    return Round(index, (), tuple(own), (), 0.0, 0.1, 0.2, finish_reason, choices=ids[-1:])


class Maker:
    """Hands out pictures, as who reads frames does."""

    def __init__(self, count):
        self.count = count

    def pictures(self):
        return [PICTURE] * self.count


def sight(count=2):
    return Sight(FACTS, tuple(range(count)), 0.0, 2.0, Maker(count))


def step(event, **changes):
    known = {"sight": sight(), "texts": texts(), "setup": SETUP, "text": "shown"}
    return Progress("decoding", round=event, **{**known, **changes})


def written(*steps):
    """The lines that a writer makes of steps and results; every one of them is as documented."""
    stream = io.StringIO()
    writer = TraceWriter(stream)
    for one in steps:
        if isinstance(one, Progress):
            writer.progress(one)
        else:
            writer.result(one)
    writer.close()
    lines = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert all(meets(line, SCHEMA) for line in lines)
    assert len(lines) == stream.getvalue().count("\n")
    return lines


def failure(path="gone.mp4"):
    return Failure.of(Request(path, "Describe it.", None), VideoNotFound("there is no such file"))


def judged_round():
    """Four draft tokens: a filler, an anchor, one that is refused and one behind it."""
    draft = (65, 66, 67, 68)
    own = (token(65, Origin.LOOSE), token(66), token(70, Origin.RECOVERED))
    groundings = (None, *(Grounding(0.1 * row, 0.05, bytes((row, 255)), STEPS[row - 1]) for row in (1, 2)), None, None)
    return Round(
        0,
        draft,
        own,
        (67, 68),
        0.1,
        0.2,
        0.3,
        None,
        Refusal.GUARD,
        choices=(1, 66, 70, 68, 69),
        choice_log_probabilities=(-0.1, -0.2, -0.3, -0.4, -0.5),
        draft_log_probabilities=(-1.0, -0.2, -3.0, float("-inf")),
        relevance=(0.01, 0.5, None, 0.2),
        fillers=(True, False, True, False),
        own_log_probabilities=(-0.6, -0.7, -0.8, -0.123456789),
        groundings=groundings,
    )


def test_a_place_tells_both_models_views_and_the_verdict():
    _, line = written(step(judged_round()))
    first, second, third, fourth = line["places"]
    assert first["draft"] == {
        "id": 65,
        "text": "A",
        "draft_log_probability": -0.6,
        "target_log_probability": -1.0,
    }
    assert first["choice"] == {"id": 1, "text": "\x01", "log_probability": -0.1}
    assert [place["verdict"] for place in line["places"]] == ["loose", "exact", "rejected", "discarded"]
    assert [place["refusal"] for place in line["places"]] == [None, None, "guard", None]
    assert [place["relevance"] for place in line["places"]] == [0.01, 0.5, None, 0.2]
    assert [place["filler"] for place in line["places"]] == [True, False, True, False]
    assert fourth["draft"]["target_log_probability"] is None  # of a probability of 0
    assert fourth["draft"]["draft_log_probability"] == -0.123457
    assert first["grounding"] is fourth["grounding"] is None
    assert base64.b64decode(second["grounding"]["levels"]) == bytes((1, 255))
    assert (third["grounding"]["share"], third["grounding"]["largest"]) == (0.2, 0.05)
    assert (second["grounding"]["steps"], third["grounding"]["steps"]) == ([0.666667, 1.23457e-07], None)
    assert (line["next"]["id"], line["next"]["text"], line["next"]["origin"]) == (70, "F", "recovered")
    assert line["next"]["grounding"]["share"] == 0.2  # where the token stands that it replaces


@pytest.mark.parametrize(
    "seen",
    [
        Grounding(float("nan"), 0.1, b"ab"),
        Grounding(0.1, float("nan"), b"ab"),
        Grounding(0.1, float("inf"), b"ab"),
        Grounding(0.1, 0.1, b"ab", (float("nan"),)),
    ],
)
def test_a_grounding_that_json_cannot_say_is_left_out(seen):
    event = judged_round()
    _, line = written(step(replace(event, groundings=(*event.groundings[:2], seen, *event.groundings[3:]))))
    assert [place["grounding"] is not None for place in line["places"]] == [False, True, False, False]
    assert line["next"]["grounding"] is None


def test_a_part_tells_what_is_shown_and_how():
    part, _ = written(step(plain_round(65)))
    assert part["path"] == HOSTILE
    assert (part["part"], part["parts"], part["summary"], part["system"]) == (0, 1, False, None)
    assert part["layout"] == {"steps": 1, "rows": 1, "columns": 2, "frames_per_step": 1}
    assert (part["signal"], part["threshold"], part["grounding"]) == ("attention", 0.02, "attention")
    assert part["settings"] == {"seed": 0, "words": ["a", "b"]}
    assert part["thumbnails"] == [PICTURE] * len(part["frame_times_s"])


def test_times_of_a_part_are_whole_microseconds():
    seen = replace(sight(), frame_times=(0.15000000000000002, 0.30000000000000004), start_s=0.1 + 0.2)
    part, _ = written(step(plain_round(65), sight=seen))
    assert (part["start_s"], part["frame_times_s"]) == (0.3, [0.15, 0.3])


def test_no_line_carries_what_steers_a_terminal_or_ends_a_line():
    stream = io.StringIO()
    writer = TraceWriter(stream)
    writer.progress(step(plain_round(WORD, END), text=HOSTILE))
    writer.result(failure(HOSTILE))
    text = stream.getvalue()
    assert not set(text) & {"\x1b", "\x07", "\u2028", "\udcff"}
    assert len(text.split("\n")) == 4
    assert text.encode("utf-8")


def test_a_character_whose_bytes_come_in_several_rounds_stands_at_the_last_of_them():
    snowman = "\N{SNOWMAN}".encode()
    shared = texts()
    rounds = [plain_round(65, snowman[0]), plain_round(snowman[1]), plain_round(snowman[2], 66, finish_reason="stop")]
    lines = written(*(step(event, texts=shared) for event in rounds))[1:]
    assert [line["texts"] for line in lines] == [["A", ""], [""], ["\N{SNOWMAN}", "B"]]


def test_half_a_character_at_the_end_is_shown_as_such():
    lines = written(step(plain_round(65, 0xE2)), step(plain_round(0x98, finish_reason="length")))[1:]
    assert [line["texts"] for line in lines] == [["A", ""], ["\N{REPLACEMENT CHARACTER}"]]


@pytest.mark.parametrize("cuts", [(), (1,), (3, 4), (1, 2, 3, 4, 5, 6, 7, 8, 9)])
def test_the_texts_of_all_rounds_join_to_the_text(cuts):
    ids = [WORD, *"é\N{SNOWMAN}x\N{GRINNING FACE}".encode(), END]
    bounds = [0, *cuts, len(ids)]
    shared = texts()
    rounds = [plain_round(*ids[start:end]) for start, end in pairwise(bounds)]
    rounds[-1] = replace(rounds[-1], finish_reason="stop")
    lines = written(*(step(event, texts=shared) for event in rounds))[1:]
    assert "".join(piece for line in lines for piece in line["texts"]) == (
        " \x1b[31m<b>word</b>é\N{SNOWMAN}x\N{GRINNING FACE}<|end|>"
    )
    assert [len(line["texts"]) for line in lines] == [len(line["tokens"]) for line in lines]


def test_parts_and_videos_are_numbered_and_a_failed_input_has_one_line():
    first, second = Part(0, 2), Part(1, 2, summary=True)
    lines = written(
        Progress("reading", part=first),
        step(plain_round(65), part=first),
        Progress("reading", part=second),
        step(plain_round(66), part=second),
        failure(),
        Progress("reading"),
        failure(),
        Progress("reading"),
        step(plain_round(67)),
    )
    assert [(line["video"], line["type"], line.get("part")) for line in lines] == [
        (0, "part", 0),
        (0, "round", 0),
        (0, "part", 1),
        (0, "round", 1),
        (0, "caption", None),
        (1, "caption", None),
        (2, "part", 0),
        (2, "round", 0),
    ]
    assert lines[2]["summary"] is True
    assert lines[4]["record"]["error"]["type"] == "not_found"


def test_rounds_wait_for_a_few_others_or_the_end_of_their_part_and_no_longer():
    stream = io.StringIO()
    writer = TraceWriter(stream)
    seen = []
    for index in range(20):
        writer.progress(step(plain_round(65, index=index, finish_reason="stop" if index == 19 else None)))
        seen.append(stream.getvalue().count('"round"'))
    assert seen == [*[0] * 15, *[16] * 5]
    writer.progress(Progress("done"))
    assert stream.getvalue().count('"round"') == 16
    writer.close()
    assert stream.getvalue().count('"round"') == 20


def test_a_part_that_begins_again_has_its_line_again():
    lines = written(Progress("reading"), step(plain_round(65)), Progress("reading"), step(plain_round(66)))
    assert [line["type"] for line in lines] == ["part", "round", "part", "round"]


class _Full(io.StringIO):
    def write(self, text):
        raise OSError(28, "No space left on device")


class _Gone(io.StringIO):
    def flush(self):
        raise BrokenPipeError(32, "Broken pipe")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize(
    ("stream", "reason"),
    [(_Full(), "No space left on device"), (_Gone(), "Broken pipe"), (closed(), "I/O operation on closed file")],
)
def test_what_cannot_be_written_is_one_clear_error(stream, reason):
    writer = TraceWriter(stream)
    writer.progress(step(plain_round(65)))
    for act in (writer.close, lambda: writer.result(failure())):
        with pytest.raises(TraceError, match=f"^the trace cannot be written: {reason}.*; try another place with --tr"):
            act()
