"""What is made of a record is, in every format, what was made of the caption itself."""

import io
import json
from collections import Counter
from dataclasses import replace

import pytest

from lvspec_cli.caption import Trouble
from lvspec_cli.decoding.events import Origin, Refusal
from lvspec_cli.decoding.stats import DecodingStats
from lvspec_cli.output.formats import FORMATS
from lvspec_cli.output.json_text import json_text
from lvspec_cli.output.recorded import RecordedCaption, recorded
from tests.output.captions import FAILED, made

TROUBLE = Trouble("video_unreadable", "the disk fails")
WHOLE = made("a\tb\udcff.mp4", "A cat.\nIt sleeps.")
SEGMENTED = made("clip.mp4", "A cat.", (12.5, 30.0, "=A dog."), summary="Pets.", question="Who?")
BROKEN = replace(
    SEGMENTED,
    segments=(SEGMENTED.segments[0], replace(SEGMENTED.segments[1], text="", finish_reason=None, error=TROUBLE)),
    summary=None,
    trouble=TROUBLE,
)
RESULTS = {"whole": WHOLE, "segmented": SEGMENTED, "broken": BROKEN, "failed": FAILED}


def written(name, result):
    text = io.StringIO()
    writer = FORMATS[name](text, several=not FORMATS[name].holds_one, terminal=False)
    writer.write(result)
    writer.close()
    return text.getvalue()


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_the_same_of_a_record_as_of_the_result_itself(name, result):
    again = recorded(json.loads(json_text(result.as_record())))
    assert written(name, again) == written(name, result)
    assert (again.path, again.text, again.trouble) == (result.path, result.text, result.trouble)


STATS = DecodingStats(
    video_tokens=100,
    draft_video_tokens=50,
    memory_bytes=10**6,
    target_step_seconds=0.01,
    prefill_seconds=0.5,
    decode_seconds=2.0,
    draft_seconds=0.5,
    verify_seconds=1.25,
    num_spec_steps=12,
    num_plain_rounds=7,
    num_draft_tokens=30,
    tokens_by_origin=Counter({Origin.EXACT: 5, Origin.LOOSE: 3, Origin.SHIFTED: 2, Origin.BONUS: 1, Origin.TARGET: 7}),
    refusals=Counter({Refusal.ANCHOR: 2, Refusal.GUARD: 1, Refusal.CHANCE: 4}),
    gap=1.5,
    draft_cost_ratio=0.25,
    rounds_by_accepted=Counter({0: 7, 2: 5}),
)


@pytest.fixture
def pair():
    """A caption, and what is made of its record."""
    caption = replace(made("clip.mp4", "a cat", draft_tokens="auto"), stats=STATS, shrunk_from=2)
    caption = replace(caption, draft=caption.target)
    return caption, recorded(json.loads(json.dumps(caption.as_record())))


def test_statistics_are_the_same(pair):
    caption, again = pair
    assert isinstance(again, RecordedCaption)
    assert again.stats.as_dict() == caption.stats.as_dict()
    assert again.stats.tokens_by_origin.total() == 18


@pytest.mark.parametrize("name", ["durations", "facts", "frame_times", "shrunk_from", "lossy", "drafting_did_not_pay"])
def test_what_a_view_tells_is_the_same(pair, name):
    caption, again = pair
    assert getattr(again, name) == getattr(caption, name)


def test_drafting_that_did_not_pay_is_known(pair):
    assert pair[1].drafting_did_not_pay is True


def test_a_failure_stays_one():
    assert recorded(FAILED.as_record()) == FAILED


@pytest.mark.parametrize(
    "change",
    [
        {"segments": None},
        {"segments": [{}]},
        {"segments": [{"start_s": 0}]},
        {"error": "no"},
        {"settings": 3},
        *({key: ...} for key in ("path", "prompt", "text", "segments", "error", "settings", "finish_reason")),
    ],
    ids=str,
)
@pytest.mark.parametrize("result", [made("clip.mp4", "a cat"), FAILED], ids=["caption", "failure"])
def test_what_is_no_record_is_found_out_before_anything_is_written_of_it(change, result):
    """``...``: the key is missing."""
    known = {key: value for key, value in {**result.as_record(), **change}.items() if value is not ...}
    if result is FAILED and change.keys() & {"segments", "settings", "finish_reason"}:
        assert recorded(known) == FAILED  # of which nothing of these is told
    else:
        with pytest.raises(ValueError, match="no record of a caption"):
            recorded(known)


def test_what_no_writer_tells_may_be_missing():
    record = made("clip.mp4", "a cat").as_record()
    del record["stats"], record["video"], record["lvspec_version"]
    assert recorded(record).text == "a cat"
