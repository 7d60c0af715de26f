"""Nothing that a model or a file name contains steers a terminal."""

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvspec_cli.output.json_text import json_line, json_text
from lvspec_cli.output.sanitize import for_terminal, on_one_line, without_controls

ANY_TEXT = st.text(st.characters(exclude_categories=[]))  # surrogates too


def steers(text, allowed=""):
    return [c for c in text if unicodedata.category(c) in ("Cc", "Cs") and c not in allowed]


def test_laws_have_no_deadline_that_a_busy_machine_may_miss():
    assert settings.default.deadline is None


@given(ANY_TEXT)
def test_no_control_character_reaches_a_terminal(text):
    assert steers(for_terminal(text), "\t\n") == []


@given(ANY_TEXT)
def test_one_line_is_one_line_without_controls(text):
    folded = on_one_line(text)
    assert len(folded.splitlines()) <= 1
    assert "\t" not in folded
    assert [c for c in steers(folded) if unicodedata.category(c) == "Cc"] == []


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp"])))
def test_ordinary_text_is_left_as_it_is(text):
    assert for_terminal(text) == on_one_line(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]0;title\x07", "]0;title"),
        ("\x9b31m", "31m"),
        ("a\rb", "ab"),
        ("over\b\b\b\bwritten", "overwritten"),
        ("gpj.\u202exe.mp4", "gpj.xe.mp4"),
        ("caf\udce9", "caf\ufffd"),
        ("a\tb\nc", "a\tb\nc"),
    ],
)
def test_escapes_become_harmless(text, shown):
    assert for_terminal(text) == shown


@pytest.mark.parametrize("mark", [*map(chr, (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))])
def test_no_mark_reorders_a_line_of_text_or_of_json(mark):
    assert for_terminal(f"gpj.{mark}exe") == on_one_line(f"gpj.{mark}exe") == "gpj.exe"
    for written in (json_text, json_line):
        assert mark not in written(f"gpj.{mark}exe")
        assert json.loads(written(mark)) == mark


def test_words_stay_apart_when_lines_are_folded():
    assert on_one_line("one\r\ntwo\tthree\u2028four") == "one two three four"
    assert without_controls("one\ntwo") == "one\ntwo"


@pytest.mark.parametrize("written", [json_text, json_line])
@given(
    value=st.recursive(
        ANY_TEXT | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
    )
)
def test_json_says_the_same_and_is_safe_to_print(written, value):
    text = written(value)
    assert json.loads(text) == value
    text = text.removesuffix("\n")
    assert steers(text) == []
    assert len(text.splitlines()) == 1
    text.encode()  # no half surrogate is left


def test_json_keeps_readable_text_readable():
    assert json_text({"text": "ein Käse, 猫"}) == '{"text": "ein Käse, 猫"}'


def test_json_refuses_numbers_it_does_not_know():
    with pytest.raises(ValueError, match="JSON"):
        json_text({"seconds": float("nan")})


@pytest.mark.parametrize(("half", "written"), [("", ""), ("\udce9", "\\udce9")])
def test_a_line_of_json_is_one_and_has_no_spaces_whatever_is_in_it(half, written):
    assert json_line({"a": ["é\n\u2028" + half, 0.5]}) == f'{{"a":["é\\n\\u2028{written}",0.5]}}\n'
