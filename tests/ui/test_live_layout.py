"""Whatever is known and however large the terminal is: the screen fits, keeps still, and shows what it is there for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lvspec_cli.decoding.events import Refusal
from lvspec_cli.ui.live.cells import width_of
from lvspec_cli.ui.live.glyphs import Glyphs, glyphs_for
from lvspec_cli.ui.live.known import Chain, Known, Link, Piece
from lvspec_cli.ui.live.layout import compose, plan_of
from lvspec_cli.ui.live.ledger import setup_of
from lvspec_cli.ui.live.wrapping import CaptionWrap
from tests.ui.events import BONUS, EXACT, LOOSE, RECOVERED, SHIFTED, Decode, in_the_middle, known_after, settings
from tests.ui.screens import plain

UNICODE = glyphs_for("UTF-8")
ORIGINS = st.sampled_from([EXACT, LOOSE, SHIFTED, RECOVERED, BONUS, None])
# Wide and combining characters, emoji of several code points, controls, escapes, half characters, spaces, long words.
ODD = [
    "你好",
    "e\u0301\u0302",
    "👩\u200d👩\u200d👧",
    "❤\ufe0f",
    "\u202e",
    "\x1b[2J",
    "\x9b31m",
    "\ud800",
    "\t",
    "\n\n",
    "\x00",
    "x" * 300,
]
TEXTS = st.one_of(st.text(max_size=12), st.sampled_from([*ODD, " word", " a", ",", ""]))
PIECES = st.lists(st.builds(Piece, TEXTS, ORIGINS), max_size=60)
SIZES = st.tuples(st.integers(1, 230), st.integers(1, 70))


def with_text(pieces: list[Piece]) -> Known:
    """A state whose every foreign text is odd."""
    texts = [piece.text for piece in pieces] or [""]
    fates = ["accepted", "beyond", "rejected", "discarded", "own"]
    links = tuple(Link(text, fates[i % 5], EXACT if i % 5 in (0, 4) else None) for i, text in enumerate(texts))
    chain = Chain(7, links, len(links), 1, Refusal.ANCHOR, None)
    return replace(in_the_middle(), pieces=tuple(pieces), chain=chain, path=texts[-1])


@given(PIECES, SIZES, st.sampled_from(["utf-8", "ascii", "latin-1", "cp437", "gb18030"]), st.integers(1, 2000))
@example([Piece("漢", EXACT)], (61, 12), "utf-8", 1)
def test_no_screen_is_larger_than_its_terminal(
    pieces: list[Piece], size: tuple[int, int], encoding: str, count: int
) -> None:
    known = with_text(pieces)
    known = replace(known, videos=replace(known.videos, count=count))
    lines = compose(known, *size, glyphs_for(encoding))
    assert 1 <= len(lines) <= size[1]
    assert max(map(width_of, lines)) <= size[0]


@given(PIECES, SIZES)
def test_nothing_foreign_steers_the_terminal(pieces: list[Piece], size: tuple[int, int]) -> None:
    for line in plain(compose(with_text(pieces), *size, UNICODE)):
        assert not any(c < " " or "\x7f" <= c <= "\x9f" or "\u202a" <= c <= "\u202e" for c in line)
        line.encode("utf-8")  # no half characters


@given(PIECES, st.sampled_from(["ascii", "latin-1", "cp437", "shift_jis"]), SIZES)
def test_a_terminal_gets_what_its_encoding_has(pieces: list[Piece], encoding: str, size: tuple[int, int]) -> None:
    "".join(plain(compose(with_text(pieces), *size, glyphs_for(encoding)))).encode(encoding)


@given(PIECES, st.integers(1, 90), st.data())
def test_a_caption_that_grows_is_broken_as_if_it_had_been_there_at_once(
    pieces: list[Piece], width: int, data: st.DataObject
) -> None:
    growing, at = CaptionWrap(UNICODE), 0
    while at < len(pieces):
        at += data.draw(st.integers(1, len(pieces) - at))
        shown = growing.last_lines(pieces[:at], width, 1000)
        assert shown == CaptionWrap(UNICODE).last_lines(pieces[:at], width, 1000)


@given(st.lists(st.text("abc de\n", max_size=9), max_size=40), st.integers(9, 60))
def test_breaking_lines_changes_nothing_but_white_space(texts: list[str], width: int) -> None:
    lines = CaptionWrap(UNICODE).last_lines([Piece(text, EXACT) for text in texts], width, 10**6)
    said = "\n".join("".join(text for text, _ in line) for line in lines)
    assert said.split() == "".join(texts).split() or any(len(word) > width for word in "".join(texts).split())
    assert said.replace(" ", "").replace("\n", "") == "".join("".join(texts).split())


def test_a_full_line_never_changes() -> None:
    wrap, pieces, before = CaptionWrap(UNICODE), [], []
    for word in range(200):
        pieces.append(Piece(f" word{word}", EXACT if word % 3 else LOOSE))
        lines = wrap.last_lines(pieces, 40, 1000)
        assert lines[: len(before) - 1] == before[:-1]
        before = lines


def test_a_caption_that_was_voided_or_is_another_one_is_broken_anew() -> None:
    wrap = CaptionWrap(UNICODE)
    wrap.last_lines([Piece("one", EXACT), Piece(" two", EXACT)], 40, 9)
    assert wrap.last_lines([Piece("three", EXACT), Piece(" four", EXACT)], 40, 9) == [[("three four", EXACT)]]
    assert wrap.last_lines([Piece("five", EXACT)], 40, 9) == [[("five", EXACT)]]


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (60, 12), (100, 40)])
def test_panels_stay_where_they_are(size: tuple[int, int]) -> None:
    """From the first moment to a caption that is longer than its panel, no heading moves."""
    decode, places = Decode(), set()
    steps = decode.before()
    while len(steps) < 90:
        lines = plain(compose(known_after(steps), *size, UNICODE))
        headings = ("caption ─", "round ", "speed ─", "acceptance ─", "accepted a round")
        places.add((len(lines), *(next((i for i, line in enumerate(lines) if h in line), None) for h in headings)))
        steps.append(decode.round([(" several", EXACT), (" words", LOOSE), (" more", RECOVERED)], [" no"]))
    assert len(places) == 1


def test_the_end_of_a_long_caption_is_seen() -> None:
    known = replace(in_the_middle(), pieces=tuple(Piece(f" {number}", EXACT) for number in range(5000)))
    lines = "\n".join(plain(compose(known, 80, 24, UNICODE)))
    assert " 4999" in lines
    assert " 1000 " not in lines


def test_more_rows_never_show_less() -> None:
    setup = setup_of(settings())
    for several in (False, True):
        plans = [plan_of(setup, several, 78, rows) for rows in range(11, 60)]
        values = [plan.caption_rows + 3 * plan.chain_rows + 5 * plan.facts + 20 * plan.panels for plan in plans]
        assert values == sorted(values)
        assert plans[0].videos == several
        assert plans[-1].panels
        assert plans[-1].gaps == 3


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (60, 12), (60, 14), (119, 30)])
def test_at_every_size_the_colours_are_explained_and_the_speed_told(size: tuple[int, int]) -> None:
    lines = plain(compose(in_the_middle(), *size, UNICODE))
    screen = "\n".join(lines)
    for word in (
        "exact",
        "loose",
        "shifted",
        "recovered",
        "bonus",
        "speed-up",
        f"1.6{UNICODE.times}",
        "18 of 80 tokens",
        "✗3",
    ):
        assert word in screen
    assert "est. speed-up" in screen


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (60, 12)])
def test_nothing_of_a_draft_is_shown_where_there_is_none(size: tuple[int, int]) -> None:
    decode = Decode(drafts=False)
    steps = [*decode.before(), decode.round([("Waves", BONUS)])]
    screen = "\n".join(plain(compose(known_after(steps, settings(method="ar")), *size, UNICODE)))
    assert "Waves" in screen
    for word in ("round", "accept", "draft", "speed-up", "exact"):
        assert word not in screen


@pytest.mark.parametrize(
    ("method", "kinds"),
    [("strict", "exact recovered bonus"), ("fly", "exact loose recovered bonus"), ("ar", "target")],
)
def test_kinds_of_tokens_that_a_method_does_not_know_have_no_line(method: str, kinds: str) -> None:
    assert " ".join(origin.value for origin in setup_of(settings(method=method)).kinds) == kinds


def test_every_origin_is_told_apart_without_colours_too() -> None:
    from lvspec_cli.ui.live.palette import DISCARDED, ORIGIN_STYLES, REJECTED, SIXTEEN_COLOURS

    styles = [*ORIGIN_STYLES.values(), REJECTED, DISCARDED]
    bare = {style.without_color for style in styles}
    marks = {UNICODE.mark(origin) for origin in ORIGIN_STYLES}
    assert len(bare) >= len(styles) - 1  # bold is what recovered tokens and the target's are, but for the mark
    assert len(marks) == len(ORIGIN_STYLES) - 1
    coloured = [style.color for style in SIXTEEN_COLOURS.values()]
    assert len({color.name for color in coloured if color is not None}) == 4


def test_glyphs_take_the_cells_that_they_are_counted_for() -> None:
    from rich.cells import cell_len

    for glyphs in (UNICODE, glyphs_for("ascii")):
        for name, value in vars(glyphs).items():
            if name not in ("encoding", "ellipsis", "newline", "tab", "carrier"):
                assert {cell_len(character) for character in value} == {1}, name
    assert isinstance(UNICODE, Glyphs)
