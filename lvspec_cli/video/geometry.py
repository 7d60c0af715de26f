"""From coded pixels to what a viewer sees: sample aspect, rotation, and scaling down."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

SQUARE = Fraction(1)
WIDEST_SAMPLE = 8  # a sample aspect beyond 8:1 or 1:8 is taken for a damaged header


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways to lay a frame on a screen: transpose first, then flip."""

    transpose: bool = False  # swap rows and columns
    flip_horizontally: bool = False  # after the transpose
    flip_vertically: bool = False  # after the transpose

    @property
    def rotation_degrees(self) -> int:
        """Clockwise turn in degrees: 0, 90, 180 or 270; of a mirrored frame, the turn after mirroring left to right."""
        if self.transpose:
            return 90 if self.flip_horizontally else 270
        return 180 if self.flip_vertically else 0

    @property
    def mirrored(self) -> bool:
        """Whether the frame is seen as in a mirror."""
        return (self.transpose + self.flip_horizontally + self.flip_vertically) % 2 == 1

    def apply(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The frame [h, w, 3] as it is to be shown, [w, h, 3] where transposed."""
        if self.transpose:
            frame = frame.transpose(1, 0, 2)
        if self.flip_horizontally:
            frame = frame[:, ::-1]
        if self.flip_vertically:
            frame = frame[::-1]
        return frame


UPRIGHT = Orientation()


def orientation_of(display_matrix: bytes) -> Orientation:
    """The orientation nearest to a display matrix: nine native 32-bit integers, ISO/IEC 14496-12 section 6.2.2.

    A pixel (x, y) is shown at (a x + c y, b x + d y).
    """
    a, b, c, d = _linear_part(display_matrix)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)


def is_right_angled(display_matrix: bytes) -> bool:
    """Whether the matrix turns by a multiple of 90 degrees, to within about three degrees."""
    a, b, c, d = _linear_part(display_matrix)
    straight, crossed = abs(a) + abs(d), abs(b) + abs(c)
    return min(straight, crossed) <= 0.05 * max(straight, crossed)


def _linear_part(display_matrix: bytes) -> tuple[int, int, int, int]:
    a, b, _, c, d = struct.unpack_from("=5i", display_matrix)
    return a, b, c, d


@dataclass(frozen=True)
class Geometry:
    """How the coded frames of a video become displayed frames."""

    coded_width: int  # pixels
    coded_height: int  # pixels
    sample_aspect: Fraction = SQUARE  # width of a coded pixel over its height
    orientation: Orientation = UPRIGHT

    @property
    def display_size(self) -> tuple[int, int]:
        """(width, height) in square pixels as displayed; the height keeps its lines, the width is stretched."""
        width = max(1, round(self.coded_width * self.sample_aspect))
        return (self.coded_height, width) if self.orientation.transpose else (width, self.coded_height)


def scaled_to(size: tuple[int, int], max_pixels: int) -> tuple[int, int]:
    """(width, height) with at most ``max_pixels`` pixels and the same aspect; never larger than ``size``."""
    width, height = size
    if width * height <= max_pixels:
        return size
    scale = math.sqrt(max_pixels / (width * height))
    # A strip that would become thinner than a pixel cannot keep its aspect: then its length pays.
    new_width = min(max(1, int(width * scale)), max_pixels)
    return new_width, min(max(1, int(height * scale)), max_pixels // new_width)


def fitted_into(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """The largest (width, height) of ``size``'s aspect that fits into ``box``."""
    scale = min(box[0] / size[0], box[1] / size[1])
    return min(box[0], max(1, round(size[0] * scale))), min(box[1], max(1, round(size[1] * scale)))


def padded_to(frame: NDArray[np.uint8], box: tuple[int, int]) -> NDArray[np.uint8]:
    """The frame [h, w, 3] centred on black of (width, height) ``box``."""
    height, width = frame.shape[:2]
    if (width, height) == box:
        return frame
    canvas = np.zeros((box[1], box[0], 3), np.uint8)
    left, top = (box[0] - width) // 2, (box[1] - height) // 2
    canvas[top : top + height, left : left + width] = frame
    return canvas


def plausible_sample_aspect(sample_aspect: Fraction | None) -> Fraction:
    """The sample aspect, or square where it is missing or beyond belief."""
    if not sample_aspect or sample_aspect <= 0:
        return SQUARE
    return sample_aspect if Fraction(1, WIDEST_SAMPLE) <= sample_aspect <= WIDEST_SAMPLE else SQUARE
