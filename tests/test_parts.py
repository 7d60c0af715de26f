"""A video in several parts: what its one caption says of them."""

from dataclasses import replace

import pytest

from lvspec_cli import Captioner
from lvspec_cli.decoding.stats import DecodingStats
from lvspec_cli.errors import OutOfMemory, UsageError


@pytest.fixture
def captioner(tiny_preset, loads):
    return Captioner.from_preset(tiny_preset)


def segmented(captioner, clip, **options):
    return list(captioner.stream(clip, segment=0.5, **options))


def test_every_segment_has_its_caption_and_true_times(captioner, clip):
    caption = captioner.caption(clip, segment=0.5)
    assert [(segment.start_s, segment.end_s) for segment in caption.segments] == [
        (0, 0.5),
        (0.5, 1),
        (1, 1.5),
        (1.5, 2),
    ]
    assert all(segment.text for segment in caption.segments)
    for segment in caption.segments:
        assert all(segment.start_s <= time < segment.end_s for time in segment.frame_times_s)
    assert caption.text == "\n".join(segment.text for segment in caption.segments)


def test_a_segment_is_captioned_as_a_video_of_that_span(captioner, clip):
    caption = captioner.caption(clip, segment=1)
    alone = captioner.caption(clip, start=1, end=2)
    assert caption.segments[1] == alone.segments[0]
    assert caption.stats.num_generated_tokens > alone.stats.num_generated_tokens


def test_overlapping_segments_begin_before_the_last_one_ends(captioner, clip):
    caption = captioner.caption(clip, segment=1, overlap=0.5)
    assert [(segment.start_s, segment.end_s) for segment in caption.segments] == [(0, 1), (0.5, 1.5), (1, 2)]


def test_segments_lie_within_the_span_that_is_asked_for(captioner, clip):
    caption = captioner.caption(clip, segment=0.5, start=0.75, end=1.75)
    assert [(segment.start_s, segment.end_s) for segment in caption.segments] == [(0.75, 1.25), (1.25, 1.75)]
    assert (caption.settings["start_s"], caption.settings["end_s"]) == (0.75, 1.75)


def test_a_summary_is_one_more_caption_over_all(captioner, clip):
    caption = captioner.caption(clip, segment=1, summary=True, summary_prompt="Describe it.")
    whole = captioner.caption(clip, prompt="Describe it.")
    assert caption.text == whole.text
    assert len(caption.segments) == 2
    assert caption.settings["summary"] is True


def test_a_summary_is_told_what_was_said_of_the_segments(captioner, clip, monkeypatch):
    asked = []
    prepare = captioner._loaded_for(captioner._plan, "What?").target.prepare
    monkeypatch.setattr(
        type(captioner._pair.target), "prepare", lambda self, *given: asked.append(given[2]) or prepare(*given)
    )
    captioner.caption(clip, segment=1, summary=True, summary_prompt="Join these: {segments}")
    assert asked[-1].startswith("Join these: 0.0 s to 1.0 s: ")
    assert "\n1.0 s to 2.0 s: " in asked[-1]


def test_segments_and_summary_are_dressed_and_what_is_quoted_is_not(captioner, clip, monkeypatch):
    from lvspec_cli.models.pair import Pair

    quoted = []
    monkeypatch.setattr(Pair, "without_control_tokens", lambda self, text: quoted.append(text) or text)
    options = {"segment": 1, "summary": True, "summary_prompt": "Join these: {segments}", "prefix": "<", "suffix": ">"}
    caption = captioner.caption(clip, **options)
    texts = [segment.text for segment in caption.segments]
    assert all(text.startswith("<") and text.endswith(">") and text.count("<") == 1 for text in [*texts, caption.text])
    assert [line.partition("s: ")[2] for line in quoted[0].splitlines()] == [text[1:-1] for text in texts]


@pytest.mark.parametrize(("wanted", "complaint"), [("a <|im_end|> b", "control token"), (" ", "empty")])
def test_a_summary_that_cannot_be_asked_for_is_refused_before_anything_is_captioned(
    tiny_preset, clip, wanted, complaint
):
    with Captioner.from_preset(tiny_preset) as captioner:
        with pytest.raises(UsageError, match=complaint):
            captioner.caption(clip, segment=1, summary=True, summary_prompt=wanted)
        assert not captioner.loaded


def test_a_question_is_asked_of_every_segment_and_for_the_summary_of_the_whole_video(captioner, clip):
    answer = captioner.ask(clip, "What is it?", segment=1, summary=True)
    assert len(answer.segments) == 2
    assert answer.text == captioner.ask(clip, "What is it?").text


def test_the_steps_tell_which_part_they_are_of(captioner, clip):
    steps = segmented(captioner, clip, summary=True, summary_prompt="Describe it.")
    parts = [step.part for step in steps if step.stage == "prefilling"]
    assert [part.index for part in parts] == [0, 1, 2, 3, 4]
    assert {part.count for part in parts} == {5}
    assert [part.summary for part in parts] == [False] * 4 + [True]
    assert [step.stage for step in steps].count("done") == 1
    assert steps[-1].caption is not None


def test_the_texts_of_a_parts_steps_join_to_what_is_said_of_it(captioner, clip):
    steps = segmented(captioner, clip)
    for index, segment in enumerate(steps[-1].caption.segments):
        said = "".join(step.text for step in steps if step.part is not None and step.part.index == index)
        assert said.strip() == segment.text


def test_the_figures_of_the_parts_add_up(captioner, clip):
    steps = segmented(captioner, clip)
    caption = steps[-1].caption
    tokens = sum(len(step.round.tokens) for step in steps if step.round is not None)
    assert caption.stats.num_generated_tokens == len(caption.tokens) == tokens
    assert caption.stats.num_spec_steps == sum(step.round is not None for step in steps)
    assert caption.frame_times == tuple(sorted(time for part in caption.segments for time in part.frame_times_s))
    assert caption.durations.end_to_end_seconds > caption.stats.decode_seconds > 0


def test_a_video_shorter_than_a_segment_is_one(captioner, clip):
    caption = captioner.caption(clip, segment=60)
    assert [(segment.start_s, segment.end_s) for segment in caption.segments] == [(0, 2)]
    assert caption.text == captioner.caption(clip).text


def test_the_record_tells_the_settings_that_were_in_force(captioner, clip):
    whole = captioner.caption(clip, method="lvspec")
    parts = captioner.caption(clip, method="lvspec", segment=1, start=0.5)
    different = {key for key, value in whole.settings.items() if parts.settings[key] != value}
    assert different == {"segment", "start_s"}
    assert parts.settings["filler_share"] == whole.settings["filler_share"] is not None


def failing_at(monkeypatch, *starts, error=None):
    """Let the parts that begin at these times fail."""
    from lvspec_cli.session import Session

    prefill = Session.prefill

    def fail(session):
        shown = session._clip
        if (shown.start_s, shown.end_s) in starts:
            raise error or OutOfMemory("no memory", 4)
        prefill(session)

    monkeypatch.setattr(Session, "prefill", fail)


def test_a_segment_that_fails_costs_that_segment(captioner, clip, monkeypatch):
    failing_at(monkeypatch, (0.5, 1.0), (1.5, 2.0))
    caption = captioner.caption(clip, segment=0.5)
    assert [segment.error is None for segment in caption.segments] == [True, False, True, False]
    assert caption.text == "\n".join(segment.text for segment in caption.segments if segment.text)
    record = caption.as_record()
    assert record["error"] == {
        "type": "out_of_memory",
        "message": "2 of 4 segments failed, the first at 0.5 s: no memory",
    }
    assert record["segments"][1]["error"] == {"type": "out_of_memory", "message": "no memory"}


def test_a_summary_that_fails_costs_the_summary(captioner, clip, monkeypatch):
    failing_at(monkeypatch, (0.0, 2.0))
    caption = captioner.caption(clip, segment=1, summary=True, summary_prompt="Describe it.")
    assert caption.summary is None
    assert caption.text == "\n".join(segment.text for segment in caption.segments)
    assert caption.trouble.message == "the summary failed, the segments did not: no memory"


def test_if_no_segment_can_be_captioned_the_video_fails(captioner, clip, monkeypatch):
    failing_at(monkeypatch, (0.0, 1.0), (1.0, 2.0))
    with pytest.raises(OutOfMemory, match="no memory"):
        captioner.caption(clip, segment=1)


def test_one_segment_and_a_summary_are_told_apart(captioner, clip):
    caption = captioner.caption(clip, segment=60, summary=True, summary_prompt="Describe it.")
    assert len(caption.segments) == 1
    assert caption.text == caption.summary == captioner.caption(clip, prompt="Describe it.").text


def test_a_loaded_pair_refuses_a_wrong_summary_prompt_before_anything_is_captioned(captioner, clip):
    captioner.caption(clip)
    stages = []
    with pytest.raises(UsageError, match="control token"):
        stages += [step.stage for step in captioner.stream(clip, segment=1, summary=True, summary_prompt="<|im_end|>")]
    assert stages == []


def test_fewer_frames_for_lack_of_memory_hold_for_the_segments_that_follow(captioner, clip, monkeypatch):
    from lvspec_cli.session import Session

    tried, prefill = [], Session.prefill

    def scarce(session):
        tried.append(len(session._clip.times))
        if tried[-1] > 2:
            raise OutOfMemory("no memory", tried[-1])
        prefill(session)

    monkeypatch.setattr(Session, "prefill", scarce)
    caption = captioner.caption(clip, segment=1, on_oom="shrink")
    assert tried == [4, 2, 2]
    assert (caption.shrunk_from, len(caption.frame_times)) == (8, 4)


def test_a_segment_that_asks_for_few_frames_gets_no_more_for_lack_of_memory(captioner, clip, monkeypatch):
    from lvspec_cli.session import Session

    tried, prefill = [], Session.prefill

    def scarce(session):
        tried.append(len(session._clip.times))
        if tried[-1] > 3:
            raise OutOfMemory("no memory", tried[-1])
        prefill(session)

    monkeypatch.setattr(Session, "prefill", scarce)
    caption = captioner.caption(clip, segment=0.75, fps=8, on_oom="shrink")
    assert tried == [6, 3, 3, 3]  # the third is but half a second long, and asks for four
    assert (caption.shrunk_from, len(caption.frame_times)) == (16, 9)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"segment": 0}, "segment must be scenes or a number of seconds greater than 0"),
        ({"segment": 10, "overlap": 10}, "overlap 10 must be shorter than segment 10"),
        ({"segment": 10, "overlap": -1}, "overlap must be"),
        ({"overlap": 1}, "overlap needs --segment"),
        ({"segment": "scenes", "overlap": 1}, "overlap"),
        ({"summary": True}, "summary needs --segment"),
        ({"segment": "shots"}, "segment must be seconds"),
    ],
)
def test_segments_that_make_no_sense_are_refused(tiny_preset, options, complaint):
    with pytest.raises(UsageError, match=complaint):
        Captioner.from_preset(tiny_preset, **options)


@pytest.mark.parametrize("segment", ["none", None])
def test_what_files_say_of_segments_waits_for_segments(tiny_preset, clip, loads, segment):
    from lvspec_cli.preset import load_preset
    from lvspec_cli.settings import Layer, argument_layer

    written = {"overlap": 0.5, "summary": True, "segment": 1.0}
    given = {} if segment is None else {"segment": segment}
    values = written if given else {key: value for key, value in written.items() if key != "segment"}
    below = Layer(values, dict.fromkeys(values, "lvspec.toml"))
    caption = Captioner(load_preset(str(tiny_preset)), [argument_layer(given), below]).caption(clip)
    assert (len(caption.segments), caption.summary, caption.settings["summary"]) == (1, None, False)


def test_figures_that_do_not_add_up_are_those_of_the_latest_part():
    first = DecodingStats(memory_bytes=5, target_step_seconds=1.0, draft_cost_ratio=0.5, draft_video_tokens=None)
    second = DecodingStats(memory_bytes=3, target_step_seconds=2.0, draft_cost_ratio=None, draft_video_tokens=4)
    together = replace(first)
    together.add(second)
    assert (together.memory_bytes, together.target_step_seconds) == (5, 2.0)
    assert (together.draft_cost_ratio, together.draft_video_tokens) == (0.5, 4)


def test_a_summary_that_quotes_more_than_fits_costs_the_summary(captioner, clip):
    prompt = "Join these: {segments} " + "Say more. " * 420  # of 4096 positions
    caption = captioner.caption(clip, segment=1, summary=True, summary_prompt=prompt)
    assert caption.summary is None
    assert all(segment.text for segment in caption.segments)
    record = caption.as_record()
    assert record["error"]["type"] == "prompt_too_long"
    assert record["error"]["message"].startswith(
        "the summary failed, the segments did not: the prompt of the summary has"
    )
    assert "take longer segments (--segment), shorter captions (--max-tokens) or fewer" in record["error"]["message"]


def test_damage_that_several_parts_met_is_told_once_with_its_largest_count(captioner, clip, monkeypatch):
    worker, counts = captioner._video_worker(), iter((1, 12, 9, 0))
    read = worker.read

    def damaged(path, options, **more):
        found, count = read(path, options, **more), next(counts)
        told = (f"{count} bad packets were skipped",) if count else ()
        return replace(found, facts=replace(found.facts, bad_packets=count, warnings=("the file is odd", *told)))

    monkeypatch.setattr(worker, "read", damaged)
    facts = captioner.caption(clip, segment=0.5).facts
    assert facts.warnings == ("the file is odd", "12 bad packets were skipped")
    assert facts.bad_packets == 12
