"""Questions about a scene, each with its answer: the value asked for in a short sentence that fits every value."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from lvspec_cli.demo.grammar import Piece
from lvspec_cli.demo.scene import ATTRIBUTES, COLOURS, SHAPES, Truth

ABSENT = "absent"  # the answer about a shape or colour that the clip does not show
_PLAIN = ("{}.", "The answer is {}.")  # answers that fit every question
_VALUES = frozenset(value for names in ATTRIBUTES.values() for value in names) | {"yes", "no", ABSENT}


@dataclass(frozen=True)
class Question:
    """A question, the words that a right answer must contain, and one phrasing of the answer."""

    kind: str  # what is asked for
    text: str
    values: tuple[str, ...]  # e.g. ("red",) or ("top", "left")
    answer: tuple[Piece, ...]


def _answer(generator: random.Random, values: tuple[str, ...], *sentences: str) -> tuple[Piece, ...]:
    template = generator.choice(sentences)
    before, _, after = template.partition("{}")
    pieces = [Piece(before, None)] if before else []
    for index, value in enumerate(values):
        pieces += [Piece(" ", None)] * (index > 0) + [Piece(value, "answer")]
    return (*pieces, Piece(after, None))


def _colour(truth: Truth, generator: random.Random) -> Question:
    shape = _asked(generator, (truth.shape, truth.second_shape), SHAPES)
    colours = {truth.shape: truth.colour, truth.second_shape: truth.second_colour}
    word = generator.choice(("colour", "color"))
    text = generator.choice(("What {w} is the {s}?", "Which {w} does the {s} have?", "Tell me the {w} of the {s}."))
    values = (colours.get(shape, ABSENT),)
    answer = _answer(generator, values, f"The {shape} is {{}}.", f"The {shape} looks {{}}.")
    return Question("colour", text.format(w=word, s=shape), values, answer)


def _shape(truth: Truth, generator: random.Random) -> Question:
    colour = _asked(generator, (truth.colour, truth.second_colour), COLOURS)
    shapes = {truth.colour: truth.shape, truth.second_colour: truth.second_shape}
    text = generator.choice(
        ("What shape is {c}?", "Which shape is {c}?", "What is the shape of the {c} object?", "What is the {c} thing?")
    )
    values = (shapes.get(colour, ABSENT),)
    answer = _answer(generator, values, f"The {colour} one is {{}}.", f"The {colour} shape is {{}}.")
    return Question("shape", text.format(c=colour), values, answer)


def _asked(generator: random.Random, present: tuple[str, str], possible: tuple[str, ...]) -> str:
    """One of the two that are present, or now and then one that is absent."""
    if generator.random() < 0.15:
        return generator.choice([value for value in possible if value not in present])
    return generator.choice(present)


def _mover(truth: Truth, generator: random.Random) -> str:
    return generator.choice(
        ("moving shape", truth.shape, f"{truth.colour} {truth.shape}", f"{truth.colour} shape", "mover")
    )


def _rester(truth: Truth, generator: random.Random) -> str:
    return generator.choice(
        ("resting shape", truth.second_shape, f"{truth.second_colour} {truth.second_shape}", "shape in the corner")
    )


def _motion(truth: Truth, generator: random.Random) -> Question:
    it = _mover(truth, generator)
    text = generator.choice(("How does the {} move?", "Which way does the {} move?", "Where is the {} going?"))
    values = (truth.motion,)
    return Question(
        "motion", text.format(it), values, _answer(generator, values, *_PLAIN, "It moves {}.", "It goes {}.")
    )


def _size(truth: Truth, generator: random.Random) -> Question:
    it = _mover(truth, generator)
    text = generator.choice(("How big is the {}?", "What size is the {}?", "Is the {} small or large?"))
    values = (truth.size,)
    return Question("size", text.format(it), values, _answer(generator, values, *_PLAIN, "It is {}."))


def _background(truth: Truth, generator: random.Random) -> Question:
    text = generator.choice(
        ("What is the background?", "What does the background look like?", "What kind of background is there?")
    )
    values = (truth.background,)
    return Question(
        "background", text, values, _answer(generator, values, *_PLAIN, "The background is {}.", "It is {}.")
    )


def _event(truth: Truth, generator: random.Random) -> Question:
    it = _mover(truth, generator)
    text = generator.choice(
        ("What happens to the {} near the end?", "What becomes of the {}?", "What does the {} do at the end?")
    )
    values = (truth.event,)
    return Question(
        "event", text.format(it), values, _answer(generator, values, *_PLAIN, "It {}.", "In the end it {}.")
    )


def _place(truth: Truth, generator: random.Random) -> Question:
    it = generator.choice(("resting shape", truth.second_shape, f"{truth.second_colour} {truth.second_shape}"))
    text = generator.choice(("Where is the {}?", "In which corner is the {}?", "Which corner holds the {}?"))
    values = (truth.row, truth.column)
    return Question("place", text.format(it), values, _answer(generator, values, *_PLAIN, "It is in the {} corner."))


def _count(truth: Truth, generator: random.Random) -> Question:
    text = generator.choice(
        ("How many dots are there?", "How many dots can you see?", "Count the dots.", "What is the number of dots?")
    )
    values = (truth.count,)
    return Question("count", text, values, _answer(generator, values, *_PLAIN, "There are {} dots.", "I count {}."))


def _order(truth: Truth, generator: random.Random) -> Question:
    mover, rester = _mover(truth, generator), _rester(truth, generator)
    text = generator.choice(
        (
            "Does the {} appear before, after or alongside the {}?",
            "When does the {} appear, before, after or alongside the {}?",
        )
    )
    values = (truth.order,)
    return Question(
        "order", text.format(mover, rester), values, _answer(generator, values, *_PLAIN, "It appears {} it.")
    )


def _existence(truth: Truth, generator: random.Random) -> Question:
    pairs = [(truth.colour, truth.shape), (truth.second_colour, truth.second_shape)]
    colour, shape = generator.choice(pairs)
    if generator.random() < 0.5:
        if generator.random() < 0.5:
            colour = generator.choice([value for value in COLOURS if value != colour])
        else:
            shape = generator.choice([value for value in SHAPES if value != shape])
    text = generator.choice(("Is there a {} {}?", "Can you see a {} {}?", "Does the video show a {} {}?"))
    values = ("yes" if (colour, shape) in pairs else "no",)
    answer = _answer(generator, values, f"A {colour} {shape}: {{}}.", f"As for a {colour} {shape}, {{}}.")
    return Question("existence", text.format(colour, shape), values, answer)


def _corner_shape(truth: Truth, generator: random.Random) -> Question:
    text = generator.choice(("What shape is in the corner?", "What shape is resting?", "Which shape does not move?"))
    values = (truth.second_shape,)
    return Question("second_shape", text, values, _answer(generator, values, *_PLAIN, "The shape is {}."))


def _moving_shape(truth: Truth, generator: random.Random) -> Question:
    text = generator.choice(("What shape is moving?", "Which shape moves?", "What is the moving shape?"))
    values = (truth.shape,)
    return Question("moving_shape", text, values, _answer(generator, values, *_PLAIN, "The shape is {}."))


KINDS: tuple[Callable[[Truth, random.Random], Question], ...] = (
    _colour,
    _shape,
    _motion,
    _size,
    _background,
    _event,
    _place,
    _count,
    _order,
    _existence,
    _corner_shape,
    _moving_shape,
)

# Those that ask which colour goes with which shape: they take by far the longest to learn. Their answers restate what
# is asked, so that the words before the value already look at the right part of the clip: see grounding.py.
_BINDING = (_colour, _shape, _existence)


def binding_question(truth: Truth, generator: random.Random) -> Question:
    """A question about which colour goes with which shape."""
    return generator.choice(_BINDING)(truth, generator)


def random_questions(truth: Truth, generator: random.Random, count: int) -> list[Question]:
    """``count`` questions of different kinds (at most one of each)."""
    return [kind(truth, generator) for kind in generator.sample(KINDS, count)]


def is_right(question: Question, answer: str) -> bool:
    """Whether the last values that an answer names are the right ones; it may name the thing asked about first."""
    words = (word.strip(".,!?").lower() for word in answer.split())
    said = [word for word in words if word in _VALUES]
    return tuple(said[-len(question.values) :]) == question.values
