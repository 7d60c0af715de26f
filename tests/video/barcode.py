"""Frames that carry their number as a barcode, so that a test can tell which frame it was given.

Six by four square cells: twelve bits of the number, then their complements, which tell a barcode from noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BITS = 12
COLUMNS, ROWS = 6, 4
WIDTH, HEIGHT = 96, 64  # pixels
DARK, BRIGHT = 30, 225


def barcode_frame(number: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """A frame uint8 [height, width, 3] that shows ``number``."""
    bits = [number >> place & 1 for place in range(BITS)]
    cells = np.array(bits + [1 - bit for bit in bits], np.uint8).reshape(ROWS, COLUMNS)
    rows = np.arange(height) * ROWS // height
    columns = np.arange(width) * COLUMNS // width
    grey = np.where(cells[rows][:, columns] == 1, BRIGHT, DARK).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def read_barcode(frame: NDArray[np.uint8]) -> int:
    """The number that a frame of any size shows.

    Raises:
        ValueError: the frame shows no barcode.
    """
    height, width = frame.shape[:2]
    grey = frame.mean(axis=2)
    cells = np.empty(ROWS * COLUMNS)
    for place in range(len(cells)):
        row, column = divmod(place, COLUMNS)
        top, left = (4 * row + 1) * height // (4 * ROWS), (4 * column + 1) * width // (4 * COLUMNS)
        cells[place] = grey[top : top + height // (2 * ROWS), left : left + width // (2 * COLUMNS)].mean()
    contrast = cells[:BITS] - cells[BITS:]
    if np.abs(contrast).min() < (BRIGHT - DARK) / 3:
        raise ValueError(f"no barcode: contrasts {contrast.round()}")
    return sum(1 << place for place in range(BITS) if contrast[place] > 0)


def read_barcodes(frames: NDArray[np.uint8]) -> list[int]:
    """The number on each of the frames [n, height, width, 3]."""
    return [read_barcode(frame) for frame in frames]
