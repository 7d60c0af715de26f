"""Captions, tags and questions: rich in words, exact in attributes."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.demo.extraction import named_attributes, right_attributes
from lvspec_cli.demo.grammar import Piece, caption, join, tags
from lvspec_cli.demo.questions import KINDS, is_right
from lvspec_cli.demo.scene import ATTRIBUTES, random_truth

seeds = st.integers(0, 2**32)
VALUES = {value for values in ATTRIBUTES.values() for value in values}


def shape_of(pieces: list[Piece]) -> list[str]:
    return [piece.attribute or piece.text for piece in pieces]


@given(seeds, seeds)
def test_a_caption_names_every_attribute_right(truth_seed: int, text_seed: int) -> None:
    truth = random_truth(random.Random(truth_seed))
    text = join(caption(truth, random.Random(text_seed)))
    assert all(right_attributes(text, truth).values()), text


@given(seeds, seeds, seeds)
def test_fillers_do_not_depend_on_the_truth(first: int, second: int, text_seed: int) -> None:
    one, other = (caption(random_truth(random.Random(s)), random.Random(text_seed)) for s in (first, second))
    assert shape_of(one) == shape_of(other)


def test_no_filler_contains_an_attribute_value() -> None:
    generator = random.Random(0)
    for _ in range(500):
        for piece in caption(random_truth(generator), generator):
            words = piece.text.lower().replace(",", " ").replace(".", " ").split()
            assert piece.attribute or not VALUES & set(words), piece.text


def test_no_attribute_that_follows_an_article_begins_with_a_vowel() -> None:
    assert all(value[0] not in "aeiou" or value in ("upward", "after", "alongside") for value in VALUES)


def test_word_order_varies() -> None:
    truth = random_truth(random.Random(4))
    orders = set()
    for seed in range(200):
        named = [p.attribute for p in caption(truth, random.Random(seed)) if p.attribute]
        orders.add((named.index("size") < named.index("colour"), named.index("motion") < named.index("background")))
    assert len(orders) == 4


def words_of(pieces: list[Piece]) -> list[tuple[str, bool]]:
    """Words and marks in order, each with whether it names an attribute."""
    return [
        (word, piece.attribute is not None) for piece in pieces for word in re.findall(r"\w+|[.,]", piece.text.lower())
    ]


@given(seeds, seeds, seeds)
def test_where_two_captions_of_a_clip_part_neither_names_an_attribute(scene: int, first: int, second: int) -> None:
    truth = random_truth(random.Random(scene))
    one, other = (words_of(caption(truth, random.Random(seed))) for seed in (first, second))
    apart = [pair for pair in zip(one, other, strict=False) if pair[0] != pair[1]]
    assert not apart or not any(named for _, named in apart[0]), apart[0]


def test_no_way_to_go_on_is_unlikely() -> None:
    truth = random_truth(random.Random(4))
    texts = [tuple(word for word, _ in words_of(caption(truth, random.Random(seed)))) for seed in range(2000)]
    follow: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for text in texts:
        for place in range(3, len(text)):
            follow[text[place - 3 : place]][text[place]] += 1
    often = [counts for counts in follow.values() if counts.total() > 300]
    assert sum(len(counts) > 1 for counts in often) > 20
    assert min(count / counts.total() for counts in often for count in counts.values()) > 0.1


def test_paraphrase_is_rich() -> None:
    truth = random_truth(random.Random(4))
    assert len({join(caption(truth, random.Random(seed))) for seed in range(500)}) > 490


@given(seeds)
def test_tags_name_every_value_once_in_order(seed: int) -> None:
    truth = random_truth(random.Random(seed))
    assert join(tags(truth)).replace(",", "").split() == list(truth.as_dict().values())


def test_a_caption_that_says_nothing_names_nothing() -> None:
    assert set(named_attributes("We can see. Nothing at all.").values()) == {None}


def test_a_wrong_word_is_counted_wrong() -> None:
    truth = random_truth(random.Random(1))
    text = join(caption(truth, random.Random(2)))
    other = next(value for value in ATTRIBUTES["event"] if value != truth.event)
    verdict = right_attributes(text.replace(truth.event, other), truth)
    assert [name for name, right in verdict.items() if not right] == ["event"]


SAID = (
    "The clip shows a quite small red circle drifting leftward on a black canvas. "
    "Also, a green square rests in the top left corner of the frame. "
    "This red circle arrives before the still figure. "
    "Moreover, near the end of the sequence, this circle grows. "
    "Besides, you see two tiny dots along the lower edge of the picture."
)


@pytest.mark.parametrize(
    ("words", "others", "wrong"),
    [
        ("This red circle", "This blue circle", {"colour"}),
        ("This red circle", "This red ring", {"shape"}),
        ("this circle grows", "this triangle grows", {"shape"}),
        ("This red circle", "This green circle", {"colour"}),  # the resting shape's, which is the still figure
        ("the still figure", "the blue square", {"colour"}),  # neither of the two
        ("a green square", "a green blue square", {"second_colour"}),
        ("two tiny dots", "two tiny dots and three points", {"count"}),
        ("this circle grows", "this circle grows and shrinks", {"event"}),
    ],
)
def test_a_caption_that_contradicts_itself_is_wrong_there_and_nowhere_else(
    words: str, others: str, wrong: set[str]
) -> None:
    said, contradicted = named_attributes(SAID), named_attributes(SAID.replace(words, others))
    assert None not in said.values()
    assert {name for name in said if contradicted[name] != said[name]} == wrong
    assert {contradicted[name] for name in wrong} == {None}


def test_the_other_shape_may_be_called_by_its_name() -> None:
    assert named_attributes(SAID.replace("the still figure", "the green square")) == named_attributes(SAID)


@given(seeds, seeds)
def test_another_colour_or_shape_at_any_place_is_counted_wrong(truth_seed: int, text_seed: int) -> None:
    generator = random.Random(text_seed)
    truth = random_truth(random.Random(truth_seed))
    pieces = caption(truth, generator)
    place = generator.choice([n for n, piece in enumerate(pieces) if piece.attribute in ("colour", "shape")])
    attribute = str(pieces[place].attribute)
    known = (getattr(truth, attribute), getattr(truth, f"second_{attribute}"))
    other = generator.choice([value for value in ATTRIBUTES[attribute] if value not in known])
    text = join([*pieces[:place], Piece(other, attribute), *pieces[place + 1 :]])
    assert not right_attributes(text, truth)[attribute], text


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds)
def test_a_right_answer_is_right_and_another_value_is_wrong(kind, seed: int) -> None:  # type: ignore[no-untyped-def]
    generator = random.Random(seed)
    truth = random_truth(generator)
    question = kind(truth, generator)
    answer = join(list(question.answer))
    assert is_right(question, answer)
    family = next((v for v in ATTRIBUTES.values() if question.values[-1] in v), ("yes", "no", "red"))
    wrong = generator.choice([value for value in family if value != question.values[-1]])
    assert not is_right(question, f"The answer is {wrong}.")
