"""What a model gets: a video and a question, in values of its own terms, and what of them is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jinja2 import TemplateError
from torch import Tensor

from lvspec_cli.errors import FramesRefused, UsageError


@dataclass(frozen=True)
class FrameSize:
    """How large frames may reach the vision tower, for families that take any size."""

    min_pixels: int | None = None  # pixels a frame; None: as the model's processor says
    max_pixels: int | None = None  # pixels a frame; None: as the model's processor says


@dataclass(frozen=True)
class PreparedPrompt:
    """A video and a question in one model's own terms."""

    token_ids: Tensor  # int64 [n], on the CPU: the whole prompt, video tokens in their places
    video_mask: Tensor  # bool [n]: which of them are video tokens
    times: tuple[float, ...]  # s, one a frame
    tensors: Mapping[str, Tensor]  # what the processor made of the frames, by transformers' names

    @property
    def length(self) -> int:
        """Tokens in the prompt."""
        return self.token_ids.shape[0]

    @property
    def video_tokens(self) -> int:
        """Video tokens in the prompt."""
        return int(self.video_mask.sum())


@dataclass(frozen=True)
class VideoSize:
    """What a video comes to on its way through a model."""

    patches: int  # that the vision tower sees at once
    tokens: int  # that the language model gets of it
    input_bytes: int  # of the tensors that the processor makes of the frames
    features: int = 1  # states that the vision tower gives for each token
    positions: int | None = None  # that the tokens take, times left aside; None: one each
    positions_per_second: float = 0.0  # of the time axis, if the family has one

    def positions_over(self, seconds: float) -> int:
        """Rotary positions that a video of this length takes at most."""
        in_space = self.tokens if self.positions is None else self.positions
        return max(in_space, int(seconds * self.positions_per_second) + 1)


@dataclass(frozen=True)
class VideoLayout:
    """How video tokens lie in a video: step by step, in a step row by row, in a row from left to right.

    Step i shows the frames from i * frames_per_step on, the last step perhaps fewer than the others. What comes behind
    these tokens has no place in the video.
    """

    steps: int  # in time
    rows: int  # of tokens in a frame, over its whole height
    columns: int  # of tokens in a frame, over its whole width
    frames_per_step: int

    @property
    def places(self) -> int:
        """Tokens that have a place."""
        return self.steps * self.rows * self.columns


@dataclass(frozen=True)
class EncodedVideo:
    """What the vision tower makes of a video, in the language model's space; v video tokens of d numbers."""

    tokens: Tensor  # [v, d], what stands in the places of the video tokens
    deeper: tuple[Tensor, ...] = ()  # [v, d] each: added to their states behind the first layers, one a layer

    def kept(self, keep: Tensor | None) -> EncodedVideo:
        """Those tokens alone whose indices ``keep`` (int64 [k]) names; None: all."""
        if keep is None:
            return self
        indices = keep.to(self.tokens.device)
        return EncodedVideo(self.tokens[indices], tuple(features[indices] for features in self.deeper))


def templated(processor: Any, prompt: str, system: str | None = None) -> str:
    """The text of one turn with a video and a question, by the model's own chat template.

    ``system``: a message before it. Raises UsageError if the template leaves such messages out.
    """
    if system is None:
        return _rendered(processor, _turn(prompt))
    check_takes_system(processor)
    return _rendered(processor, _system_message(system), _turn(prompt))


def check_takes_system(processor: Any) -> None:
    """Raise UsageError unless the model's chat template passes a system message on as it is."""
    # The words are those of no template, and a template that writes out Python's lists escapes the line break.
    probe = "What is said\nbefore all else."
    try:
        passed = probe in _rendered(processor, _system_message(probe), _turn("What is it?"))
    except TemplateError:  # by which templates refuse roles
        passed = False
    if not passed:
        raise UsageError(
            "the chat template of the model takes no system message: say in the prompt what it is to know, and leave "
            "system out"
        )


def _turn(prompt: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "video"}, {"type": "text", "text": prompt}]}


def _system_message(text: str) -> dict[str, Any]:
    return {"role": "system", "content": [{"type": "text", "text": text}]}


def _rendered(processor: Any, *messages: Mapping[str, Any]) -> str:
    text: str = processor.apply_chat_template(list(messages), add_generation_prompt=True, tokenize=False)
    return text


def frames_refused(height: int, width: int, error: ValueError) -> FramesRefused:
    """The error for frames whose shape the processor does not take."""
    return FramesRefused(f"the model cannot take frames of {width}x{height} pixels ({error}): leave this video out")


def check_prompt(prompt: str, tokenizer: Any, placeholders: Sequence[str] = (), system: str | None = None) -> None:
    """Raise UsageError if a prompt is empty, or if it or the ``system`` message contains a control token.

    Such a token would forge a turn or a video. ``placeholders``: of the family, see `VideoLanguageModel.placeholders`.
    """
    if not prompt.strip():
        raise UsageError("the prompt is empty: say what you want to know about the video")
    for what, text in (("prompt", prompt), ("system message", system or "")):
        for token in _control_tokens(tokenizer, placeholders):
            if token in text:
                raise UsageError(f"the {what} contains {token}, a control token of the model: leave it out")


def without_control_tokens(text: str, tokenizer: Any, placeholders: Sequence[str] = ()) -> str:
    """A text, such as one that a model has made, without what `check_prompt` would refuse in it."""
    control = re.compile("|".join(map(re.escape, _control_tokens(tokenizer, placeholders))))
    while (left := control.sub("", text)) != text:  # what stood on both sides of a token may make up another one
        text = left
    return text


def _control_tokens(tokenizer: Any, placeholders: Sequence[str]) -> list[str]:
    added = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    return sorted({*tokenizer.all_special_tokens, *added, *placeholders} - {""})


def staying_tokens(inputs: PreparedPrompt, keep: Tensor | None) -> Tensor:
    """Where in the prompt the tokens stand that stay, int64 [m]: all text, and the video tokens ``keep`` names."""
    if keep is None:
        return torch.arange(inputs.length)
    video = inputs.video_mask.nonzero()[:, 0]
    keep = keep.cpu()
    if len(keep) and (keep[0] < 0 or keep[-1] >= len(video) or (keep.diff() <= 0).any()):
        raise ValueError(f"keep must be strictly increasing indices below {len(video)}, the number of video tokens")
    stays = ~inputs.video_mask
    stays[video[keep]] = True
    return stays.nonzero()[:, 0]


def check_frames(frames: np.ndarray[Any, Any], times: Sequence[float]) -> None:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
        raise ValueError(f"frames must be uint8 [n, height, width, 3], not {frames.dtype} {list(frames.shape)}")
    if len(times) != len(frames):
        raise ValueError(f"{len(frames)} frames need as many times, not {len(times)}")
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise ValueError("frame times must increase strictly")
