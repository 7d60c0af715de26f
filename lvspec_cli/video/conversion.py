"""Decoded frames to RGB arrays of one common size, upright and with square pixels."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av.error
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from lvspec_cli.errors import NoFrames
from lvspec_cli.video.geometry import (
    UPRIGHT,
    Geometry,
    fitted_into,
    is_right_angled,
    orientation_of,
    padded_to,
    plausible_sample_aspect,
)
from lvspec_cli.video.limits import check_pixels, output_box
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.source import VideoPath, shown

if TYPE_CHECKING:
    from av.sidedata.sidedata import SideData

BT2020_PRIMARIES = 9  # ITU-T H.273 table 2
HDR_TRANSFERS = {16: "PQ", 18: "HLG"}  # ITU-T H.273 table 3
ACCURATE_ROUNDING = 0x40000  # SWS_ACCURATE_RND of libswscale, which older releases of PyAV do not name
FAST_SCALING = int(Interpolation.AREA)  # for looking at every frame: a fifth of the time
SCALING = int(Interpolation.BICUBIC) | ACCURATE_ROUNDING


def display_matrix(frame: VideoFrame) -> bytes | None:
    """The frame's display matrix as raw bytes, if it has one."""
    side_data = cast("Iterable[SideData]", frame.side_data)
    return next((bytes(data) for data in side_data if data.type.name == "DISPLAYMATRIX"), None)


def geometry_of(frame: VideoFrame, stream: VideoStream) -> Geometry:
    """How the stream's frames are to be shown, as its first decoded frame has it."""
    matrix = display_matrix(frame)
    orientation = orientation_of(matrix) if matrix else UPRIGHT
    return Geometry(frame.width, frame.height, plausible_sample_aspect(stream.sample_aspect_ratio), orientation)


class FrameConverter:
    """Turns decoded frames into arrays of one size and remembers what was odd about them.

    Args:
        first: any frame of the stream; the others are shown as it is.
        count: how many arrays are to be in memory at one time.
        scaling: how to scale, in the flags of libswscale.

    Raises:
        VideoTooLarge: memory does not suffice for so many.
    """

    def __init__(
        self,
        path: VideoPath,
        stream: VideoStream,
        first: VideoFrame,
        options: ReadOptions,
        count: int = 1,
        scaling: int = SCALING,
    ) -> None:
        self._scaling = scaling
        self._path = path
        self._options = options
        self._reformatter = VideoReformatter()
        self._sample_aspect = stream.sample_aspect_ratio
        self._coding = stream.codec_context
        self.geometry = geometry_of(first, stream)
        self.box = output_box(path, self.geometry.display_size, count, options)
        self._warnings = dict.fromkeys(self.box.warnings)  # ordered and without repeats
        self._note_header(first)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was odd so far."""
        return tuple(self._warnings)

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """The frame as uint8 [height, width, 3] RGB.

        Raises:
            VideoTooLarge: the frame outgrew the header's size beyond the limit.
            NoFrames: its pixel format cannot be converted.
        """
        check_pixels(self._path, frame.width, frame.height, self._options)
        self._note(frame)
        geometry = Geometry(frame.width, frame.height, self.geometry.sample_aspect, self.geometry.orientation)
        box = self.box.size
        width, height = box if geometry == self.geometry else fitted_into(geometry.display_size, box)
        coded_size = (height, width) if geometry.orientation.transpose else (width, height)
        upright = geometry.orientation.apply(self._to_rgb(frame, *coded_size))
        return padded_to(upright, box)

    def _to_rgb(self, frame: VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
        try:
            converted = self._reformatter.reformat(frame, width, height, "rgb24", interpolation=self._scaling)
            return np.asarray(converted.to_ndarray(), np.uint8)
        except av.error.MemoryError:
            raise
        except (av.error.FFmpegError, ValueError) as error:
            raise NoFrames(
                f"the pixel format {frame.format.name} of {shown(self._path)} cannot be shown: convert the video first"
            ) from error

    def _note_header(self, first: VideoFrame) -> None:
        aspect = self._sample_aspect
        if aspect and aspect != self.geometry.sample_aspect:
            self._warn(f"the sample aspect {_ratio(aspect)} is beyond belief; pixels are taken for square")
        matrix = display_matrix(first)
        if matrix and not is_right_angled(matrix):
            self._warn("the video is turned by a crooked angle; the nearest right angle was applied")
        if self.geometry.orientation.mirrored:
            self._warn("the video is stored mirrored; frames are shown as a player shows them")
        transfer = HDR_TRANSFERS.get(self._coding.color_trc)
        if transfer or self._coding.color_primaries == BT2020_PRIMARIES:
            name = "bt2020" + (f", {transfer}" if transfer else "")
            self._warn(f"the video has wide colour ({name}); colours are passed on without tone mapping")

    def _note(self, frame: VideoFrame) -> None:
        if frame.is_corrupt:
            self._warn("some frames are damaged")
        if frame.interlaced_frame:
            self._warn("the video is interlaced; both fields of a frame are shown together")
        if (frame.width, frame.height) != (self.geometry.coded_width, self.geometry.coded_height):
            self._warn(f"frames change size within the video; all are fitted into {self.box.width}x{self.box.height}")

    def _warn(self, sentence: str) -> None:
        self._warnings[sentence] = None


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}:{value.denominator}"
