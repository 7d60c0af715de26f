"""Draws a scene: anti-aliased shapes from signed distances, at any resolution and at any moment of the clip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lvspec_cli.demo.scene import COUNTS, Scene

Array = NDArray[Any]

RGB = {
    "red": (220, 40, 40),
    "green": (40, 165, 60),
    "blue": (50, 80, 230),
    "yellow": (240, 220, 50),
    "purple": (140, 50, 180),
    "pink": (250, 150, 195),
    "cyan": (60, 210, 220),
    "brown": (130, 80, 40),
}
RADIUS = {"small": 0.095, "large": 0.17}
SECOND_RADIUS = 0.115


def shape_distance(shape: str, x: Array, y: Array, radius: float) -> Array:
    """Signed distance (negative inside) of the points to a shape centred at the origin; y points down."""
    distance = np.hypot(x, y)
    if shape == "circle":
        distance -= radius
    elif shape == "ring":
        distance = np.abs(distance - 0.75 * radius) - 0.25 * radius
    elif shape == "square":
        distance = np.maximum(np.abs(x), np.abs(y)) - 0.88 * radius
    elif shape == "triangle":
        low = y - 0.12 * radius
        distance = np.maximum(low, 0.866 * np.abs(x) - 0.5 * low) - 0.62 * radius
    elif shape == "cross":
        across, along = np.abs(x), np.abs(y)
        bar = 0.32 * radius
        distance = np.minimum(np.maximum(across - bar, along - radius), np.maximum(along - bar, across - radius))
    else:
        raise ValueError(f"there is no shape {shape!r}")
    return distance


def position(scene: Scene, moment: float) -> tuple[float, float]:
    """Where the moving shape is, in units of the frame's side, at a moment in [0, 1] of the clip."""
    x, y = scene.centre
    along = scene.amplitude * (2 * moment - 1)
    motion = scene.truth.motion
    if motion == "clockwise":
        angle = scene.phase + 2 * math.pi * moment
        return x + 0.75 * scene.amplitude * math.cos(angle), y + 0.75 * scene.amplitude * math.sin(angle)
    directions = {
        "leftward": (-1.0, 0.0),
        "rightward": (1.0, 0.0),
        "upward": (0.0, -1.0),
        "downward": (0.0, 1.0),
        "diagonally": (0.75 * scene.diagonal[0], 0.75 * scene.diagonal[1]),
    }
    dx, dy = directions[motion]
    return x + along * dx, y + along * dy


def moving_parts(scene: Scene, moment: float) -> list[tuple[float, float, float]]:
    """(x, y, radius) of each part of the moving shape at a moment: none, one, or two after it splits."""
    truth = scene.truth
    if truth.order == "after" and moment < scene.arrival:
        return []
    x, y = position(scene, moment)
    radius = RADIUS[truth.size] * scene.scale
    if moment < scene.turn or truth.event == "persists":
        return [(x, y, radius)]
    if truth.event == "vanishes":
        return []
    if truth.event == "splits":
        return [(x - 0.9 * radius, y, 0.65 * radius), (x + 0.9 * radius, y, 0.65 * radius)]
    return [(x, y, radius * (1.5 if truth.event == "grows" else 0.55))]


def second_place(scene: Scene) -> tuple[float, float, float]:
    """(x, y, radius) of the resting shape."""
    x = 0.16 if scene.truth.column == "left" else 0.84
    y = 0.16 if scene.truth.row == "top" else 0.84
    return x + scene.second_offset[0], y + scene.second_offset[1], SECOND_RADIUS * scene.second_scale


def second_is_visible(scene: Scene, moment: float) -> bool:
    return scene.truth.order != "before" or moment >= scene.arrival


def dot_places(scene: Scene) -> list[tuple[float, float]]:
    """(x, y) of each of the small dots, a row at the bottom edge."""
    count = COUNTS.index(scene.truth.count) + 2
    x, y = 0.5 + scene.dots_offset[0], 0.93 + scene.dots_offset[1]
    return [(x + (index - (count - 1) / 2) * 0.11, y) for index in range(count)]


class Renderer:
    """Draws scenes at one resolution; keeps the pixel grid between calls."""

    def __init__(self, size: int) -> None:
        self.size = size  # pixels of the square frame's side
        centres = (np.arange(size, dtype=np.float32) + 0.5) / size
        self.x, self.y = np.meshgrid(centres, centres)

    def render(self, scene: Scene, moments: Sequence[float]) -> Array:
        """Frames uint8 [n, size, size, 3] at the moments, each in [0, 1] of the clip."""
        return np.stack([self.frame(scene, moment) for moment in moments])

    def frame(self, scene: Scene, moment: float) -> Array:
        truth = scene.truth
        image = self._background(scene)
        for x, y, radius in moving_parts(scene, moment):
            self._paint(image, truth.shape, x, y, radius, self._colour(truth.colour, scene.colour_shift))
        if second_is_visible(scene, moment):
            x, y, radius = second_place(scene)
            colour = self._colour(truth.second_colour, scene.second_colour_shift)
            self._paint(image, truth.second_shape, x, y, radius, colour)
        self._paint_dots(image, scene)
        return np.clip(image + 0.5, 0, 255).astype(np.uint8)

    def _colour(self, name: str, shift: tuple[float, float, float]) -> Array:
        return np.clip(np.array(RGB[name], np.float32) + np.array(shift, np.float32), 0, 255)

    def _paint(self, image: Array, shape: str, x: float, y: float, radius: float, colour: Array) -> None:
        reach = 1.3 * radius + 2 / self.size
        left, right = (min(max(int(self.size * edge), 0), self.size) for edge in (x - reach, x + reach + 1 / self.size))
        top, bottom = (min(max(int(self.size * edge), 0), self.size) for edge in (y - reach, y + reach + 1 / self.size))
        if left >= right or top >= bottom:
            return
        window = (slice(top, bottom), slice(left, right))
        distance = shape_distance(shape, self.x[window] - x, self.y[window] - y, radius)
        cover = np.clip(0.5 - distance * self.size, 0, 1)[..., None]
        image[window] += cover * (colour - image[window])

    def _paint_dots(self, image: Array, scene: Scene) -> None:
        for x, y in dot_places(scene):
            self._paint(image, "circle", x, y, 0.047, np.zeros(3, np.float32))
            self._paint(image, "circle", x, y, 0.032, np.full(3, 255, np.float32))

    def _background(self, scene: Scene) -> Array:
        kind, shift = scene.truth.background, scene.brightness
        level = {"black": 14.0, "gray": 128.0, "white": 240.0}.get(kind)
        if level is not None:
            return np.full((self.size, self.size, 3), np.float32(level + shift))
        phase = scene.texture_phase
        stripes = np.floor((self.y + 0.2 * phase) / 0.1) % 2
        if kind == "checkered":
            stripes = (stripes + np.floor((self.x + 0.2 * phase) / 0.1)) % 2
        grey = np.where(stripes > 0, np.float32(170 + shift), np.float32(85 + shift))
        return np.repeat(grey[..., None], 3, axis=2).astype(np.float32)
