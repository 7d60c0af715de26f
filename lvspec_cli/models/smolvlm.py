"""SmolVLM2 (arXiv 2504.05299): every frame an image of one size with its time before it, and plain positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lvspec_cli.models.activations import siglip_bytes
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.families import register_family
from lvspec_cli.models.prompt import EncodedVideo, FrameSize, PreparedPrompt, VideoLayout, VideoSize
from lvspec_cli.models.timestamps import written_times


@register_family("smolvlm")
class SmolVLM(VideoLanguageModel):
    """SmolVLM2.

    The processor says how many frames there are and how long the video is, and writes "Frame from 01:30:" before each
    frame, in whole seconds. Frames are scaled to the vision tower's one size and never cut into tiles, so `FrameSize`
    has no meaning here. To this family video tokens are image tokens.
    """

    unquantized_modules = ("model.vision_model", "model.connector", "lm_head")
    any_frame_size = False
    packages = ("num2words",)
    placeholders = ("<image>", "<video>")
    text_module = "text_model"

    @classmethod
    def video_size(
        cls, config: Any, frames: int, height: int, width: int, frame_size: FrameSize, video_processor: Any = None
    ) -> VideoSize:
        """See `VideoLanguageModel.video_size`."""
        vision = config.vision_config
        side = vision.image_size // vision.patch_size
        pixels = frames * vision.image_size**2
        return VideoSize(
            patches=frames * side**2,
            tokens=frames * (side // config.scale_factor) ** 2,
            input_bytes=pixels * (3 * torch.float32.itemsize + torch.int64.itemsize),  # with a mask in whole numbers
        )

    @classmethod
    def patch_bytes(cls, config: Any, itemsize: int) -> int:
        """See `VideoLanguageModel.patch_bytes`; pixels and mask are copied, to leave out empty frames."""
        vision = config.vision_config
        copies: int = vision.patch_size**2 * (3 * itemsize + torch.int64.itemsize)
        return copies + siglip_bytes(vision, itemsize)

    @classmethod
    def time_marks(cls, frames: int) -> str:
        """See `VideoLanguageModel.time_marks`."""
        start = "You are provided the following series of forty-eight frames from a 0:00:48 [H:MM:SS] video.\n"
        mark = "\nFrame from 00:00:<fake_token_around_image><global-img><fake_token_around_image>"
        return start + frames * mark + "\n\n"

    @property
    def video_token_id(self) -> int:
        """See `VideoLanguageModel.video_token_id`."""
        return self.processor.image_token_id  # type: ignore[no-any-return]

    def _process(self, text: str, frames: Tensor, times: Sequence[float]) -> Mapping[str, Tensor]:
        return self._run_processor(text, frames, video_metadata=[written_times(frames, times)])

    def _encode_video(self, inputs: PreparedPrompt) -> EncodedVideo:
        tensors = inputs.tensors
        features = self.model.model.get_image_features(
            tensors["pixel_values"].to(self.device), tensors["pixel_attention_mask"].to(self.device)
        )
        return EncodedVideo(torch.cat(tuple(features.pooler_output)))

    def video_layout(self, inputs: PreparedPrompt) -> VideoLayout:
        """See `VideoLanguageModel.video_layout`."""
        config = self.model.config
        side = config.vision_config.image_size // config.vision_config.patch_size // config.scale_factor
        return VideoLayout(len(inputs.times), side, side, frames_per_step=1)
