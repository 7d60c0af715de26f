"""The Python interface: the same captions as the command line, step by step or at once."""

import dataclasses
import subprocess
import sys

import pytest

import lvspec_cli
from lvspec_cli import Captioner
from lvspec_cli.errors import ModelError, OutOfMemory, PresetError, UsageError, VideoNotFound
from lvspec_cli.plan import Plan
from lvspec_cli.settings import argument_layer, resolve


@pytest.fixture
def captioner(tiny_preset, loads):
    with Captioner.from_preset(tiny_preset) as captioner:
        yield captioner


def test_a_caption_has_text_and_everything_about_it(captioner, clip):
    caption = captioner.caption(clip)
    assert caption.text
    assert caption.path == str(clip)
    assert (caption.finish_reason, caption.method, caption.lossy) == ("length", "strict", False)
    assert len(caption.tokens) == caption.stats.num_generated_tokens == 12
    assert caption.as_record()["text"] == caption.text
    assert len(caption.frame_times) == 4


def test_the_steps_join_to_the_text(captioner, clip):
    steps = list(captioner.stream(clip, "What is it?", max_tokens=40))
    caption = steps[-1].caption
    assert (
        "".join(step.text for step in steps).strip()
        == caption.text
        == captioner.ask(clip, "What is it?", max_tokens=40).text
    )
    stages = [step.stage for step in steps]
    rounds = [step.round for step in steps if step.stage == "decoding"]
    assert stages == ["reading", "loading", "prefilling", *["decoding"] * len(rounds), "done"]
    assert tuple(token for step in rounds for token in step.tokens) == caption.tokens


def test_models_are_loaded_once_and_after_the_first_video_is_read(captioner, clip, loads):
    with pytest.raises(VideoNotFound):
        captioner.caption("gone.mp4")
    assert loads == []
    assert not captioner.loaded
    captioner.caption(clip)
    captioner.ask(clip, "Why?")
    assert loads == ["tiny"]
    assert captioner.loaded


def test_the_draft_is_loaded_by_the_first_method_that_needs_it(tiny_preset, clip, loads):
    with Captioner.from_preset(tiny_preset, method="ar") as captioner:
        alone = captioner.caption(clip)
        target = captioner._pair.target
        drafted = captioner.caption(clip, method="strict")
        captioner.caption(clip)
        assert captioner._pair.target is target
    assert (alone.draft, drafted.draft is None) == (None, False)
    assert alone.text == drafted.text
    assert loads == ["tiny"]


def test_an_iterator_may_be_dropped_at_any_time(captioner, clip):
    whole = captioner.caption(clip).text
    for stop in (1, 2, 4):
        steps = captioner.stream(clip)
        for _ in range(stop):
            next(steps)
        steps.close()
    assert captioner.caption(clip).text == whole


def test_options_of_a_call_go_before_those_of_the_captioner(tiny_preset, clip, loads):
    with Captioner.from_preset(tiny_preset, max_tokens=5, frames=2) as captioner:
        assert len(captioner.caption(clip).tokens) == 5
        caption = captioner.caption(clip, max_tokens=3, fps=4, end="0:01")
    assert len(caption.tokens) == 3
    assert caption.frame_times == (0.0, 0.25, 0.5, 0.75)
    assert caption.settings["frames"] is None
    assert caption.settings["end_s"] == 1.0


def test_a_captioner_learns_the_draft_length_of_each_method_over_its_videos(tiny_preset, clip, loads):
    with Captioner.from_preset(tiny_preset, draft_tokens="auto", max_tokens=12, frames=2) as captioner:
        alone = captioner.caption(clip, method="ar")
        first, second = captioner.caption(clip, method="strict"), captioner.caption(clip, method="strict")
        length = captioner._lengths["strict"]
    assert first.text == second.text == alone.text
    assert first.as_record()["settings"]["draft_tokens"] == "auto"
    assert alone.drafting_did_not_pay is False  # nobody asked the draft
    assert length.draft_ratio is not None


def test_the_environment_is_left_to_the_command_line(tiny_preset, monkeypatch, tmp_path, loads):
    monkeypatch.setenv("LVSPEC_MAX_TOKENS", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lvspec.toml").write_text("seed = 9\n")
    settings = Captioner.from_preset(tiny_preset).settings
    assert (settings.max_tokens, settings.seed) == (12, 0)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"max_token": 3}, "unknown option 'max_token'; did you mean 'max_tokens'"),
        ({"draft_tokens": 0}, "^draft_tokens must be a whole number of at least 1"),
        ({"frames": 0}, "^frames must be a whole number of at least 1"),
        ({"frames": 9, "max_frames": 4}, "^frames 9 is more than max_frames 4: ask for fewer frames or raise max_f"),
        ({"start": 2, "end": 1}, "^end 1 must be later than start 2"),
        ({"timeout": 1e10}, "^timeout must be at most 86400 s, a day, not 1e"),
        ({"method": "magic"}, "^method must be one of"),
        ({"dtype": "int3"}, "^dtype must be one of"),
    ],
)
def test_wrong_options_are_refused_when_the_captioner_is_made(tiny_preset, options, complaint):
    with pytest.raises(UsageError, match=complaint):
        Captioner.from_preset(tiny_preset, **options)


def test_wrong_calls_are_refused_at_once(captioner, clip):
    with pytest.raises(UsageError, match="the question is empty"):
        captioner.stream(clip, " ")
    with pytest.raises(UsageError, match="the prompt is empty"):
        captioner.stream(clip, prompt="")
    with pytest.raises(UsageError, match="the question is not valid UTF-8"):
        captioner.stream(clip, "What is caf\udce9?")
    with pytest.raises(UsageError, match="the prompt is not valid UTF-8"):
        captioner.stream(clip, prompt="Describe caf\udce9.")
    with pytest.raises(UsageError, match="exclude each other"):
        captioner.stream(clip, "Why?", prompt="Describe it.")
    with pytest.raises(UsageError, match="device cannot change from call to call"):
        captioner.stream(clip, device="cpu")
    with pytest.raises(UsageError, match="unknown option 'framse'"):
        captioner.stream(clip, framse=3)


def test_a_prompt_of_a_call_replaces_all_of_a_style(tiny_preset, clip, loads, tmp_path):
    style = tmp_path / "style.yaml"
    style.write_text("schema: lvspec.style/1\nprompt: Say it.\nsystem: Be terse.\nmax_tokens: 5\n")
    with Captioner.from_preset(tiny_preset, style=str(style), trigger="ohwx") as captioner:
        styled = captioner.caption(clip)
        asked = captioner.caption(clip, prompt="Describe it.")
        answered = captioner.ask(clip, "Describe it.")
    assert (styled.request.prompt, styled.request.system, len(styled.tokens)) == ("Say it.", "Be terse.", 5)
    assert (asked.request.prompt, asked.request.system, len(asked.tokens)) == ("Describe it.", None, 12)
    assert (answered.request.question, answered.request.system, len(answered.tokens)) == ("Describe it.", None, 12)
    assert asked.text == f"ohwx, {answered.text}"  # the model reads the same; what is for captions shapes no answer


def test_the_steps_join_to_what_the_model_said_and_the_caption_is_dressed(captioner, clip):
    steps = list(captioner.stream(clip, prefix="<", suffix=">"))
    assert steps[-1].caption.text == f"<{''.join(step.text for step in steps).strip()}>"


def test_what_is_for_captions_is_refused_with_a_question(captioner, clip):
    with pytest.raises(UsageError, match=r"^style is for captions, not for answers to questions: leave it out$"):
        captioner.ask(clip, "Why?", style="brief", seed=3)
    with pytest.raises(UsageError, match=r"^prompt and style exclude each other"):
        captioner.caption(clip, style="brief", prompt="Describe it.")


def test_what_one_must_know_of_a_preset_is_one_warning(tiny_preset):
    with pytest.warns(UserWarning, match="^tiny knows nothing at all$") as caught:
        Captioner.from_preset(tiny_preset)
    assert [warning.filename for warning in caught] == [__file__]


def test_frames_that_nobody_asked_for_yield_to_the_most_frames(tiny_preset, clip, loads):
    with Captioner.from_preset(tiny_preset, max_frames=2) as captioner:
        assert len(captioner.caption(clip).frame_times) == 2
        assert len(captioner.caption(clip, max_frames=3).frame_times) == 3
        assert len(captioner.caption(clip, max_frames=5).frame_times) == 4
    assert Plan.of(resolve([argument_layer({"max_frames": 3})])).read.frame_count == 3


def test_an_unknown_preset_is_refused():
    with pytest.raises(PresetError, match="there is no preset 'no-such'"):
        Captioner.from_preset("no-such")


def test_device_and_number_format_reach_both_models(tiny_preset):
    preset = Captioner.from_preset(tiny_preset, device="cuda:1", dtype="bfloat16").preset
    assert {(spec.device, spec.dtype) for spec in (preset.target, preset.draft)} == {("cuda:1", "bfloat16")}


@pytest.mark.parametrize(
    ("quantize", "kinds"),
    [
        ("target=nf4", ("nf4", "none")),
        ("draft=int8, target=nf4", ("nf4", "int8")),
        ("nf4", ("nf4", "nf4")),
        ({"draft": "nf4"}, ("none", "nf4")),
    ],
)
def test_either_model_can_be_quantized(tiny_preset, quantize, kinds):
    preset = Captioner.from_preset(tiny_preset, quantize=quantize).preset
    assert (preset.target.quantization, preset.draft.quantization) == kinds


@pytest.mark.parametrize("quantize", ["", "fp4", "target", "target=nf4,target=int8", "nf4,draft=int8", "teacher=nf4"])
def test_a_quantization_that_makes_no_sense_is_refused(tiny_preset, quantize):
    with pytest.raises(UsageError, match=r"^quantize must be target=KIND, draft=KIND or KIND for both models"):
        Captioner.from_preset(tiny_preset, quantize=quantize)


def test_missing_weights_are_a_model_error(tiny_preset, clip, tmp_path, loads):
    from lvspec_cli.preset import load_preset

    preset = load_preset(tiny_preset)
    gone = dataclasses.replace(preset.target, model=str(tmp_path / "gone"))
    with (
        Captioner(dataclasses.replace(preset, target=gone)) as captioner,
        pytest.raises(ModelError, match="does not exist"),
    ):
        captioner.load()


def test_leaving_a_captioner_ends_the_process_that_reads_videos(tiny_preset, clip):
    captioner = Captioner.from_preset(tiny_preset)
    with captioner:
        next(steps := captioner.stream(clip))
        next(steps)
        reader = captioner._reader
        assert len(reader.process_ids) == 1
    assert reader.process_ids == []


@pytest.fixture
def asked(captioner, monkeypatch):
    """What is expected and what is read, in order: the name of the method, the path and the options."""
    worker, calls = captioner._video_worker(), []

    def spied(name, method):
        def call(path, options, **more):
            calls.append((more.get("action") or name, path, options))
            return method(path, options, **more)

        return call

    for name in ("expect", "read", "measure"):
        monkeypatch.setattr(worker, name, spied(name, getattr(worker, name)), raising=False)
    return calls


def test_an_expected_video_is_read_as_it_will_be_asked_for(captioner, clip, asked):
    for options in ({}, {"fps": 2, "start": 0.5}, {"frames": 3, "end": 1}):
        alone = captioner.ask(clip, "Why?", **options)
        del asked[:]
        captioner.expect(clip, "Why?", **options)
        caption = captioner.ask(clip, "Why?", **options)
        (_, *expected), (_, *read) = asked
        assert expected == read
        assert (caption.text, caption.frame_times) == (alone.text, alone.frame_times)


def test_an_expected_video_that_cannot_be_read_fails_when_it_is_asked_for(captioner, clip):
    captioner.expect("gone.mp4")
    assert captioner.caption(clip).text
    with pytest.raises(VideoNotFound, match=r"gone\.mp4"):
        captioner.caption("gone.mp4")


def test_wrong_options_of_an_expected_video_are_told_at_once(captioner, clip):
    with pytest.raises(UsageError, match="frames must be"):
        captioner.expect(clip, frames=0)


def test_every_part_of_a_video_is_expected_while_the_one_before_is_captioned(captioner, clip, asked):
    options = {"segment": 0.75, "summary": True, "summary_prompt": "Describe it."}
    captioner.caption(clip, **options)
    names = [name for name, *_ in asked]
    assert names == ["measure", "read", "expect", "read", "expect", "read", "expect", "read"]
    for (_, *expected), (_, *read) in zip(asked[2::2], asked[3::2], strict=True):
        assert expected == read
    assert asked[-1][2].end_s is None  # the summary is of the whole


def test_parts_that_follow_a_lack_of_memory_are_expected_with_fewer_frames(captioner, clip, asked, monkeypatch):
    from lvspec_cli.session import Session

    prefill, tried = Session.prefill, []

    def scarce(session):
        tried.append(session)
        if len(tried) == 1:
            raise OutOfMemory("no memory", 4)
        prefill(session)

    monkeypatch.setattr(Session, "prefill", scarce)
    captioner.caption(clip, segment=0.5, on_oom="shrink")
    frames = [(name, options.frame_count) for name, _, options in asked[1:]]
    assert frames[:2] == [("read", 4), ("expect", 4)]
    assert frames[2:] == [("read", 2), *[("expect", 2), ("read", 2)] * 3]


def test_of_an_expected_video_in_segments_what_tells_where_to_cut_is_read(captioner, clip, asked):
    captioner.expect(clip, segment=0.5)
    caption = captioner.caption(clip, segment=0.5)
    assert [options for name, _, options in asked[:2] if name == "measure"] == 2 * [asked[0][2]]
    assert len(caption.segments) == 4


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, lvspec_cli; lvspec_cli.Captioner; assert not {'torch', 'numpy', 'av'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_public_names_are_there():
    assert {getattr(lvspec_cli, name) is not None for name in lvspec_cli.__all__} == {True}
    assert set(lvspec_cli.__all__) <= set(dir(lvspec_cli))
    with pytest.raises(AttributeError, match="no attribute 'Captoiner'"):
        _ = lvspec_cli.Captoiner
