"""Small pictures of frames, as texts that any page can show."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LONGEST_SIDE = 160  # pixels
MOST_THUMBNAILS = 128  # more would be heavy, and nobody looks at them
_QUALITY = 70  # of the JPEG, 1 to 95


def thumbnails(frames: NDArray[np.uint8]) -> list[str]:
    """Frames, uint8 [n, height, width, 3] in RGB, as ``data:`` URIs of JPEG images of at most `LONGEST_SIDE`.

    None of them if they are more than `MOST_THUMBNAILS`.
    """
    return [_thumbnail(frame) for frame in frames] if len(frames) <= MOST_THUMBNAILS else []


def _thumbnail(frame: NDArray[Any]) -> str:
    image, file = Image.fromarray(frame), BytesIO()
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BILINEAR)  # never larger, and one pixel at least
    image.save(file, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + b64encode(file.getvalue()).decode("ascii")
