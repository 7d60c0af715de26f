"""The books of the live view: what they tell is what the events said."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lvspec_cli.caption import Part, Sight
from lvspec_cli.decoding.events import Refusal
from lvspec_cli.ui.live.formats import clock_time, elapsed, memory, remaining, speed
from lvspec_cli.ui.live.known import Known
from lvspec_cli.ui.live.ledger import Ledger, chain_of
from tests.ui.events import (
    BONUS,
    EXACT,
    FACTS,
    LOOSE,
    RECOVERED,
    TARGET,
    Decode,
    drafted_rounds,
    in_the_middle,
    known_after,
    settings,
)


def said(known: Known) -> str:
    return "".join(piece.text for piece in known.pieces)


def test_the_caption_is_what_the_rounds_say_each_token_in_its_own_colour() -> None:
    known = in_the_middle()
    assert said(known) == "A wide beach with palm trees bends along the bay; people walk their dogs in the surf"
    assert [piece.text for piece in known.pieces if piece.origin is LOOSE] == [" wide", " bends"]


@given(st.text(min_size=1, max_size=30), st.integers(1, 5))
@example("\ufffd", 1)  # which looks like the beginning of a character until no more comes
def test_a_character_of_several_tokens_appears_when_it_is_whole(text: str, tokens_a_round: int) -> None:
    text = "." + text.encode("utf-8", "replace").decode()
    decode, parts = Decode(), [bytes([byte]) for byte in text.encode()]
    rounds = [
        decode.round(
            [(part, EXACT) for part in parts[at : at + tokens_a_round]],
            finish="length" if at + tokens_a_round >= len(parts) else None,
        )
        for at in range(0, len(parts), tokens_a_round)
    ]
    for count in range(1, len(rounds) + 1):
        shown = said(known_after([*decode.before(), *rounds[:count]]))
        assert text.startswith(shown)
        assert "\ufffd" not in shown or "\ufffd" in text
    assert said(known_after([*decode.before(), *rounds])) == text


def test_bytes_that_never_become_a_character_are_not_waited_for() -> None:
    decode = Decode()
    rounds = [decode.round([("A", EXACT)]), *(decode.round([(b"\xf0", EXACT)]) for _ in range(6))]
    assert said(known_after([*decode.before(), *rounds])).startswith("A\ufffd")


def test_the_token_that_ends_a_caption_is_no_part_of_it() -> None:
    decode = Decode()
    last = decode.round([("The", EXACT), (" end", EXACT), ("<stop>", EXACT)], beyond=[" more"], finish="stop")
    known = known_after([*decode.before(), last])
    assert said(known) == "The end"
    assert [link.text for link in known.chain.links if link.fate == "beyond"] == [" more"]
    cut_off = decode.round([("The", EXACT), (" end", EXACT)], finish="length")
    assert said(known_after([*decode.before(), cut_off])) == "The end"


def test_a_chain_tells_the_fate_of_every_draft_token_and_the_target_s_own() -> None:
    decode = Decode()
    step = decode.round(
        [("red", EXACT), (" big", LOOSE), (" car", RECOVERED)], [" bus", " stops"], refusal=Refusal.GUARD
    )
    chain = chain_of(step.round, None, step.texts)
    fates = [(link.text, link.fate, link.origin) for link in chain.links]
    assert fates == [
        ("red", "accepted", EXACT),
        (" big", "accepted", LOOSE),
        (" bus", "rejected", None),
        (" stops", "discarded", None),
        (" car", "own", RECOVERED),
    ]
    assert (chain.number, chain.num_drafted, chain.num_accepted, chain.refusal) == (1, 4, 2, Refusal.GUARD)


def test_figures_are_those_of_the_running_statistics() -> None:
    decode = Decode()
    steps = [*decode.before(), *drafted_rounds(decode)]
    figures, stats = known_after(steps).figures, decode.stats
    assert figures.num_tokens == stats.num_generated_tokens == 18
    assert figures.speed_mean == stats.tokens_per_second
    assert figures.acceptance_length == stats.mean_acceptance_length
    assert figures.speedup == stats.estimated_speedup
    assert figures.tokens_by_origin == dict(stats.tokens_by_origin)
    assert (figures.video_tokens, figures.draft_video_tokens, figures.memory_bytes) == (1536, 154, 21 * 2**30)


def test_the_speed_of_now_is_that_of_the_last_second() -> None:
    decode = Decode()
    slow = [decode.round([("a", EXACT), ("b", BONUS)], seconds=2.0) for _ in range(5)]
    fast = [decode.round([("a", EXACT), ("b", BONUS)], seconds=0.1) for _ in range(30)]
    figures = known_after([*decode.before(), *slow, *fast]).figures
    assert figures.speed_now == pytest.approx(20.0)
    assert figures.speed_mean == pytest.approx(70 / 13)
    assert known_after([*decode.before(), *slow]).figures.speed_now == pytest.approx(1.0)


def test_what_was_said_before_memory_ran_out_is_void() -> None:
    decode, again = Decode(), Decode()
    steps = [*decode.before(), *drafted_rounds(decode), *again.before()]
    said_again = again.round([("Anew", TARGET)])
    known = known_after([*steps, said_again])
    assert said(known) == "Anew"
    assert known.figures.num_tokens == 1
    assert said(known_after(steps)) == ""
    assert known_after(steps).figures is None


def test_parts_stand_below_each_other_and_only_the_last_one_can_become_void() -> None:
    parts = [
        Decode(Part(0, 3), Sight(FACTS, (1.0,), 0.0, 30.0)),
        Decode(Part(1, 3), Sight(FACTS, (31.0,), 30.0, 62.5)),
        Decode(Part(2, 3, summary=True)),
    ]
    steps = [step for part in parts for step in (*part.before(), part.round([(" Waves", EXACT)]))]
    retried = [*parts[2].before(), parts[2].round([("All", EXACT)])]
    known = known_after([*steps, *retried])
    assert said(known) == "0:00-0:30 Waves\n0:30-1:02.5 Waves\nsummary All"
    assert known.part.summary
    assert known.figures.num_tokens == 1


def test_the_remaining_time_follows_the_mean_of_the_videos_that_were_captioned() -> None:
    ledger = Ledger()
    ledger.settle(settings())
    ledger.begin(0.0, "a.mp4", 0, 5)
    assert ledger.known(5.0).videos.remaining_seconds is None
    ledger.end(10.0, failed=False)
    ledger.begin(10.0, "gone.mp4", 1, 5)
    ledger.end(10.1, failed=True)
    ledger.begin(10.1, "b.mp4", 2, 5)
    assert ledger.known(10.1).videos.remaining_seconds == 30.0
    ledger.end(30.1, failed=False)
    ledger.begin(30.0, "c.mp4", 3, 5)
    assert (ledger.known(30.0).videos.captioned, ledger.known(30.0).videos.failed) == (2, 1)
    assert ledger.known(30.0).videos.remaining_seconds == 30.0
    assert ledger.known(36.0).videos.remaining_seconds == 24.0
    assert ledger.known(300.0).videos.remaining_seconds == 15.0  # this one takes longer, the next one need not


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (clock_time(65), "1:05"),
        (clock_time(7.46), "0:07.5"),
        (clock_time(3723), "1:02:03"),
        (clock_time(59.99), "1:00"),
        (elapsed(3.21), "3.2 s"),
        (elapsed(9.97), "10 s"),
        (elapsed(125), "2 min 05 s"),
        (elapsed(3840), "1 h 04 min"),
        (remaining(0.4), "5 s"),
        (remaining(44), "45 s"),
        (remaining(200), "3 min"),
        (remaining(9000), "2.5 h"),
        (memory(850 * 2**20), "850 MiB"),
        (memory(21 * 2**30), "21.0 GiB"),
        (speed(4.26), "4.3"),
        (speed(612.4), "612"),
    ],
)
def test_numbers_are_short(shown: str, expected: str) -> None:
    assert shown == expected
