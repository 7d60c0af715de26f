"""Traces and records as lvspec writes them, made by hand: a small film of a circle, and the decode that tells of it."""

import base64
import io
import json
import math

from PIL import Image, ImageDraw

ROWS = COLUMNS = 6
PER_STEP = 2
FRAMES = 8
FILLERS = {"The", "a", "over", "the", "of", ".", ",", " a", " the", " of", " is", " in", " it", " while", " as", " its", " and"}


def picture(at, count=FRAMES, size=(160, 90)):
    """A frame: a red circle on its way to the right, a blue cross that rests."""
    image = Image.new("RGB", size, (214, 220, 206))
    draw = ImageDraw.Draw(image)
    for x in range(0, size[0], 20):
        draw.line([(x, 0), (x, size[1])], fill=(200, 207, 190))
    x, y = circle(at, count, size)
    draw.ellipse([x - 16, y - 16, x + 16, y + 16], fill=(198, 60, 48), outline=(90, 20, 20), width=2)
    draw.rectangle([118, 14, 142, 20], fill=(40, 80, 170))
    draw.rectangle([127, 5, 133, 29], fill=(40, 80, 170))
    return image


def circle(at, count=FRAMES, size=(160, 90)):
    """Where the circle is in a frame."""
    return 18 + (size[0] - 36) * at / max(count - 1, 1), size[1] * 0.6


def thumbnail(at, count=FRAMES):
    """A frame as a data URL."""
    file = io.BytesIO()
    picture(at, count).save(file, "JPEG", quality=70)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
