"""Qwen2.5-VL (arXiv 2502.13923): frames of any size, and rotary positions that carry time, height and width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor
from transformers import Qwen2VLVideoProcessor
from transformers.video_utils import VideoMetadata

from lvspec_cli.models.activations import pixel_bytes, rotary_tower_bytes
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.families import register_family
from lvspec_cli.models.patch_grid import patch_grid_layout, patch_grid_size, rows_and_columns
from lvspec_cli.models.prompt import EncodedVideo, FrameSize, PreparedPrompt, VideoLayout, VideoSize
from lvspec_cli.models.timestamps import mean_spacing, temporal_positions


@register_family("qwen2_5_vl")
class Qwen25VL(VideoLanguageModel):
    """Qwen2.5-VL with the true frame times.

    The processor turns frame times into one number, the seconds from a temporal patch to the next, and transformers
    multiplies it by the patch's index: exact for evenly spaced frames only. Here the processor gets the mean spacing,
    and the positions of the video tokens on the time axis are then set from the times themselves
    (`temporal_positions`), so that uneven times arrive too. They are still quantized to 1 / tokens_per_second
    (half a second for the released models) and count from the first frame: that is all the model can take.

    Text goes on behind the largest position of the video on any axis, as the released models were trained (the authors'
    own code, transformers up to 5.2). Later versions of transformers look at height and width only, so that with a long
    video the question comes to stand in the midst of it (transformers issue 45381); their positions are not used.
    """

    unquantized_modules = ("model.visual", "lm_head")
    causal: ClassVar[Any] = {"full_attention": None}
    any_frame_size = True

    @classmethod
    def video_size(
        cls, config: Any, frames: int, height: int, width: int, frame_size: FrameSize, video_processor: Any = None
    ) -> VideoSize:
        """See `VideoLanguageModel.video_size`; a cap on the whole video's pixels is not looked at."""
        processor = video_processor or Qwen2VLVideoProcessor()
        pixels = _pixels(processor, frame_size)
        vision = config.vision_config
        size = patch_grid_size(processor, vision, frames, height, width, pixels)
        steps = -(-frames // vision.temporal_patch_size)
        # All three axes begin where the video does, and text goes on behind the longest of them.
        positions = max(rows_and_columns(size, steps, height, width))
        return replace(size, positions=positions, positions_per_second=float(vision.tokens_per_second))

    @classmethod
    def patch_bytes(cls, config: Any, itemsize: int) -> int:
        """See `VideoLanguageModel.patch_bytes`."""
        vision = config.vision_config
        return pixel_bytes(vision, itemsize) + rotary_tower_bytes(vision, itemsize, gated=True)

    def _process(self, text: str, frames: Tensor, times: Sequence[float]) -> Mapping[str, Tensor]:
        count, _, height, width = frames.shape
        metadata = VideoMetadata(
            total_num_frames=count,
            fps=1 / mean_spacing(times),
            width=width,
            height=height,
            frames_indices=list(range(count)),
        )
        size = _pixels(self.processor.video_processor, self.frame_size)
        return self._run_processor(text, frames, video_metadata=[metadata], size=size, **self._cap())

    def _cap(self) -> dict[str, bool]:
        """The processor's own wish about an option that versions of transformers have and do not have."""
        name = "cap_pixels_per_frame"
        processor = self.processor.video_processor
        return {name: bool(getattr(processor, name))} if hasattr(processor, name) else {}

    def _encode_video(self, inputs: PreparedPrompt) -> EncodedVideo:
        pixels = inputs.tensors["pixel_values_videos"].to(self.device)
        features = self.model.get_video_features(pixels, inputs.tensors["video_grid_thw"].to(self.device))
        return EncodedVideo(torch.cat(tuple(features.pooler_output)))

    def video_layout(self, inputs: PreparedPrompt) -> VideoLayout:
        """See `VideoLanguageModel.video_layout`."""
        return patch_grid_layout(inputs.tensors["video_grid_thw"], self.model.config.vision_config)

    def prompt_positions(self, inputs: PreparedPrompt) -> Tensor:
        """int64 [3, 1, n]: time, height and width."""
        positions: Tensor
        positions, _ = self.model.model.get_rope_index(
            inputs.token_ids[None],
            mm_token_type_ids=inputs.tensors["mm_token_type_ids"],
            video_grid_thw=inputs.tensors["video_grid_thw"],
            second_per_grid_ts=inputs.tensors["second_per_grid_ts"],
        )
        video = inputs.video_mask.nonzero()[:, 0]
        steps = torch.tensor(self._temporal_positions(inputs.times))
        start = positions[0, 0, video[0]]
        positions[0, 0, video] = start + steps.repeat_interleave(len(video) // len(steps))
        behind = int(video[-1]) + 1
        positions[..., behind:] += positions[..., video].max() + 1 - positions[..., behind : behind + 1]
        return positions.to(self.device)

    def _temporal_positions(self, times: Sequence[float]) -> tuple[int, ...]:
        vision: Any = self.model.config.vision_config
        return temporal_positions(times, vision.temporal_patch_size, vision.tokens_per_second)


def _pixels(video_processor: Any, frame_size: FrameSize) -> dict[str, int]:
    """The fewest and the most pixels of a frame, by the processor's names."""
    own = video_processor.size
    return {
        "shortest_edge": frame_size.min_pixels or own["shortest_edge"],
        "longest_edge": frame_size.max_pixels or own["longest_edge"],
    }
