"""What a synthetic clip shows: the attributes, their possible values, and a random draw of them.

Every attribute value is one word, and those that follow an article begin with a consonant, so that no article or plural
before it gives the value away: in a caption only the value itself carries visual content.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass

COLOURS = ("red", "green", "blue", "yellow", "purple", "pink", "cyan", "brown")
SHAPES = ("circle", "square", "triangle", "cross", "ring")
SIZES = ("small", "large")
MOTIONS = ("leftward", "rightward", "upward", "downward", "diagonally", "clockwise")
BACKGROUNDS = ("black", "gray", "white", "striped", "checkered")
EVENTS = ("grows", "shrinks", "vanishes", "splits", "persists")
ROWS = ("top", "bottom")
COLUMNS = ("left", "right")
ORDERS = ("before", "after", "alongside")
COUNTS = ("two", "three", "four")

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "size": SIZES,
    "colour": COLOURS,
    "shape": SHAPES,
    "motion": MOTIONS,
    "background": BACKGROUNDS,
    "event": EVENTS,
    "order": ORDERS,
    "second_colour": COLOURS,
    "second_shape": SHAPES,
    "row": ROWS,
    "column": COLUMNS,
    "count": COUNTS,
}


@dataclass(frozen=True)
class Truth:
    """The attributes of a clip, each one of the words above."""

    size: str  # of the moving shape
    colour: str  # of the moving shape
    shape: str  # of the moving shape
    motion: str  # of the moving shape, over the whole clip
    background: str
    event: str  # what becomes of the moving shape about two thirds through the clip
    order: str  # whether the moving shape appears before, after or alongside the resting one
    second_colour: str  # of the resting shape; never that of the moving one
    second_shape: str  # of the resting shape; never that of the moving one
    row: str  # the corner of the resting shape
    column: str
    count: str  # of the small dots at the bottom edge

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Scene:
    """A truth and the accidental features that no caption mentions."""

    truth: Truth
    centre: tuple[float, float]  # of the path, in units of the frame's side
    amplitude: float  # of the motion, in units of the frame's side
    phase: float  # radians: the start angle of a clockwise path
    diagonal: tuple[int, int]  # signs of the direction of a diagonal path
    arrival: float  # when a late shape appears, as a share of the clip
    turn: float  # when the event happens, as a share of the clip
    scale: float  # factor on the moving shape's radius
    second_offset: tuple[float, float]  # of the resting shape from its corner's place
    second_scale: float
    dots_offset: tuple[float, float]
    colour_shift: tuple[float, float, float]  # added to the moving shape's colour, 0 to 255
    second_colour_shift: tuple[float, float, float]
    brightness: float  # added to the background, 0 to 255
    texture_phase: float  # of stripes and checks, 0 to 1


def random_truth(generator: random.Random) -> Truth:
    """Draw every attribute uniformly; the two shapes always differ in shape and in colour."""
    shape, second_shape = generator.sample(SHAPES, 2)
    colour, second_colour = generator.sample(COLOURS, 2)
    return Truth(
        size=generator.choice(SIZES),
        colour=colour,
        shape=shape,
        motion=generator.choice(MOTIONS),
        background=generator.choice(BACKGROUNDS),
        event=generator.choice(EVENTS),
        order=generator.choice(ORDERS),
        second_colour=second_colour,
        second_shape=second_shape,
        row=generator.choice(ROWS),
        column=generator.choice(COLUMNS),
        count=generator.choice(COUNTS),
    )


def random_scene(generator: random.Random) -> Scene:
    """Draw a truth and its accidental features."""
    uniform = generator.uniform

    def shift() -> tuple[float, float, float]:
        return (uniform(-14, 14), uniform(-14, 14), uniform(-14, 14))

    return Scene(
        truth=random_truth(generator),
        centre=(0.5 + uniform(-0.04, 0.04), 0.49 + uniform(-0.04, 0.04)),
        amplitude=uniform(0.24, 0.29),
        phase=uniform(0, 6.2832),
        diagonal=(generator.choice((-1, 1)), generator.choice((-1, 1))),
        arrival=uniform(0.20, 0.30),
        turn=uniform(0.67, 0.78),
        scale=uniform(0.93, 1.07),
        second_offset=(uniform(-0.02, 0.02), uniform(-0.02, 0.02)),
        second_scale=uniform(0.95, 1.1),
        dots_offset=(uniform(-0.03, 0.03), uniform(-0.01, 0.01)),
        colour_shift=shift(),
        second_colour_shift=shift(),
        brightness=uniform(-10, 10),
        texture_phase=uniform(0, 1),
    )


def scene_of_seed(seed: int) -> Scene:
    """The scene that a seed stands for, the same on every machine."""
    return random_scene(random.Random(f"lvspec scene {seed}"))
