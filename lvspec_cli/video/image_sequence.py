"""Images that follow one another in time: a folder of them in natural order, an animation, or a single still."""

from __future__ import annotations

import itertools
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from lvspec_cli.errors import NotAVideo, VideoTooLarge, VideoUnreadable
from lvspec_cli.video.cache import Learnt, VideoCache
from lvspec_cli.video.fingerprint import file_fingerprint, files_fingerprint
from lvspec_cli.video.limits import check_pixels, no_frames
from lvspec_cli.video.options import DEFAULT_IMAGE_RATE, ReadOptions
from lvspec_cli.video.source import IMAGE_SUFFIXES, SourceKind, VideoPath, shown

IMAGE_FORMATS = ("GIF", "WEBP", "PNG", "JPEG", "BMP")
ANIMATED_FORMATS = ("GIF", "WEBP", "PNG")  # the further pictures in a JPEG are other views, not later moments
UNSET_DELAY_MS = 10.0  # browsers show a frame that asks for this little, or for nothing,
DEFAULT_DELAY_MS = 100.0  # for this long
PAPER = (255, 255, 255, 255)  # what shows through transparent pixels


@dataclass(frozen=True)
class ImageSequence:
    """Images that follow one another in time."""

    fingerprint: str  # of the content
    container: str  # image format in lower case, or "images" for a folder
    codec: str  # image format in lower case
    times_s: list[float]  # seconds at which each appears; the first is 0
    end_s: float  # seconds at which the last disappears
    load: Callable[[int], Image.Image | None]  # the n-th, upright RGB, fastest in ascending order; None: damaged


@contextmanager
def open_sequence(
    path: VideoPath, kind: SourceKind, options: ReadOptions, cache: VideoCache
) -> Iterator[ImageSequence]:
    """The images that ``path`` leads to.

    Raises:
        NotAVideo: a folder without images, or an unknown kind of image.
        VideoUnreadable, VideoTooLarge, NoFrames: as they say.
    """
    if kind is SourceKind.FOLDER:
        yield _folder_sequence(path, options, cache)
        return
    learnt = cache.of([path])
    with _open_image(path, path, options) as image:
        if image is None:
            raise no_frames(path)
        yield _file_sequence(path, image, options, learnt)


def _folder_sequence(folder: VideoPath, options: ReadOptions, cache: VideoCache) -> ImageSequence:
    files = images_in(folder)
    if not files:
        raise NotAVideo(f"{shown(folder)} is a folder without images: give video files, or a folder of images")

    def load(index: int) -> Image.Image | None:
        with _open_image(files[index], folder, options) as image:
            return None if image is None else _frame(image, 0)

    # A folder with one image and that image have the same stamps, and fingerprints of their own.
    fingerprint = cache.of(files).recall("fingerprint of the folder", lambda: files_fingerprint(files))
    rate = options.source_fps or DEFAULT_IMAGE_RATE
    times = [index / rate for index in range(len(files))]
    suffix = files[0].suffix.lower().removeprefix(".")
    return ImageSequence(fingerprint, "images", suffix, times, len(files) / rate, load)


def images_in(folder: VideoPath) -> list[Path]:
    """The image files of a folder in natural order: ``2.png`` before ``10.png``; hidden files are left out.

    Raises:
        VideoUnreadable: the folder cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if e.name.lower().endswith(IMAGE_SUFFIXES) and e.is_file()]
    except OSError as error:
        raise VideoUnreadable(f"{shown(folder)} cannot be listed ({error.strerror}): check its permissions") from error
    return [Path(folder, name) for name in sorted(names, key=_natural) if not name.startswith(".")]


def _natural(name: str) -> tuple[list[str | int], str]:
    # Text and numbers alternate, so that like is compared with like; the name itself settles "1" against "01".
    parts = re.split(r"([0-9]+)", name.casefold())
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], name


def _file_sequence(path: VideoPath, image: Image.Image, options: ReadOptions, learnt: Learnt) -> ImageSequence:
    name = (image.format or "image").lower()
    is_animated = image.format in ANIMATED_FORMATS
    delays = learnt.recall("delays", lambda: _delays_ms(image)) if is_animated else []
    if len(delays) > 1:
        # Whole milliseconds add up without error.
        *times, end = (time / 1000 for time in itertools.accumulate(delays, initial=0.0))
    else:
        times, end = [0.0], 1 / (options.source_fps or DEFAULT_IMAGE_RATE)

    def load(index: int) -> Image.Image | None:
        return _frame(image, index)

    fingerprint = learnt.recall("fingerprint", lambda: file_fingerprint(path))
    return ImageSequence(fingerprint, name, name, times, end, load)


def _delays_ms(image: Image.Image) -> list[float]:
    """How long each frame of an animation is shown, in milliseconds; it ends where it is damaged."""
    delays: list[float] = []
    while (delay := _delay_ms(image, len(delays))) is not None:  # n_frames fails on animations that are cut off
        delays.append(delay)
    return delays


def _delay_ms(image: Image.Image, index: int) -> float | None:
    """How long one frame is shown, in milliseconds; None past the last one that can be reached."""
    try:
        image.seek(index)
        if image.format == "WEBP":
            image.load()  # its plugin learns the delay only with the pixels
        delay = float(image.info.get("duration") or 0)
    except MemoryError:
        raise
    except Exception:  # Pillow's decoders raise whatever comes to hand on damaged data
        return None
    return delay if delay > UNSET_DELAY_MS else DEFAULT_DELAY_MS


def _frame(image: Image.Image, index: int) -> Image.Image | None:
    """One frame of an image, upright RGB, or None where it is damaged."""
    try:
        if image.tell() != index:
            image.seek(index)
        return _upright_rgb(image)
    except MemoryError:
        raise
    except Exception:  # see _delay_ms
        return None


@contextmanager
def _open_image(path: VideoPath, video: VideoPath, options: ReadOptions) -> Iterator[Image.Image | None]:
    """The image with its header read, None where even that is damaged; errors speak of ``video``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is check_pixels
            image = Image.open(path, formats=IMAGE_FORMATS)
    except Image.DecompressionBombError as error:
        raise VideoTooLarge(f"{shown(video)} has images of absurd dimensions: scale them down first") from error
    except PermissionError as error:
        raise VideoUnreadable(f"{shown(path)} cannot be read ({error.strerror}): check its permissions") from error
    except MemoryError:
        raise
    except Exception:  # see _delay_ms
        yield None
        return
    with image:
        check_pixels(video, *image.size, options)
        yield image


def _upright_rgb(image: Image.Image) -> Image.Image:
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # 16 bits of grey
        return Image.fromarray((np.asarray(upright).clip(0, 65535) // 257).astype(np.uint8)).convert("RGB")
    if upright.has_transparency_data:
        rgba = upright.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, PAPER), rgba).convert("RGB")
    return upright.convert("RGB")
