"""Writing frames to an MP4 file that any player shows."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from lvspec_cli.video.source import VideoPath

LARGEST_RATE_DENOMINATOR = 1001  # enough for 30000/1001
# The same bytes on every machine: one thread, and no macroblock trees, for which x264 reads beyond the rows of small
# pictures, so that the bits it spends on them depend on what was in memory before.
ENCODER_OPTIONS = {"crf": "18", "preset": "medium", "threads": "1", "mbtree": "0"}


def write_mp4(path: VideoPath, frames: Iterable[NDArray[np.uint8]], frame_rate: float) -> None:
    """Write frames as H.264 in yuv420p; the file appears whole or not at all.

    Args:
        frames: at least one, all uint8 [height, width, 3] RGB of one size. An odd side is made even by repeating its
            last line, since yuv420p needs even sides.
        frame_rate: frames per second.

    Raises:
        ValueError: there is no frame, one differs in size or type, or the rate is not positive.
        OSError: the file cannot be written.
    """
    if not frame_rate > 0:
        raise ValueError(f"the frame rate must be greater than 0, not {frame_rate}")
    with (
        _replacing(Path(path)) as draft,
        av.open(str(draft), "w", format="mp4", options={"movflags": "faststart"}) as out,
    ):
        _encode(out, frames, Fraction(frame_rate).limit_denominator(LARGEST_RATE_DENOMINATOR))


def _encode(container: OutputContainer, frames: Iterable[NDArray[np.uint8]], rate: Fraction) -> None:
    stream: VideoStream | None = None
    shape: tuple[int, ...] = ()
    for frame in frames:
        if stream is None:
            shape = _checked_shape(frame)
            stream = _add_stream(container, rate, *shape[:2])
        if frame.shape != shape or frame.dtype != np.uint8:
            raise ValueError(f"every frame must be uint8 of shape {shape}, not {frame.dtype} of shape {frame.shape}")
        container.mux(stream.encode(av.VideoFrame.from_ndarray(_even(frame), format="rgb24")))
    if stream is None:
        raise ValueError("there is no frame to write")
    container.mux(stream.encode(None))


def _checked_shape(frame: NDArray[np.uint8]) -> tuple[int, ...]:
    if frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
        raise ValueError(f"a frame must have the shape [height, width, 3], not {frame.shape}")
    return frame.shape


def _add_stream(container: OutputContainer, rate: Fraction, height: int, width: int) -> VideoStream:
    stream = container.add_stream("libx264", rate=rate, options=ENCODER_OPTIONS)
    stream.width, stream.height = width + width % 2, height + height % 2
    stream.pix_fmt = "yuv420p"
    return stream


def _even(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = frame.shape[:2]
    if height % 2 or width % 2:
        frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(frame)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A draft beside ``path`` that takes its place on success and vanishes on failure."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o666 & ~_umask())  # mkstemp's files are for their owner alone
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
