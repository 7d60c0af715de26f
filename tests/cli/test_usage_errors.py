"""Wrong usage: one line that says what to do, exit code 2, nothing on stdout, and no model loaded."""

import pytest

from tests.models import tiny


@pytest.fixture
def refused(lvspec, tiny_preset, loads):
    """Run a command that must be refused; return what it says."""

    def run(*arguments):
        outcome = lvspec(*arguments)
        assert outcome.code == 2
        assert outcome.out == ""
        assert loads == []
        said = [line for line in outcome.err.splitlines() if line.startswith("lvspec: error: ")]
        assert len(said) == 1
        assert outcome.err.endswith(said[0] + "\n")
        assert "Traceback" not in outcome.err
        return said[0].removeprefix("lvspec: error: ")

    return run


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--frames", "0"], "--frames must be a whole number of at least 1, not 0"),
        (["--frames", "x"], "--frames must be a whole number, not 'x'"),
        (["--frames", "3", "--fps", "1"], "--frames and --fps exclude each other"),
        (["--fps", "0"], "--fps must be a number greater than 0"),
        (["--start", "1:99"], "--start must be seconds or [HH:]MM:SS, not '1:99'"),
        (["--start", "-1"], "--start must be 0 or more seconds"),
        (["--start", "5", "--end", "4"], "--end 4 must be later than --start 5"),
        (["--method", "strickt"], "--method must be one of ar, strict, specvlm, lvspec, fly, random, not 'strickt'"),
        (["--draft-tokens", "0"], "--draft-tokens must be a whole number of at least 1, or auto, not 0"),
        (["--max-tokens", "0"], "--max-tokens must be a whole number of at least 1, not 0"),
        (["--temperature", "-1"], "--temperature must be 0 (greedy) or at least"),
        (["--top-p", "0"], "--top-p must be above 0 and at most 1"),
        (["--top-k", "-1"], "--top-k must be a whole number of at least 0"),
        (["--pruning", "half"], "--pruning must be one of none, uniform, attention, not 'half'"),
        (["--pruning-keep", "0"], "--pruning-keep must be above 0 and at most 1, not 0"),
        (["--pruning-keep", "some"], "--pruning-keep must be a number, not 'some'"),
        (["--pruning-mass", "1.5"], "--pruning-mass must be from 0 to 1, not 1.5"),
        (["--decoder", "vlc"], "--decoder must be one of pyav, decord, not 'vlc'"),
        (["--on-oom", "pray"], "--on-oom must be one of fail, shrink, not 'pray'"),
        (
            ["--format", "yaml"],
            "--format must be one of text, json, jsonl, srt, vtt, csv, md, or several between commas",
        ),
        (["--format", "srt,jsno", "-o", "out/"], "not 'jsno'; did you mean 'json'?"),
        (["--format", "srt,srt", "-o", "out/"], "--format must name each once, not 'srt,srt'"),
        (["--format", "srt,json"], "several formats need a folder: -o FOLDER/, or --sidecar"),
        (["--format", "srt,json", "-o", "out.json"], "-o out.json looks like a file"),
        (["--format", "srt", "--dry-run"], "--dry-run cannot write srt: choose one of text, json, jsonl with --format"),
        (["--sidecar", "--dry-run"], "--dry-run makes no files for single videos"),
        (["--sidecar", "-o", "out"], "--sidecar and -o exclude each other"),
        (["-o", "lvspec.toml/out/"], "the folder lvspec.toml/out cannot be written: lvspec.toml: Not a directory"),
        (["--ui", "loud"], "--ui must be one of auto, live, plain, none, not 'loud'"),
        (
            ["--quantize", "target=fp3"],
            "--quantize must be target=KIND, draft=KIND or KIND for both models, KIND one of none, nf4, int8",
        ),
        (["--dtype", "int3"], "--dtype must be one of auto, float32, bfloat16, float16, not 'int3'"),
        (["--timeout", "0"], "--timeout (the deadline of a video) must be a number greater than 0"),
        (["--timeout", "1e10"], "--timeout must be at most 86400 s, a day, not 1e+10"),
        (["--frames", "9", "--max-frames", "4"], "--frames 9 is more than --max-frames 4"),
        (["--prompt", " "], "the prompt is empty"),
        (["--prompt", "caf\udce9"], "the prompt is not valid UTF-8"),
        (["--preset", "no-such"], "there is no preset 'no-such'"),
        (["--preset", "no/such.yaml"], "there is no preset file no/such.yaml"),
        (["-o", ""], "-o is empty: is a variable unset?"),
        (["-o", "no/such/folder.txt"], "/no/such; make it first"),
        (["-0"], "-0 says how --from-file LIST is written"),
        (["--from-file", "no-list"], "--from-file no-list cannot be read: No such file or directory"),
        (["--farmes", "3"], "--farmes"),
        (["--frames"], "--frames"),
        (["-"], "a video cannot come from stdin"),
        ([""], "a video's path is empty"),
    ],
)
def test_a_wrong_option_is_refused(refused, tiny_preset, clip, tmp_path, options, complaint):
    (tmp_path / "lvspec.toml").write_text("")
    preset = [] if "--preset" in options else ["--preset", tiny_preset]
    assert complaint in refused("caption", clip, *preset, *options)


@pytest.mark.parametrize(
    "key", ["draft_tokens", "frames", "max_frames", "fps", "decoder", "timeout", "ui", "format", "pruning_keep"]
)
def test_a_wrong_variable_or_key_is_named_as_it_was_written(refused, clip, tiny_preset, tmp_path, monkeypatch, key):
    (tmp_path / "lvspec.toml").write_text(f"{key} = {'0' if key not in ('decoder', 'ui', 'format') else repr('x')}\n")
    message = refused("caption", clip, "--preset", tiny_preset)
    assert message.startswith(f"{key} in lvspec.toml ")
    assert "--" not in message
    monkeypatch.setenv(f"LVSPEC_{key.upper()}", "0")
    assert refused("caption", clip, "--preset", tiny_preset).startswith(f"LVSPEC_{key.upper()} ")


def test_a_message_about_two_settings_names_each_as_it_was_written(refused, clip, tiny_preset, monkeypatch):
    monkeypatch.setenv("LVSPEC_START", "5")
    assert (
        refused("caption", clip, "--preset", tiny_preset, "--end", "4") == "--end 4 must be later than LVSPEC_START 5"
    )


def test_a_wrong_key_in_a_configuration_is_named(refused, clip, tmp_path):
    (tmp_path / "lvspec.toml").write_text("draft_tokns = 3\n")
    message = "lvspec.toml: unknown key 'draft_tokns'; did you mean 'draft_tokens'?"
    assert refused("caption", clip) == message


def test_a_setting_that_a_preset_gets_wrong_is_named(refused, clip, tmp_path):
    preset = tiny.write_preset(tmp_path / "p.yaml", tmp_path / "target", tmp_path / "draft", method="magic")
    assert refused("caption", clip, "--preset", preset).startswith("method in preset p must be one of ar, strict")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"schema: lvspec.preset/1\ntarget: {model: a}\ndraft: {model: b}\nframse: {count: 3}\n", "unknown key framse"),
        (b"schema: [", "not valid YAML"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"", "expected a preset"),
    ],
)
def test_an_unreadable_preset_is_refused(refused, clip, tmp_path, content, complaint):
    (tmp_path / "p.yaml").write_bytes(content)
    message = refused("caption", clip, "--preset", tmp_path / "p.yaml")
    assert complaint in message
    assert "p.yaml" in message


def test_a_pair_of_different_tokenizers_is_refused_before_weights_are_loaded(lvspec, clip, tmp_path, monkeypatch):
    import lvspec_cli.models.pair

    def load_model(*_):
        pytest.fail("weights were loaded")

    monkeypatch.setattr(lvspec_cli.models.pair, "load_model", load_model)
    tiny.save_checkpoint(tmp_path / "target", "qwen2_5_vl", tiny.TARGET)
    tiny.save_checkpoint(tmp_path / "draft", "qwen2_5_vl", tiny.DRAFT, extra=("<other>",))
    preset = tiny.write_preset(tmp_path / "p.yaml", tmp_path / "target", tmp_path / "draft")
    outcome = lvspec("caption", clip, "--preset", preset)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("lvspec: error: the tokenizers differ: ")
    assert outcome.err.count("\n") == 1


def test_weights_that_are_missing_are_told_before_any_video_is_read(lvspec, clip, tmp_path):
    preset = tiny.write_preset(tmp_path / "p.yaml", tmp_path / "target", tmp_path / "draft")
    outcome = lvspec("caption", "gone.mp4", clip, "--preset", preset)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith(f"lvspec: error: the folder {tmp_path / 'target'} of the target does not exist")
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("question", ["", "  "])
def test_an_empty_question_is_refused(refused, clip, question):
    assert refused("ask", clip, question) == "the question is empty: write what you want to know about the video"


def test_a_forgotten_question_is_noticed(refused, clip):
    assert "the last argument must be the question" in refused("ask", clip)
    assert "the last argument must be the question" in refused("ask", clip, "other.mp4")


def test_a_question_that_no_model_can_read_is_refused(refused, clip, tiny_preset):
    message = refused("ask", clip, "caf\udce9?", "--preset", tiny_preset)
    assert message == "the question is not valid UTF-8: write it in that encoding"


def test_a_list_that_nul_divides_needs_0(refused, tmp_path):
    (tmp_path / "list").write_bytes(b"a.mp4\0b.mp4\0")
    assert refused("caption", "--from-file", "list").endswith("has NUL characters: if they end its paths, add -0")


def test_a_closed_stdin_is_told(refused, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    assert refused("caption", "--from-file", "-").startswith("--from-file - cannot be read: stdin is closed")


def test_a_question_without_a_video_is_refused(refused, tiny_preset):
    assert refused("ask", "What is it?", "--preset", tiny_preset).startswith("no video given")


def test_a_folder_of_videos_without_r_is_refused(refused, tiny_preset, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").write_bytes(b"")
    assert (
        refused("caption", "in", "--preset", tiny_preset) == "in is a folder of videos: add -r to caption each of them"
    )


def test_a_folder_without_videos_is_refused_with_r(refused, tiny_preset, tmp_path):
    (tmp_path / "in").mkdir()
    assert refused("caption", "-r", "in", "--preset", tiny_preset).startswith("no video in in or below")


def test_an_input_is_never_overwritten(refused, clip, tiny_preset):
    before = clip.read_bytes()
    assert "is one of the videos" in refused("caption", clip, "-o", clip, "--preset", tiny_preset)
    assert clip.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["captoin"], "Did you mean 'caption'"),
        (["demo", "clip", "-o", "clip.avi"], "must end in .mp4"),
        (["demo", "clip", "-o", "no/clip.mp4"], "there is no folder no"),
        (["demo", "clip", "-o", "x.mp4", "--seed", "-1"], "--seed"),
        (["presets", "--format", "csv"], "--format must be text or json"),
        (["presets", "show", "demo", "--format", "csv"], "--format must be text or json"),
        (["presets", "show", "dmeo"], "there is no preset 'dmeo' (did you mean demo?)"),
    ],
)
def test_other_commands_refuse_alike(refused, arguments, complaint):
    assert complaint in refused(*arguments)


def test_a_clip_overwrites_no_other_json_beside_it(refused, tmp_path):
    (tmp_path / "mine.json").write_text('{"my": "notes"}')
    assert "would overwrite" in refused("demo", "clip", "-o", str(tmp_path / "mine.mp4"))
    assert (tmp_path / "mine.json").read_text() == '{"my": "notes"}'


def test_an_address_that_steers_terminals_is_made_harmless(lvspec):
    outcome = lvspec("caption", "x.mp4", "--preset", "\x1b[31mred\x07.yaml")
    assert outcome.code == 2
    assert not {"\x1b", "\x07"} & set(outcome.err)


@pytest.mark.parametrize(
    ("command", "missing"), [("caption", "no video given"), ("ask", "Missing argument 'QUESTION'")]
)
def test_what_is_missing_is_one_line_where_a_help_would_fill_the_screen(refused, command, missing):
    assert refused(command).startswith(missing)
    assert refused(command).endswith("(--help shows the usage)")


@pytest.mark.parametrize("command", ["status", "merge", "demo"])
def test_a_command_without_arguments_shows_its_help(lvspec, command):
    outcome = lvspec(command)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith(f"Usage: lvspec {command} ")
    assert len(outcome.err.splitlines()) > 5
