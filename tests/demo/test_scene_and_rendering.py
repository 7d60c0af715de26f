"""The synthetic clips show what their truth says."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from lvspec_cli.demo.rendering import RGB, Renderer, moving_parts, position, second_place
from lvspec_cli.demo.scene import ATTRIBUTES, COUNTS, SHAPES, Scene, Truth, random_scene, scene_of_seed

SIZE = 160


def scene_with(seed: int = 3, **attributes: str) -> Scene:
    scene = scene_of_seed(seed)
    truth = replace(scene.truth, background="gray", **attributes)
    return replace(scene, truth=truth, colour_shift=(0, 0, 0), second_colour_shift=(0, 0, 0), brightness=0)


def pixel(frame: np.ndarray, x: float, y: float) -> tuple[int, ...]:
    return tuple(int(value) for value in frame[int(y * SIZE), int(x * SIZE)])


def test_a_seed_always_gives_the_same_scene_and_other_seeds_give_others() -> None:
    assert scene_of_seed(7) == scene_of_seed(7)
    assert len({scene_of_seed(seed).truth for seed in range(50)}) > 45


def test_every_value_of_every_attribute_occurs() -> None:
    truths = [scene_of_seed(seed).truth for seed in range(400)]
    for name, values in ATTRIBUTES.items():
        assert {getattr(truth, name) for truth in truths} == set(values)


def test_the_two_shapes_differ_in_shape_and_colour() -> None:
    generator = random.Random(0)
    for _ in range(300):
        truth = random_scene(generator).truth
        assert truth.shape != truth.second_shape
        assert truth.colour != truth.second_colour


@pytest.mark.parametrize("colour", sorted(RGB))
def test_the_moving_shape_has_its_colour_where_it_is(colour: str) -> None:
    scene = scene_with(colour=colour, shape="circle", second_shape="square", order="before", event="persists")
    for moment in (0.1, 0.5, 0.9):
        x, y = position(scene, moment)
        assert pixel(Renderer(SIZE).frame(scene, moment), x, y) == RGB[colour]


@pytest.mark.parametrize(
    ("motion", "direction"),
    [("leftward", (-1, 0)), ("rightward", (1, 0)), ("upward", (0, -1)), ("downward", (0, 1))],
)
def test_the_moving_shape_goes_where_its_motion_says(motion: str, direction: tuple[int, int]) -> None:
    scene = scene_with(motion=motion)
    (x0, y0), (x1, y1) = position(scene, 0.0), position(scene, 1.0)
    assert (np.sign(round(x1 - x0, 6)), np.sign(round(y1 - y0, 6))) == direction


def test_a_clockwise_path_turns_clockwise_on_the_screen() -> None:
    scene = scene_with(motion="clockwise")
    points = [position(scene, moment) for moment in (0.0, 0.1, 0.2)]
    (ax, ay), (bx, by) = (np.subtract(points[1], points[0]), np.subtract(points[2], points[1]))
    assert ax * by - ay * bx > 0  # positive is clockwise where y points down


@pytest.mark.parametrize(
    ("event", "parts", "growth"), [("persists", 1, 1.0), ("grows", 1, 1.5), ("shrinks", 1, 0.55), ("splits", 2, 0.65)]
)
def test_the_event_changes_the_moving_shape_at_its_turn(event: str, parts: int, growth: float) -> None:
    scene = scene_with(event=event, order="before")
    before, after = moving_parts(scene, scene.turn - 0.01), moving_parts(scene, scene.turn + 0.01)
    assert len(before) == 1
    assert len(after) == parts
    assert after[0][2] / before[0][2] == pytest.approx(growth)


def test_a_vanished_shape_is_gone() -> None:
    scene = scene_with(event="vanishes", order="before")
    assert moving_parts(scene, 0.5)
    assert not moving_parts(scene, 0.95)


@pytest.mark.parametrize(("order", "first", "second"), [("before", 1, 0), ("after", 0, 1), ("alongside", 1, 1)])
def test_the_order_of_arrival_is_shown(order: str, first: int, second: int) -> None:
    scene = scene_with(order=order, second_shape="square", shape="circle", second_colour="red", colour="blue")
    frame = Renderer(SIZE).frame(scene, 0.05)
    x, y = position(scene, 0.05)
    assert (pixel(frame, x, y) == RGB["blue"]) == bool(first)
    assert (pixel(frame, *second_place(scene)[:2]) == RGB["red"]) == bool(second)


@pytest.mark.parametrize("count", COUNTS)
def test_the_dots_can_be_counted(count: str) -> None:
    scene = scene_with(count=count, event="vanishes", row="top")
    frame = Renderer(320).frame(scene, 0.95)
    row = frame[int(320 * (0.93 + scene.dots_offset[1]))].min(axis=-1) > 250
    assert int((np.diff(row.astype(int)) == 1).sum()) == COUNTS.index(count) + 2


def test_shapes_differ_in_the_pixels_they_cover() -> None:
    covers = []
    for shape in SHAPES:
        scene = scene_with(shape=shape, second_shape="ring" if shape != "ring" else "cross", size="large", colour="red")
        frame = Renderer(SIZE).frame(scene, 0.5).astype(int)
        covers.append(np.abs(frame - np.array(RGB["red"])).sum(-1) < 10)
    for index, one in enumerate(covers):
        assert all((one != other).sum() > 50 for other in covers[index + 1 :])


def test_a_small_picture_is_the_large_one_made_small() -> None:
    scene = scene_of_seed(5)
    large = Renderer(160).frame(scene, 0.4).reshape(80, 2, 80, 2, 3).mean((1, 3))
    small = Renderer(80).frame(scene, 0.4).astype(float)
    assert np.abs(large - small).mean() < 3


def test_a_truth_as_dictionary_holds_every_attribute() -> None:
    truth = scene_of_seed(0).truth
    assert list(truth.as_dict()) == list(ATTRIBUTES)
    assert Truth(**truth.as_dict()) == truth
