"""`lvspec caption` and `lvspec ask` on videos that can be read: what goes where, and how runs of many end."""

import json
import os

import pytest

NOTICE = "lvspec: tiny knows nothing at all\n"


def test_stdout_has_the_caption_and_stderr_the_rest(caption, clip):
    outcome = caption(clip, "--format", "json")
    text = json.loads(outcome.out)["text"]
    outcome = caption(clip)
    assert outcome.code == 0
    assert outcome.out == text + "\n"
    notice, line = outcome.err.splitlines(keepends=True)
    assert notice == NOTICE
    assert line.startswith(f"{clip}: 12 tokens, ")
    assert "mean acceptance length" in line


def test_the_record_tells_everything_that_shaped_the_text(caption, clip):
    record = json.loads(caption(clip, "--format", "json", "--seed", "5", "--frames", "3").out)
    assert record["schema"] == "lvspec.caption/1"
    assert record["path"] == str(clip)
    assert record["prompt"] == "Describe it."
    assert record["question"] is None
    assert record["error"] is None
    assert record["preset"] == "tiny"
    assert (record["method"], record["lossy"]) == ("strict", False)
    assert record["target"]["id"].endswith("target")
    assert record["draft"]["dtype"] == "float32"
    assert record["settings"]["seed"] == 5
    assert record["settings"]["max_tokens"] == record["stats"]["num_generated_tokens"] == 12
    assert record["finish_reason"] == "length"
    assert record["video"]["width"] == 56
    assert len(record["frame_times_s"]) == record["settings"]["frames"] == 3
    assert [segment["text"] for segment in record["segments"]] == [record["text"]]
    stats = record["stats"]
    parts = stats["read_seconds"] + stats["prepare_seconds"] + stats["prefill_seconds"] + stats["decode_seconds"]
    assert 0 < parts <= stats["end_to_end_seconds"]


@pytest.mark.parametrize("options", [("strict",), ("specvlm",), ("strict", "--pruning", "uniform")])
def test_every_lossless_method_says_what_the_target_says(caption, clip, options):
    assert caption(clip, "--method", "ar").out == caption(clip, "--method", *options).out


def test_the_record_of_a_loose_caption_tells_what_was_in_force_and_not_only_what_was_asked_for(caption, clip):
    loose = ("--format", "json", "--method", "lvspec")
    settings = json.loads(caption(clip, *loose, "--relevance", "attention").out)["settings"]
    assert (settings["threshold"], settings["filler_share"], settings["calibration"]) == (None, 0.7, None)
    demo = json.loads(caption(clip, *loose, "--preset", "demo", "--max-tokens", "5").out)["settings"]
    assert demo["relevance"] == "table"
    assert demo["threshold"] > 0
    assert len(demo["attention_layers"]) > 0
    assert len(demo["calibration"]) == 16


@pytest.mark.parametrize(
    ("options", "pruning", "share"),
    [
        ((), "none", 1.0),
        (("--method", "specvlm"), "attention", 0.1),
        (("--method", "specvlm", "--pruning", "uniform", "--pruning-keep", "0.5"), "uniform", 0.5),
        (("--pruning", "attention", "--pruning-mass", "0.9", "--pruning-keep", "0.3"), "attention", 0.3),
    ],
)
def test_the_record_tells_what_the_draft_saw(caption, clip, options, pruning, share):
    record = json.loads(caption(clip, "--format", "json", *options).out)
    settings, stats = record["settings"], record["stats"]
    assert settings["pruning"] == pruning
    assert settings["pruning_mass"] == (0.9 if "0.9" in options else 0.4)
    assert stats["draft_video_tokens"] == max(1, int(stats["video_tokens"] * share)) > 0
    assert record["lossy"] is False


def test_the_target_alone_has_no_draft_in_its_record(caption, clip):
    record = json.loads(caption(clip, "--method", "ar", "--format", "json").out)
    assert record["draft"] is None
    assert record["stats"]["num_draft_tokens"] == 0
    assert record["stats"]["draft_video_tokens"] is None


def test_a_question_is_asked(ask, clip):
    record = json.loads(ask(clip, "What is it?", "--format", "json").out)
    assert (record["question"], record["prompt"]) == ("What is it?", None)
    assert ask(clip, "What is it?").out != ask(clip, "Why?").out


def test_a_question_may_end_with_the_name_of_a_video(ask, clip):
    record = json.loads(ask(clip, "What happens in intro.mp4", "--format", "json").out)
    assert record["question"] == "What happens in intro.mp4"


def test_a_prompt_takes_the_place_of_the_presets(caption, clip):
    record = json.loads(caption(clip, "--prompt", "Say one word.", "--format", "json").out)
    assert record["prompt"] == "Say one word."


def test_several_videos_are_one_line_each_in_order(caption, copies):
    paths = copies("b.mp4", "a.mp4")
    outcome = caption(*paths)
    assert outcome.code == 0
    assert [line.split("\t")[0] for line in outcome.out.splitlines()] == list(paths)
    assert outcome.err.endswith("lvspec: 2 captioned, 0 failed\n")


@pytest.mark.parametrize(
    ("name", "parse"), [("json", json.loads), ("jsonl", lambda out: [*map(json.loads, out.splitlines())])]
)
def test_a_failed_video_is_a_record_and_the_others_go_on(caption, copies, name, parse):
    (path,) = copies("a.mp4")
    outcome = caption("gone.mp4", path, "--format", name)
    assert outcome.code == 1
    failed, fine = parse(outcome.out)
    assert failed["error"]["type"] == "not_found"
    assert failed["path"] == "gone.mp4"
    assert failed.keys() == fine.keys()
    assert fine["error"] is None
    assert "lvspec: error: there is no file 'gone.mp4'" in outcome.err
    assert outcome.err.endswith("lvspec: 1 captioned, 1 failed\n")


def test_a_defect_costs_one_video(caption, copies, monkeypatch):
    from lvspec_cli.session import Session

    prefill, calls = Session.prefill, []

    def fail_first(self):
        calls.append(self)
        if len(calls) == 1:
            raise ZeroDivisionError("division by zero")
        prefill(self)

    monkeypatch.setattr(Session, "prefill", fail_first)
    outcome = caption(*copies("a.mp4", "b.mp4"), "--format", "jsonl")
    first, second = map(json.loads, outcome.out.splitlines())
    assert outcome.code == 1
    assert first["error"]["type"] == "internal"
    assert second["error"] is None
    assert "Traceback" not in outcome.err


def test_tracebacks_are_for_debugging(caption, clip, monkeypatch):
    from lvspec_cli.session import Session

    def fail(self):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(Session, "prefill", fail)
    assert "Traceback" not in caption(clip).err
    assert "Traceback" in caption(clip, "--debug").err


def test_tracebacks_steer_no_terminal(lvspec):
    err = lvspec("caption", "x.mp4", "--preset", "\x1b[31mred.yaml", "--debug").err
    assert "Traceback" in err
    assert "\x1b" not in err


def test_a_folder_of_videos_is_walked_in_order_with_r(caption, copies, tmp_path):
    copies("in/b.mp4", "in/sub/c.MP4", "in/a.mp4", "in/.hidden.mp4", "in/.cache/d.mp4")
    (tmp_path / "in" / "notes.txt").write_text("no video")
    outcome = caption("-r", "in")
    assert [line.split("\t")[0] for line in outcome.out.splitlines()] == ["in/a.mp4", "in/b.mp4", "in/sub/c.MP4"]


@pytest.mark.parametrize("name", ["json", "text"])
def test_a_folder_with_one_video_still_gives_many(caption, copies, name):
    copies("in/a.mp4")
    out = caption("-r", "in", "--format", name).out
    assert json.loads(out)[0]["path"] == "in/a.mp4" if name == "json" else out.startswith("in/a.mp4\t")


def test_a_folder_of_images_is_one_video(caption, tmp_path):
    from PIL import Image

    (tmp_path / "frames").mkdir()
    for i in range(4):
        Image.new("RGB", (56, 56), (60 * i, 0, 0)).save(tmp_path / "frames" / f"{i}.png")
    record = json.loads(caption("frames", "--source-fps", "2", "--format", "json").out)
    assert record["video"]["container"] == "images"
    assert record["frame_times_s"] == [0.0, 0.5, 1.0, 1.5]


def test_paths_come_from_a_list(caption, copies, tmp_path):
    copies("a.mp4", "b c.mp4")
    (tmp_path / "list").write_bytes(b"# my videos\na.mp4\r\n\nb c.mp4\n")
    outcome = caption("--from-file", "list")
    assert [line.split("\t")[0] for line in outcome.out.splitlines()] == ["a.mp4", "b c.mp4"]


def test_paths_come_from_stdin_with_nul_between(caption, copies, monkeypatch):
    import io
    from types import SimpleNamespace

    copies("a.mp4", "#b\nc.mp4")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"a.mp4\0#b\nc.mp4\0")))
    outcome = caption("--from-file", "-", "-0")
    assert [line.split("\t")[0] for line in outcome.out.splitlines()] == ["a.mp4", "#b c.mp4"]


def test_a_list_with_one_path_and_a_question(ask, copies, tmp_path):
    copies("a.mp4")
    (tmp_path / "list").write_text("a.mp4\n")
    assert ask("--from-file", "list", "What is it?").out.startswith("a.mp4\t")


def test_a_file_takes_the_results(caption, clip, tmp_path):
    outcome = caption(clip, "-o", "out.json", "--format", "json")
    assert outcome.out == ""
    assert json.loads((tmp_path / "out.json").read_text())["path"] == str(clip)
    assert os.listdir(tmp_path) == ["out.json"]


def test_an_older_file_stays_when_nothing_was_captioned(caption, tmp_path):
    (tmp_path / "old.txt").write_text("old\n")
    assert caption("gone.mp4", "-o", "old.txt").code == 1
    assert (tmp_path / "old.txt").read_text() == "old\n"
    assert os.listdir(tmp_path) == ["old.txt"]


@pytest.mark.parametrize("name", ["good.mp4", "gone.mp4"])
def test_a_result_is_written_before_people_are_told_of_it(caption, copies, monkeypatch, tmp_path, name):
    from lvspec_cli.ui import PlainView

    def fail(*_):
        raise KeyboardInterrupt

    copies("good.mp4")
    for method in ("finished", "failed"):
        monkeypatch.setattr(PlainView, method, fail)
    outcome = caption(name, "--format", "json")
    assert outcome.code == 130
    assert json.loads(outcome.out)["path"] == name


def test_an_interrupt_keeps_what_is_finished(caption, copies, tmp_path, interrupt_at):
    interrupt_at("b.mp4")
    outcome = caption(*copies("a.mp4", "b.mp4", "c.mp4"), "-o", "out.json", "--format", "json")
    assert outcome.code == 130
    assert "Traceback" not in outcome.err
    assert len(json.loads((tmp_path / "out.json.partial").read_text())) == 1
    assert not (tmp_path / "out.json").exists()


def test_quiet_leaves_notes_and_errors(caption, clip):
    assert caption(clip, "-q").err == NOTICE
    assert caption(clip, "--ui", "none").err == NOTICE
    assert "there is no file" in caption("gone.mp4", "-q").err


def test_verbose_shows_settings_and_their_origins(caption, clip, monkeypatch, tmp_path):
    monkeypatch.setenv("LVSPEC_SEED", "3")
    (tmp_path / "lvspec.toml").write_text("top_k = 9\n")
    err = caption(clip, "-v", "--max-tokens", "4").err
    assert "max_tokens: 4  (--max-tokens)\n" in err
    assert "seed: 3  (LVSPEC_SEED)\n" in err
    assert "top_k: 9  (lvspec.toml)\n" in err
    assert "prompt: Describe it.  (preset tiny)\n" in err
    assert "acceptance_histogram: " in err


@pytest.mark.skipif(os.name == "nt", reason="file names are text there")
def test_a_file_name_that_is_no_utf8_does_no_harm(caption, copies, clip):
    name = os.fsdecode(b"caf\xe9\x1b[31m.mp4")
    (path,) = copies(name)
    for arguments in ([path], [path, clip], [path, "--format", "json"], ["gone-" + name]):
        outcome = caption(*arguments)
        assert outcome.code == int(arguments[0] != path)
        assert "\x1b" not in outcome.err
    assert json.loads(caption(path, "--format", "json").out)["path"] == path


def test_sampling_is_repeatable(caption, clip):
    first, again, other = (
        caption(clip, "--temperature", "1", "--seed", seed, "--max-tokens", "30").out for seed in ("1", "1", "2")
    )
    assert first == again != other


def test_auto_says_what_it_chose_and_why(lvspec, monkeypatch, tiny_preset, clip):
    import lvspec_cli.selection
    from lvspec_cli.preset import load_preset

    choice = lvspec_cli.selection.Choice(load_preset(tiny_preset), "chosen because it is here")
    monkeypatch.setattr(lvspec_cli.selection, "choose_preset", lambda: choice)
    outcome = lvspec("caption", clip)
    assert outcome.err.splitlines()[:2] == ["lvspec: preset tiny: chosen because it is here", NOTICE.strip()]
