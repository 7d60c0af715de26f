"""What people see: notes and errors always, one line a video in logs, and nothing that a name could inject."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from lvspec_cli.caption import Failure, Progress, Request
from lvspec_cli.errors import NotAVideo, UsageError, VideoNotFound
from lvspec_cli.settings import flag_layer, resolve
from lvspec_cli.ui import PlainView, StatusView, View, make_view, print_error, print_traceback


def console_on(stream, **options):
    return Console(file=stream, markup=False, emoji=False, highlight=False, soft_wrap=True, width=200, **options)


def caption(**changes):
    stats = SimpleNamespace(num_generated_tokens=40, tokens_per_second=100.0, num_draft_tokens=50)
    stats.mean_acceptance_length, stats.draft_cost_ratio = 3.25, None
    facts = SimpleNamespace(container="mp4", codec="h264", width=64, height=48, duration_s=2.0, warnings=())
    known = {"path": "clip.mp4", "stats": stats, "facts": facts, "finish_reason": "stop", "lossy": False}
    known["durations"] = SimpleNamespace(end_to_end_seconds=1.26)
    known |= {"frame_times": (0.5, 1.5), "as_record": lambda: {"stats": {"num_spec_steps": 12, "decode_seconds": 0.4}}}
    known |= {"drafting_did_not_pay": False, "shrunk_from": None}
    return SimpleNamespace(**known | changes)


def seen_by(view_class, *arguments, act, **options):
    stream = io.StringIO()
    with view_class(console_on(stream, **options), *arguments) as view:
        act(view)
    return stream.getvalue()


def test_the_plain_view_writes_one_line_for_a_video():
    text = seen_by(PlainView, False, act=lambda view: view.finished(caption()))
    assert text == "clip.mp4: 40 tokens, 100.0 tokens/s, mean acceptance length 3.25, 1.3 s\n"


def test_the_line_tells_what_is_out_of_the_ordinary():
    text = seen_by(PlainView, False, act=lambda view: view.finished(caption(finish_reason="repetition", lossy=True)))
    assert text.endswith(", ended by repetition, lossy\n")


def test_without_a_draft_there_is_no_acceptance_length():
    stats = SimpleNamespace(
        num_generated_tokens=3, tokens_per_second=9.0, num_draft_tokens=0, mean_acceptance_length=1.0
    )
    assert "acceptance" not in seen_by(PlainView, False, act=lambda view: view.finished(caption(stats=stats)))


def test_warnings_about_a_video_are_passed_on():
    facts = SimpleNamespace(**vars(caption().facts) | {"warnings": ("2 packets are damaged",)})
    text = seen_by(PlainView, False, act=lambda view: view.finished(caption(facts=facts)))
    assert "lvspec: clip.mp4: 2 packets are damaged\n" in text


def test_the_quietest_view_tells_of_damage_and_of_nothing_else():
    facts = SimpleNamespace(**vars(caption().facts) | {"warnings": ("2 packets are damaged",)})
    text = seen_by(View, act=lambda view: view.finished(caption(facts=facts)))
    assert text == "lvspec: clip.mp4: 2 packets are damaged\n"


def test_it_is_said_when_memory_sufficed_for_half_of_the_frames_only():
    text = seen_by(PlainView, False, act=lambda view: view.finished(caption(shrunk_from=4)))
    assert "lvspec: clip.mp4: there was not enough memory for more than 2 of the 4 frames\n" in text


def test_it_is_said_when_drafting_does_not_pay():
    stats = SimpleNamespace(**vars(caption().stats) | {"draft_cost_ratio": 0.9})
    text = seen_by(PlainView, False, act=lambda view: view.finished(caption(drafting_did_not_pay=True, stats=stats)))
    assert "does not pay for this pair here, whose draft steps take 0.90 of the target's: decoded by the targ" in text


def test_verbose_shows_settings_with_origins_and_all_numbers():
    settings = resolve([flag_layer({"frames": "4"})])
    text = seen_by(PlainView, True, act=lambda view: (view.settings(settings), view.finished(caption())))
    assert "frames: 4  (--frames)\n" in text
    assert "ui: auto  (default)\n" in text
    assert "fps: not set\n" in text
    assert "  num_spec_steps: 12\n  decode_seconds: 0.400\n" in text
    assert "frames: 4" not in seen_by(PlainView, False, act=lambda view: view.settings(settings))


def test_the_quiet_view_shows_notes_and_errors_only():
    def act(view):
        view.note("demo knows shapes only")
        view.begin("clip.mp4", 0, 2)
        view.progress(Progress("reading"))
        view.finished(caption())
        view.failed(Failure.of(Request("a.mp4", None, "?"), NotAVideo("it is text")))
        view.summary(1, 1)

    assert seen_by(View, act=act) == "lvspec: demo knows shapes only\nlvspec: error: a.mp4: it is text\n"


def test_an_error_names_the_video_once():
    failure = Failure.of(Request("a.mp4", None, "?"), VideoNotFound("there is no file 'a.mp4': check the path"))
    text = seen_by(View, act=lambda view: view.failed(failure))
    assert text == "lvspec: error: there is no file 'a.mp4': check the path\n"


@pytest.mark.parametrize("view_class", [View, PlainView, StatusView])
def test_names_cannot_inject_escapes_markup_or_lines(view_class):
    name = "x\x1b]0;owned\x07\n[red]y[/red] :smile: \udcff.mp4"
    arguments = () if view_class is View else (False,)

    def act(view):
        view.begin(name, 0, 1)
        view.failed(Failure.of(Request(name, None, "?"), NotAVideo("bad \x1b[2J\rthing")))
        view.finished(caption(path=name))

    text = seen_by(view_class, *arguments, act=act)
    assert not {"\x1b", "\x07", "\r", "\udcff"} & set(text)
    assert text.splitlines()[0] == "lvspec: error: x]0;owned [red]y[/red] :smile: \ufffd.mp4: bad [2J thing"


def test_a_summary_is_for_several_videos_and_for_one_of_which_nothing_else_is_said():
    assert seen_by(PlainView, False, act=lambda view: view.summary(1, 0)) == ""
    assert seen_by(PlainView, False, act=lambda view: view.summary(2, 1)) == "lvspec: 2 captioned, 1 failed\n"
    assert seen_by(PlainView, False, act=lambda view: view.summary(0, 0, 1)).endswith(" 0 failed, 1 skipped\n")
    text = seen_by(PlainView, False, act=lambda view: view.summary(1, 0, 4))
    assert text == "lvspec: 1 captioned, 0 failed, 4 skipped\n"


def test_the_status_line_is_gone_when_a_result_is_written():
    stream = io.StringIO()
    view = StatusView(console_on(stream, force_terminal=True), False)
    with view:
        view.begin("clip.mp4", 0, 1)
        view.progress(Progress("loading"))
        assert view.active
        view.make_way()
        assert not view.active
        view.finished(caption())
    assert "clip.mp4: loading the models" in stream.getvalue()
    assert stream.getvalue().rstrip().endswith("1.3 s")


def test_the_status_line_is_gone_after_an_interrupt():
    view = StatusView(console_on(io.StringIO(), force_terminal=True), False)

    def interrupted():
        with view:
            view.begin("clip.mp4", 0, 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not view.active


def test_the_status_line_leaves_stdout_alone():
    import sys

    stdout, view = sys.stdout, StatusView(console_on(io.StringIO(), force_terminal=True), False)
    with view:
        view.begin("clip.mp4", 0, 1)
        assert sys.stdout is stdout


@pytest.mark.parametrize("mode", ["auto", "plain", "none"])
def test_nothing_moves_without_a_terminal(mode, monkeypatch):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not isinstance(make_view(mode), StatusView)


def test_an_unknown_mode_is_refused():
    with pytest.raises(UsageError, match="--ui must be one of auto, live, plain, none, not 'loud'"):
        make_view("loud")
    with pytest.raises(UsageError, match="LVSPEC_UI must be one of"):
        make_view("loud", name="LVSPEC_UI")


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "No space left on device")])
def test_a_stderr_that_cannot_be_written_costs_nothing_but_what_people_see(error, monkeypatch):
    class Lost(io.StringIO):
        def write(self, text):
            raise error

    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", Lost())
        patch.setattr("os.dup2", lambda *_: pytest.fail("a descriptor was replaced"))
        with make_view("plain") as view:
            view.note("something")
            view.finished(caption())
        print_error("that was it")


def test_tracebacks_steer_no_terminal(capsys):
    try:
        raise ValueError("bad \x1b[2J\x9b31m key\nand \udcff more")
    except ValueError as error:
        print_traceback(error)
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback (most recent call last):\n  File ")
    assert shown.endswith("ValueError: bad [2J31m key\nand \ufffd more\n")
