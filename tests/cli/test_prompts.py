"""What is asked and what is written around the answer: styles, system messages, prefix, trigger and suffix."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from lvspec_cli.style import list_styles, load_style
from tests.models import tiny

STYLE = "schema: lvspec.style/1\nprompt: Say it.\nsystem: Be terse.\nmax_tokens: 5\n"


@pytest.fixture(autouse=True)
def users(user_folder):
    return user_folder / "styles"


@pytest.fixture
def refused(lvspec, loads, tiny_preset, clip):
    """Run `lvspec caption` with options that must be refused before a model is loaded; return what it says."""

    def run(*options, command="caption", preset=tiny_preset):
        outcome = lvspec(command, clip, *options, "--preset", preset)
        assert (outcome.code, outcome.out, loads) == (2, "", [])
        assert "Traceback" not in outcome.err
        return outcome.err.splitlines()[-1].removeprefix("lvspec: error: ")

    return run


def written(path, text=STYLE):
    path.write_text(text, encoding="utf-8")
    return path


def record_of(outcome):
    assert outcome.code == 0
    return json.loads(outcome.out)


# lvspec styles


def test_every_style_is_listed_with_all_it_says(lvspec):
    outcome = lvspec("styles")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    names = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert names == list(list_styles()) == ["brief", "detailed", "story", "tags"]
    words = " ".join(outcome.out.split())
    for name in names:
        style = load_style(name)
        assert style.description in words
        assert f"{style.prompt} at most {style.max_tokens} tokens" in words
    assert max(map(len, lines)) <= 104


def test_the_list_as_json_has_everything_of_every_style(lvspec, users):
    written(users / "mine.yaml")
    records = {record["name"]: record for record in json.loads(lvspec("styles", "--format", "json").out)}
    assert list(records) == list(list_styles())
    assert records["mine"] == {
        "name": "mine",
        "is_users": True,
        "hides_built_in": False,
        "description": "",
        "prompt": "Say it.",
        "system": "Be terse.",
        "max_tokens": 5,
        "path": str(users / "mine.yaml"),
        "error": None,
    }
    assert records["brief"]["prompt"] == load_style("brief").prompt


def test_the_users_styles_are_listed_as_such_and_a_wrong_one_hides_no_other(lvspec, users):
    written(users / "brief.yaml")
    path = written(users / "wrong.yaml", "prompt: a\n")
    lines = lvspec("styles").out.splitlines()
    assert next(line for line in lines if line.startswith("brief ")).endswith("(yours, in place of the built-in one)")
    assert "    system: Be terse." in lines
    (wrong,) = [line for line in lines if line.startswith("wrong ")]
    assert f"cannot be used: {path}, line 1: schema must be lvspec.style/1" in wrong
    (record,) = [one for one in json.loads(lvspec("styles", "--format", "json").out) if one["name"] == "wrong"]
    assert "schema must be" in record["error"]


def test_what_a_style_says_steers_no_terminal(lvspec, users):
    written(users / "a.yaml", 'schema: lvspec.style/1\nprompt: "\\e[31mred\\nline"\ndescription: "\\e[2J"\n')
    assert "\x1b" not in lvspec("styles").out


def test_another_form_of_the_list_is_refused(lvspec):
    outcome = lvspec("styles", "--format", "yaml")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--format must be text or json, not 'yaml'" in outcome.err


def test_listing_styles_and_showing_help_imports_nothing_heavy():
    code = (
        "import sys; from lvspec_cli.cli import main; main(sys.argv[1:]); "
        "print([name for name in ('torch', 'transformers', 'numpy', 'rich') if name in sys.modules], file=sys.stderr)"
    )
    for arguments in (["styles"], ["caption", "--help"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        assert done.stderr.splitlines()[-1] == "[]"


# --style


def test_a_style_asks_and_the_record_tells_so(caption, clip):
    record = record_of(caption(clip, "--style", "brief", "--format", "json"))
    brief = load_style("brief")
    assert (record["prompt"], record["question"], record["system"]) == (brief.prompt, None, None)
    assert record["settings"]["style"] == "brief"
    assert record["settings"]["max_tokens"] == brief.max_tokens


def test_a_style_of_ones_own_is_found_by_name_and_by_path(caption, clip, users, tmp_path):
    written(users / "mine.yaml")
    written(tmp_path / "other.yaml")
    for name in ("mine", "./other.yaml"):
        record = record_of(caption(clip, "--style", name, "--format", "json"))
        assert (record["prompt"], record["system"]) == ("Say it.", "Be terse.")
        assert record["settings"]["style"] == name
        assert record["stats"]["num_generated_tokens"] == 5


def test_verbose_says_that_a_style_decided(caption, clip, users, monkeypatch):
    written(users / "mine.yaml")
    monkeypatch.setenv("LVSPEC_STYLE", "mine")
    err = caption(clip, "-v", "--max-tokens", "3").err
    assert "prompt: Say it.  (style mine)\n" in err
    assert "system: Be terse.  (style mine)\n" in err
    assert "max_tokens: 3  (--max-tokens)\n" in err
    assert "style: mine  (LVSPEC_STYLE)\n" in err


def test_help_names_the_styles(lvspec):
    words = " ".join(lvspec("caption", "--help").out.split())
    told = re.search(r"--style NAME\|FILE A prompt kept under a name or in a YAML file\. One of: ([^.]+)\.", words)
    assert {"brief", "detailed", "story", "tags"} <= set(told[1].split(", "))


@pytest.mark.skipif(os.name == "nt", reason="file names are text there")
def test_the_name_of_a_style_steers_no_terminal(tmp_path):
    folder = tmp_path / "lvspec" / "styles"
    folder.mkdir(parents=True)
    for name in ("mine", "red\x1b[31m", os.fsdecode(b"caf\xe9")):
        written(folder / f"{name}.yaml")
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}
    for arguments in (["styles"], ["caption", "--help"], ["styles", "--format", "json"]):
        command = [sys.executable, "-m", "lvspec_cli", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"mine" in done.stdout
        assert b"\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--style", "breif"], "there is no style 'breif' (did you mean brief?): choose one of brief, detailed, "),
        (["--style", "no/such.yaml"], "there is no style file no/such.yaml: check the path"),
        (["--style", "brief", "--prompt", "Why?"], "--prompt and --style exclude each other: keep one of them"),
        (["--prefix", "a\nb"], "--prefix must be one line without tabs and other control characters, not 'a\\nb'"),
        (["--system", "caf\udce9"], "the system message is not valid UTF-8: write it in that encoding"),
    ],
)
def test_wrong_ways_to_ask_are_refused(refused, options, complaint):
    assert refused(*options).startswith(complaint)


# --system


def test_a_system_message_is_said_and_in_the_record(caption, ask, clip):
    plain = record_of(caption(clip, "--format", "json"))
    told = record_of(caption(clip, "--format", "json", "--system", "Be terse."))
    assert (plain["system"], told["system"]) == (None, "Be terse.")
    assert plain["text"] != told["text"]
    answer = record_of(ask(clip, "Why?", "--format", "json", "--system", "Be terse."))
    assert (answer["prompt"], answer["question"], answer["system"]) == (None, "Why?", "Be terse.")


def test_a_system_message_counts_in_what_is_foretold(caption, clip):
    plain, told = (
        record_of(caption(clip, "--dry-run", "--format", "json", "--system", text))["prompt_tokens"]
        for text in ("", "Be terse.")
    )
    assert told == plain + len("[system\nBe terse.]\n")  # a token is a character here, or a control token: [ and ]


def test_a_failure_tells_what_would_have_been_asked(caption):
    outcome = caption("gone.mp4", "--system", "Be terse.", "--style", "brief", "--format", "json")
    record = json.loads(outcome.out)
    assert outcome.code == 1
    assert (record["prompt"], record["system"]) == (load_style("brief").prompt, "Be terse.")
    assert record["error"]["type"] == "not_found"


def test_a_system_message_of_the_preset_can_be_taken_away(lvspec, clip, tiny_preset, tmp_path):
    preset = tiny.write_preset(
        tmp_path / "p.yaml", tiny_preset.parent / "target", tiny_preset.parent / "draft", prompts="{system: Be terse.}"
    )
    said = [
        record_of(lvspec("caption", clip, "--preset", preset, "--max-tokens", "2", "--format", "json", *options))
        for options in ([], ["--system", ""])
    ]
    assert [record["system"] for record in said] == ["Be terse.", None]


@pytest.fixture
def mute(tiny_preset, tmp_path):
    """The tiny pair with a chat template that leaves system messages out, and no weights."""
    folder = shutil.copytree(tiny_preset.parent, tmp_path / "mute")
    template = "{% for message in messages %}{% if message['role'] == 'user' %}x{% endif %}{% endfor %}"
    for role in ("target", "draft"):
        (folder / role / "chat_template.jinja").write_text(template)

    def preset(**keys):
        return tiny.write_preset(folder / "p.yaml", folder / "target", folder / "draft", **keys)

    return preset


def test_a_model_that_takes_no_system_message_is_noticed_by_a_dry_run_and_a_check(refused, lvspec, mute):
    complaint = "the chat template of the model takes no system message: say in the prompt what it is to know, and "
    assert refused("--dry-run", "--system", "Be terse.", preset=mute()).startswith(complaint)
    path = mute(prompts="{system: Be terse.}")
    outcome = lvspec("presets", "check", path)
    assert (outcome.code, outcome.out) == (2, "")
    assert f"{path}, line 4: prompts.system: {complaint}" in outcome.err


@pytest.mark.parametrize("key", ["caption", "system", "summary"])
def test_control_tokens_in_the_prompts_of_a_preset_are_found_by_a_check(lvspec, tiny_preset, tmp_path, key):
    folder = tiny_preset.parent
    prompts = f"{{{key}: 'a <|im_end|> b'}}"
    path = tiny.write_preset(tmp_path / "p.yaml", folder / "target", folder / "draft", prompts=prompts)
    outcome = lvspec("presets", "check", path)
    what = "system message" if key == "system" else "prompt"
    assert f"{path}, line 4: prompts.{key}: the {what} contains <|im_end|>, a control token" in outcome.err


# --prefix, --trigger, --suffix


def test_a_caption_is_dressed_in_text_and_record(caption, clip):
    bare = record_of(caption(clip, "--format", "json"))["text"]
    options = ("--prefix", " video of ", "--trigger", "ohwx", "--suffix", ", 4k ")
    dressed = f" video of ohwx, {bare}, 4k "
    record = record_of(caption(clip, *options, "--format", "json"))
    assert record["text"] == dressed
    assert [segment["text"] for segment in record["segments"]] == [dressed]
    given = {key: record["settings"][key] for key in ("prefix", "trigger", "suffix")}
    assert given == {"prefix": " video of ", "trigger": "ohwx", "suffix": ", 4k "}


# lvspec ask


@pytest.mark.parametrize("flag", ["--prompt", "--style", "--summary-prompt", "--prefix", "--suffix", "--trigger"])
def test_a_question_has_no_options_for_captions(lvspec, clip, flag):
    outcome = lvspec("ask", clip, "Why?", flag, "brief")
    assert (outcome.code, outcome.out) == (2, "")
    assert f"No such option: {flag}" in outcome.err
    assert f"{flag} " in lvspec("caption", "--help").out
    assert f"{flag} " not in lvspec("ask", "--help").out


def test_what_is_set_for_captions_does_not_shape_answers(ask, clip, users, tmp_path):
    plain = record_of(ask(clip, "Why?", "--format", "json"))
    written(users / "mine.yaml")
    (tmp_path / "lvspec.toml").write_text("style = 'mine'\ntrigger = 'ohwx'\nprefix = 'a '\nsuffix = ' b'\n")
    outcome = ask(clip, "Why?", "--format", "json", "-v")
    answer = record_of(outcome)
    assert [answer[key] for key in ("text", "system", "settings")] == [
        plain[key] for key in ("text", "system", "settings")
    ]
    assert "max_tokens: 12  (preset tiny)\n" in outcome.err
    assert "style: not set\n" in outcome.err
