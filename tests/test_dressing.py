"""What is put around captions for a training set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.dressing import Dressing

LINES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=12)
TEXTS = st.text(max_size=40)


def test_nothing_is_put_around_a_text_by_default() -> None:
    assert Dressing().around(" A cat.\nIt sleeps. ") == " A cat.\nIt sleeps. "


def test_prefix_trigger_and_suffix_stand_in_this_order() -> None:
    assert Dressing("video of ", "ohwx", " [4K] ").around("A cat sleeps.") == "video of ohwx, A cat sleeps. [4K] "


@pytest.mark.parametrize(
    ("trigger", "text", "dressed"),
    [
        ("ohwx", "ohwx, a cat", "ohwx, a cat"),
        ("ohwx", "ohwx", "ohwx"),
        ("ohwx", "ohwx's cat", "ohwx's cat"),
        ("ohwx cat", "ohwx cat sleeps", "ohwx cat sleeps"),
        ("cat", "catalogue of toys", "cat, catalogue of toys"),  # only its letters
        ("Cat", "cat sleeps", "Cat, cat sleeps"),  # what trainers look for has this case
        ("c.t", "cat sleeps", "c.t, cat sleeps"),
        ("cat", "A cat sleeps", "cat, A cat sleeps"),
        ("cat", "", "cat"),
    ],
)
def test_a_trigger_word_is_not_doubled(trigger: str, text: str, dressed: str) -> None:
    assert Dressing(trigger=trigger).around(text) == dressed


@given(LINES, LINES.map(str.strip), LINES, TEXTS)
def test_the_text_stays_whole_between_prefix_and_suffix(prefix: str, trigger: str, suffix: str, text: str) -> None:
    dressed = Dressing(prefix, trigger, suffix).around(text)
    assert dressed.startswith(prefix + trigger)
    assert dressed.endswith(text + suffix)
    assert dressed.removeprefix(prefix).removesuffix(suffix) in (text, trigger, f"{trigger}, {text}")


@given(LINES.map(str.strip).filter(bool), TEXTS)
def test_a_text_with_its_trigger_gets_no_other(trigger: str, text: str) -> None:
    dressing = Dressing(trigger=trigger)
    once = dressing.around(text)
    assert dressing.around(once) == once


@pytest.mark.parametrize("value", ["a\nb", "a\r", "\ta", "\x1b[31m", "a\u2028b", "\x00"])
@pytest.mark.parametrize("name", ["prefix", "trigger", "suffix"])
def test_what_breaks_a_line_or_steers_a_terminal_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be one line without tabs"):
        Dressing(**{name: value})


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^suffix is not valid UTF-8"):
        Dressing(suffix="caf\udce9")
