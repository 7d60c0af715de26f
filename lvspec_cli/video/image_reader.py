"""The reader of images: folders, animations and stills become clips like any other video."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lvspec_cli.video.cache import VideoCache
from lvspec_cli.video.clip import Clip, VideoFacts
from lvspec_cli.video.geometry import fitted_into, padded_to
from lvspec_cli.video.image_sequence import ImageSequence, open_sequence
from lvspec_cli.video.limits import check_duration, no_frames, output_box
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.selection import select, showing
from lvspec_cli.video.source import SourceKind, VideoPath


def read_images(kind: SourceKind, path: VideoPath, options: ReadOptions, cache: VideoCache) -> Clip:
    """The selected frames of an image file or a folder of images; damaged images are skipped and counted.

    Raises:
        VideoError: as ``read_clip`` says.
    """
    with open_sequence(path, kind, options, cache) as sequence:
        check_duration(path, sequence.end_s, options)
        selection = select(options, sequence.end_s)
        chosen = showing(sequence.times_s, selection.moments)
        images = _Images(sequence)
        intact = images.intact(chosen)
        span = range(showing(sequence.times_s, [selection.start_s])[0], bisect_left(sequence.times_s, selection.end_s))
        first = next(intact, None) or next(images.intact(span), None)
        if first is None:
            raise no_frames(path, selection)
        box = output_box(path, first[1].size, len(chosen), options)
        frames = np.empty((len(chosen), box.height, box.width, 3), np.uint8)
        frames[0], times, sizes = fitted(first[1], box.size), [first[0]], {first[1].size}
        for time, image in intact:
            frames[len(times)] = fitted(image, box.size)
            times.append(time)
            sizes.add(image.size)
        facts = _facts(path, sequence, first[1].size)
        facts = _with_warnings(facts, selection.warnings + box.warnings, len(images.damaged), len(sizes) > 1)
    return Clip(frames[: len(times)], tuple(times), selection.start_s, selection.end_s, facts)


class _Images:
    """The images of a sequence, and which of those looked at are damaged."""

    def __init__(self, sequence: ImageSequence) -> None:
        self._sequence = sequence
        self.damaged: set[int] = set()  # places

    def intact(self, places: Iterable[int]) -> Iterator[tuple[float, Image.Image]]:
        """The images at these places that are not damaged, each with its time in seconds."""
        for place in places:
            image = None if place in self.damaged else self._sequence.load(place)
            if image is None:
                self.damaged.add(place)
            else:
                yield self._sequence.times_s[place], image


def measure_images(kind: SourceKind, path: VideoPath, options: ReadOptions, cache: VideoCache) -> VideoFacts:
    """The facts of an image file or a folder of images, which must reach as far as ``options`` begin.

    Raises:
        VideoError: as ``read_clip`` says.
    """
    facts = inspect_images(kind, path, options, cache)
    check_duration(path, facts.duration_s, options)
    return replace(facts, warnings=select(options, facts.duration_s).warnings)


def inspect_images(kind: SourceKind, path: VideoPath, options: ReadOptions, cache: VideoCache) -> VideoFacts:
    """The facts of an image file or a folder of images.

    Raises:
        VideoError: as ``read_clip`` says.
    """
    with open_sequence(path, kind, options, cache) as sequence:
        for index in range(len(sequence.times_s)):
            image = sequence.load(index)
            if image is not None:
                return _facts(path, sequence, image.size)
    raise no_frames(path)


def _facts(path: VideoPath, sequence: ImageSequence, size: tuple[int, int]) -> VideoFacts:
    last = sequence.times_s[-1]
    return VideoFacts(
        path=os.fspath(path),
        fingerprint=sequence.fingerprint,
        container=sequence.container,
        codec=sequence.codec,
        width=size[0],
        height=size[1],
        rotation_degrees=0,
        sample_aspect_ratio="1:1",
        duration_s=sequence.end_s,
        average_frame_rate=(len(sequence.times_s) - 1) / last if last else None,
        bad_packets=0,
        decoder="pillow",
        warnings=(),
    )


def _with_warnings(facts: VideoFacts, warnings: tuple[str, ...], bad_images: int, sizes_differ: bool) -> VideoFacts:
    if bad_images:
        warnings += (f"{bad_images} damaged images were skipped",)
    if sizes_differ:
        warnings += ("the images differ in size; all are fitted into the first one's",)
    return replace(facts, bad_packets=bad_images, warnings=warnings)


def fitted(image: Image.Image, box: tuple[int, int]) -> NDArray[np.uint8]:
    """The image as uint8 [height, width, 3], scaled into the box with its aspect kept."""
    size = fitted_into(image.size, box)
    scaled = image if image.size == size else image.resize(size, Image.Resampling.BICUBIC)
    return padded_to(np.asarray(scaled, np.uint8), box)
