"""Styles: read as written, found by name or path, and wrong ones named by file, line and key."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from lvspec_cli.errors import StyleError
from lvspec_cli.files import LARGEST_WRITTEN
from lvspec_cli.preset import built_in_folder
from lvspec_cli.settings import FIELDS, user_file
from lvspec_cli.style import Style, list_styles, load_style, style_files, user_styles_folder
from lvspec_cli.style_reader import KEYS
from tests.yaml_files import complaint_of, written

BUILT_IN = ("brief", "detailed", "story", "tags")
FULL = """\
schema: lvspec.style/1
name: mine
description: My own.
prompt: >-
  Say what
  you see.
system: Be terse.
max_tokens: 40
"""
SHORT = "schema: lvspec.style/1\nprompt: Say what you see.\n"


complaint = partial(complaint_of, load_style, StyleError)


def test_every_key_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, FULL)
    assert load_style(path) == Style("mine", "Say what you see.", path, "My own.", "Be terse.", 40)


def test_what_is_not_written_is_left_to_others(tmp_path: Path) -> None:
    path = written(tmp_path, SHORT)
    style = load_style(path)
    assert style == Style("my", "Say what you see.", path)
    assert style.settings == {"prompt": "Say what you see."}


def test_a_style_decides_settings_that_there_are(tmp_path: Path) -> None:
    settings = load_style(written(tmp_path, FULL)).settings
    assert settings == {"prompt": "Say what you see.", "system": "Be terse.", "max_tokens": 40}
    assert settings.keys() <= FIELDS.keys()


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("lvspec.style/1", "lvspec.preset/1", 1, "schema must be lvspec.style/1, not 'lvspec.preset/1'"),
        ("schema: lvspec.style/1\n", "", 1, "schema must be lvspec.style/1"),
        ("system: Be", "sytem: Be", 7, "unknown key sytem (did you mean system?)"),
        ("system: Be terse.", "colour: red", 7, "unknown key colour (known are schema, name, description, prompt,"),
        ("max_tokens: 40", "max_tokens: 0", 8, "max_tokens must be a whole number of at least 1, not 0"),
        ("max_tokens: 40", "max_tokens: forty", 8, "max_tokens must be a whole number of at least 1, not 'forty'"),
        ("prompt: >-\n  Say what\n  you see.\n", "", 1, "prompt is missing: write what to ask of a video"),
        ("prompt: >-\n  Say what\n  you see.\n", "prompt: ' '\n", 4, "prompt must be text, not ' '"),
        ("prompt: >-\n  Say what\n  you see.\n", "prompt: {caption: a}\n", 4, "prompt must be text, not a section"),
        ("system: Be terse.", "name: again", 7, "name is given twice"),
        ("name: mine", "name: &a mine\nsystem: *a", 3, "write the value out instead of *a"),
        ("name: mine", "name: [", 4, "this is not valid YAML"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    assert old in FULL
    message = complaint(written(tmp_path, FULL.replace(old, new)))
    assert says in message
    assert f", line {line}:" in message


@pytest.mark.parametrize("text", ["", "- a\n", "Describe it.", "\x00", "[" * 700])
def test_what_is_no_style_at_all_is_an_error_of_one_sentence(tmp_path: Path, text: str) -> None:
    assert "preset" not in complaint(written(tmp_path, text))


def test_bytes_that_are_no_text_are_an_error_of_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "cannot read the style" in complaint(path)


def test_a_style_is_read_up_to_its_limit_and_a_larger_one_refused(tmp_path: Path) -> None:
    whole = SHORT + "#" * (LARGEST_WRITTEN - len(SHORT))
    assert load_style(written(tmp_path, whole)).prompt == "Say what you see."
    message = complaint(written(tmp_path, whole + "#"))
    assert message.endswith("/my.yaml: it is larger than 256 KiB; give the path of a YAML file")


def test_of_a_file_without_end_no_more_is_read_than_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    with open(path, "wb") as file:
        file.truncate(2**40)  # takes no room, and does not fit into memory
    assert "it is larger than 256 KiB" in complaint(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "there is no style file" in complaint(tmp_path / "gone.yaml")


def test_a_style_is_found_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, SHORT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for name in ("my.yaml", "./my.yaml", "~/my.yaml", path):
        assert load_style(name).path == path


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(StyleError) as caught:
        load_style("breif")
    assert str(caught.value) == (
        "there is no style 'breif' (did you mean brief?): choose one of brief, detailed, story, tags, "
        "or give the path of a .yaml file"
    )


def test_a_users_style_goes_before_a_built_in_one(user_folder: Path) -> None:
    users = user_folder / "styles"
    for name in ("brief", "mine"):
        written(users, SHORT, f"{name}.yaml")
    assert list_styles() == ("brief", "detailed", "mine", "story", "tags")
    assert [file.name for file in style_files() if file.is_users] == ["brief", "mine"]
    assert [file.name for file in style_files() if file.hides_built_in] == ["brief"]
    assert [load_style(name).path.parent for name in ("brief", "tags")] == [users, built_in_folder() / "styles"]


def test_the_users_folder_lies_beside_the_users_settings() -> None:
    assert user_styles_folder().parent == user_file().parent


def test_the_built_in_styles_are_there() -> None:
    assert list_styles() == BUILT_IN


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_style_is_told_apart_and_works_with_every_family(name: str) -> None:
    style = load_style(name)
    assert style.name == name
    assert style.description
    assert style.prompt.isprintable()
    assert not re.search(r"<\|?[a-z_]+\|?>", style.prompt)  # no control token of any family
    assert style.system is None  # not every chat template takes one
    assert style.max_tokens is not None
    assert len(style.prompt) < 900  # a small model loses the thread of more


def test_the_example_in_the_docs_is_a_style_and_the_table_there_has_every_key(tmp_path: Path) -> None:
    text = (built_in_folder().parent / "docs" / "prompts.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    style = load_style(written(tmp_path, example))
    assert style.name == "surveillance"
    assert set(re.findall(r"^(\w+):", example, re.MULTILINE)) == KEYS.keys()  # it is complete
    keys, styles = text.split("| key |")[1], text.split("| style |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", keys, re.MULTILINE)) == KEYS.keys()
    assert set(re.findall(r"^\| `(\w+)` \|", styles, re.MULTILINE)) == set(BUILT_IN)


def test_reading_a_style_imports_nothing_heavy() -> None:
    code = (
        "import sys; from lvspec_cli.style import load_style; load_style('brief'); "
        "assert not {'torch', 'numpy', 'transformers', 'rich', 'typer'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
