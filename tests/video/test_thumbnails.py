"""Thumbnails are small, and show what the frames do."""

from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lvspec_cli.video.thumbnails import LONGEST_SIDE, MOST_THUMBNAILS, shrunk, thumbnails

PREFIX = "data:image/jpeg;base64,"


def opened(uri):
    assert uri.startswith(PREFIX)
    return Image.open(BytesIO(b64decode(uri.removeprefix(PREFIX), validate=True)))


@pytest.mark.parametrize(
    ("shape", "size"),
    [((90, 640), (160, 22)), ((640, 480), (120, 160)), ((40, 30), (30, 40)), ((1, 5000), (160, 1))],
)
def test_no_side_is_longer_than_the_longest(shape, size):
    (uri,) = thumbnails(shrunk(np.zeros((1, *shape, 3), np.uint8)))
    image = opened(uri)
    assert image.format == "JPEG"
    assert max(image.size) <= LONGEST_SIDE
    assert image.size == pytest.approx(size, abs=1)


@pytest.mark.parametrize(("count", "pictures"), [(MOST_THUMBNAILS, MOST_THUMBNAILS), (MOST_THUMBNAILS + 1, 0)])
def test_very_many_frames_leave_no_pictures(count, pictures):
    assert len(thumbnails(shrunk(np.zeros((count, 4, 4, 3), np.uint8)))) == pictures


def test_there_is_one_for_each_frame_and_it_shows_the_frame():
    frames = np.zeros((2, 320, 320, 3), np.uint8)
    frames[0, :160] = (255, 0, 0)
    frames[1, :, 160:] = (0, 0, 255)
    first, second = (np.asarray(opened(uri)).astype(int) for uri in thumbnails(shrunk(frames)))
    assert np.abs(first[20, 20] - (255, 0, 0)).max() < 30
    assert first[140, 20].max() < 30
    assert np.abs(second[80, 140] - (0, 0, 255)).max() < 30
    assert second[80, 20].max() < 30
