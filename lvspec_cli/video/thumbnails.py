"""Small pictures of frames, as texts that any page can show."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LONGEST_SIDE = 160  # pixels
MOST_THUMBNAILS = 128  # more would be heavy, and nobody looks at them
_QUALITY = 70  # of the JPEG, 1 to 95


def shrunk(frames: NDArray[np.uint8]) -> list[Image.Image]:
    """Frames, uint8 [n, height, width, 3] in RGB, as images of at most `LONGEST_SIDE`, which share no memory with them.

    None of them if they are more than `MOST_THUMBNAILS`.
    """
    return [_shrunk(frame) for frame in frames] if len(frames) <= MOST_THUMBNAILS else []


def thumbnails(images: Iterable[Image.Image]) -> list[str]:
    """Images as ``data:`` URIs of JPEGs."""
    return [_encoded(image) for image in images]


def _shrunk(frame: NDArray[Any]) -> Image.Image:
    image = Image.fromarray(frame)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BILINEAR)  # never larger, and one pixel at least
    return image


def _encoded(image: Image.Image) -> str:
    file = BytesIO()
    image.save(file, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + b64encode(file.getvalue()).decode("ascii")
