"""Qwen3-VL (arXiv 2511.21631): times written into the prompt, and visual features for several layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from transformers import Qwen3VLVideoProcessor

from lvspec_cli.models.activations import pixel_bytes, rotary_tower_bytes
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.families import register_family
from lvspec_cli.models.patch_grid import patch_grid_layout, patch_grid_size, rows_and_columns
from lvspec_cli.models.prompt import EncodedVideo, FrameSize, PreparedPrompt, VideoLayout, VideoSize
from lvspec_cli.models.timestamps import written_times


@register_family("qwen3_vl")
class Qwen3VL(VideoLanguageModel):
    """Qwen3-VL with the true frame times.

    The processor writes "<1.5 seconds>" before every pair of frames, the mean of their two times, so that uneven times
    arrive as they are; on the time axis of the rotary positions every pair stands at one place. The vision tower gives
    features of some of its own layers beside the video tokens (DeepStack), and the first layers of the language model
    add them to the states of the video tokens; pruning drops those with the tokens that they belong to.
    """

    unquantized_modules = ("model.visual", "lm_head")
    any_frame_size = True

    @classmethod
    def video_size(
        cls, config: Any, frames: int, height: int, width: int, frame_size: FrameSize, video_processor: Any = None
    ) -> VideoSize:
        """See `VideoLanguageModel.video_size`."""
        vision = config.vision_config
        processor = video_processor or Qwen3VLVideoProcessor()
        count = max(frames, vision.temporal_patch_size)  # a single frame is shown as a pair
        pixels = _pixels(processor, frame_size, count)
        size = patch_grid_size(processor, vision, count, height, width, pixels)
        # Steps stand one behind the other, and each takes as many positions as its longer side has tokens.
        steps = -(-count // vision.temporal_patch_size)
        positions = steps * max(rows_and_columns(size, steps, height, width))
        # Of the states to which deeper features are added there is a copy too.
        return replace(size, features=2 + len(vision.deepstack_visual_indexes), positions=positions)

    @classmethod
    def patch_bytes(cls, config: Any, itemsize: int) -> int:
        """See `VideoLanguageModel.patch_bytes`.

        Kept until the end of the tower are the embeddings of the positions, in float32, and the features for deeper
        layers.
        """
        vision = config.vision_config
        features = len(vision.deepstack_visual_indexes) * vision.out_hidden_size // vision.spatial_merge_size**2
        kept: int = torch.float32.itemsize * vision.hidden_size + itemsize * features
        return kept + pixel_bytes(vision, itemsize) + rotary_tower_bytes(vision, itemsize, gated=False)

    @classmethod
    def time_marks(cls, frames: int) -> str:
        """See `VideoLanguageModel.time_marks`: one mark for every pair of frames."""
        return "".join(f"<{pair}.5 seconds><|vision_start|><|vision_end|>" for pair in range(-(-frames // 2)))

    def _process(self, text: str, frames: Tensor, times: Sequence[float]) -> Mapping[str, Tensor]:
        if len(frames) == 1:  # the processor refuses less than a pair, and fills up longer odd counts in this way
            frames, times = frames.expand(2, -1, -1, -1), (times[0], times[0])
        size = _pixels(self.processor.video_processor, self.frame_size, len(frames))
        metadata = written_times(frames, times)
        return self._run_processor(text, frames, video_metadata=[metadata], size=size, cap_pixels_per_frame=False)

    def _encode_video(self, inputs: PreparedPrompt) -> EncodedVideo:
        pixels = inputs.tensors["pixel_values_videos"].to(self.device)
        features = self.model.get_video_features(pixels, inputs.tensors["video_grid_thw"].to(self.device))
        # Both come cut into videos, of which there is one; earlier versions of transformers leave the second whole.
        deeper = (part if isinstance(part, Tensor) else torch.cat(tuple(part)) for part in features.deepstack_features)
        return EncodedVideo(torch.cat(tuple(features.pooler_output)), tuple(deeper))

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
        )
        return positions.to(self.device)


def _pixels(video_processor: Any, frame_size: FrameSize, count: int) -> dict[str, int]:
    """The fewest and the most pixels of a whole video, which is what this family's processor limits."""
    own, least, most = video_processor.size, frame_size.min_pixels, frame_size.max_pixels
    return {
        "shortest_edge": own["shortest_edge"] if least is None else count * least,
        "longest_edge": own["longest_edge"] if most is None else count * most,
    }
