"""What a video comes to for families that cut frames of any size into a grid of patches, and join these to tokens."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from lvspec_cli.models.prompt import VideoLayout, VideoSize


def patch_grid_size(
    video_processor: Any, vision: Any, frames: int, height: int, width: int, pixels: dict[str, int]
) -> VideoSize:
    """The size of a video by the processor's own rule for resizing.

    ``vision``: the vision tower's configuration; ``pixels``: the limits, as the processor takes them for its ``size``.
    Raises ValueError if the processor cannot take frames of this shape.
    """
    patches: int = video_processor.get_num_of_video_patches(
        frames,
        height,
        width,
        {
            "size": pixels,
            "patch_size": vision.patch_size,
            "merge_size": vision.spatial_merge_size,
            "temporal_patch_size": vision.temporal_patch_size,
        },
    )
    numbers = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
    return VideoSize(
        patches=patches,
        tokens=patches // vision.spatial_merge_size**2,
        input_bytes=patches * numbers * torch.float32.itemsize,
    )


def rows_and_columns(size: VideoSize, steps: int, height: int, width: int) -> tuple[int, int]:
    """How the tokens of a step lie: rows and columns whose product is their number, shaped as nearly as a frame."""
    tokens = size.tokens // steps
    shapes = [(rows, tokens // rows) for rows in range(1, tokens + 1) if tokens % rows == 0]
    return min(shapes, key=lambda shape: abs(math.log(shape[0] * width / (shape[1] * height))))


def patch_grid_layout(grids: Tensor, vision: Any) -> VideoLayout:
    """Of one video, from int64 [1, 3]: its patches in time, height and width; ``vision``: as in `patch_grid_size`."""
    steps, height, width = grids[0].tolist()
    merge = vision.spatial_merge_size
    return VideoLayout(steps, height // merge, width // merge, vision.temporal_patch_size)
