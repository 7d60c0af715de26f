"""What each video token's cell shows: dense labels that teach a vision tower quickly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lvspec_cli.demo.rendering import dot_places, moving_parts, second_is_visible, second_place
from lvspec_cli.demo.scene import COLOURS, COUNTS, SHAPES, Scene

CELL_CLASSES = (*[len(SHAPES) + 1, len(COLOURS) + 1] * 2, len(COUNTS) + 2)


def cell_labels(scene: Scene, moments: list[float], side: int, frames_per_token: int) -> NDArray[np.int64]:
    """int64 [video tokens, 2 * frames a token + 1]: shape and colour (0: none) a frame, and the number of dots."""
    centres = (np.arange(side) + 0.5) / side
    x, y = np.meshgrid(centres, centres)
    labels: list[NDArray[np.int64]] = []
    for moment in moments:
        shape = np.zeros((side, side), np.int64)
        colour = np.zeros((side, side), np.int64)
        for left, top, radius, shape_index, colour_index in _objects(scene, moment):
            covered = np.maximum(np.abs(x - left), np.abs(y - top)) < radius + 0.3 / side
            shape[covered], colour[covered] = shape_index, colour_index
        labels += [shape.ravel(), colour.ravel()]
    stacked: NDArray[np.int64] = np.stack(labels).reshape(-1, 2 * frames_per_token, side * side)
    by_token: NDArray[np.int64] = stacked.transpose(0, 2, 1).reshape(-1, 2 * frames_per_token)
    dots = np.zeros((side, side), np.int64)
    for left, top in dot_places(scene):
        dots[int(top * side), int(left * side)] += 1
    repeated = np.tile(dots.ravel(), len(moments) // frames_per_token)
    return np.concatenate([by_token, repeated[:, None]], 1)


def _objects(scene: Scene, moment: float) -> list[tuple[float, float, float, int, int]]:
    """(x, y, radius, shape, colour) of what is drawn at a moment, the topmost last."""
    truth = scene.truth
    moving = (SHAPES.index(truth.shape) + 1, COLOURS.index(truth.colour) + 1)
    objects = [(*part, *moving) for part in moving_parts(scene, moment)]
    if second_is_visible(scene, moment):
        resting = (SHAPES.index(truth.second_shape) + 1, COLOURS.index(truth.second_colour) + 1)
        objects.append((*second_place(scene), *resting))
    return objects
