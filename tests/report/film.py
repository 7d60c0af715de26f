"""A small film of a circle that passes below a cross, and where a model would look that tells of it."""

import base64
import io
import math

from PIL import Image, ImageDraw

ROWS = COLUMNS = 6  # of video tokens
PER_STEP = 2  # frames that a step of video tokens shows
FRAMES = 8


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


def levels(looks, steps=FRAMES // PER_STEP):
    """Bytes of a heat map: a bump where the token looks, in the steps that show it."""
    values = []
    for step in range(steps):
        x, y = circle(PER_STEP * step + 0.5, PER_STEP * steps)
        when = 1.0
        if looks == "cross":
            x, y, when = 130, 17, 0.75 + 0.08 * step
        elif looks == "floor":
            x, y, when = 60, 45, 0.5
        elif looks == "end":
            when = 1.0 if step == steps - 1 else 0.1
        else:
            when = (0.5, 0.8, 1.0, 0.7)[step % 4]
        for cell in range(ROWS * COLUMNS):
            row, column = divmod(cell, COLUMNS)
            away = math.hypot((column + 0.5) * 160 / COLUMNS - x, (row + 0.5) * 90 / ROWS - y)
            values.append(when * math.exp(-((away / 26) ** 2)) + 0.04)
    return bytes(round(255 * value / max(values)) for value in values)
