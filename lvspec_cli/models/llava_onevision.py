"""LLaVA-OneVision (arXiv 2408.03326): frames of one size, pooled to a fixed number of tokens, plain positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from lvspec_cli.models.activations import pixel_bytes, siglip_bytes
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.families import register_family
from lvspec_cli.models.prompt import EncodedVideo, FrameSize, PreparedPrompt, VideoLayout, VideoSize


@register_family("llava_onevision")
class LlavaOneVision(VideoLanguageModel):
    """LLaVA-OneVision.

    Its language model numbers video tokens like words: the order of frames reaches it, their times do not. Frames are
    scaled to the vision tower's one size, so `FrameSize` has no meaning here.
    """

    unquantized_modules = ("model.vision_tower", "model.multi_modal_projector", "lm_head")
    causal: ClassVar[Any] = {"full_attention": None}
    any_frame_size = False

    @classmethod
    def video_size(
        cls, config: Any, frames: int, height: int, width: int, frame_size: FrameSize, video_processor: Any = None
    ) -> VideoSize:
        """See `VideoLanguageModel.video_size`: 27x27 patches a frame in released models, pooled to 14x14 tokens."""
        vision = config.vision_config
        side = vision.image_size // vision.patch_size
        return VideoSize(
            patches=frames * side**2,
            tokens=frames * _pooled_side(vision) ** 2 + 1,  # one more ends the video
            input_bytes=frames * 3 * vision.image_size**2 * torch.float32.itemsize,
        )

    @classmethod
    def patch_bytes(cls, config: Any, itemsize: int) -> int:
        """See `VideoLanguageModel.patch_bytes`.

        Every patch is projected to the language model's width and then pooled, for which there are three copies of all
        patches and two of the tokens, a quarter as many, beside what the tower gave twice.
        """
        vision = config.vision_config
        projecting: int = itemsize * (2 * vision.hidden_size + 7 * config.text_config.hidden_size // 2)
        return pixel_bytes(vision, itemsize) + max(siglip_bytes(vision, itemsize), projecting)

    def _process(self, text: str, frames: Tensor, times: Sequence[float]) -> Mapping[str, Tensor]:
        return self._run_processor(text, frames)

    def _encode_video(self, inputs: PreparedPrompt) -> EncodedVideo:
        pixels = inputs.tensors["pixel_values_videos"].to(self.device, self.model.dtype)
        features: Tensor = self.model.get_video_features(pixels).pooler_output
        return EncodedVideo(features.flatten(0, 1))

    def video_layout(self, inputs: PreparedPrompt) -> VideoLayout:
        """See `VideoLanguageModel.video_layout`; the token that ends the video has no place."""
        side = _pooled_side(self.model.config.vision_config)
        return VideoLayout(len(inputs.times), side, side, frames_per_step=1)


def _pooled_side(vision: Any) -> int:
    """Tokens in a row of a frame, and rows; ``vision``: the vision tower's configuration."""
    side: int = vision.image_size // vision.patch_size
    return -(-side // 2)
