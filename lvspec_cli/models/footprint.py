"""What memory a pair takes for a video, from its configurations alone: before any weight is there, or the video read.

Each model takes three things:

- *weights*: all parameters and buffers of the real model class, as they are loaded (`weight_count`);
- *cache*: layers x 2 (keys, values) x key/value heads x head width x bytes of a number, for every position that there
  is room for: the prompt with its video tokens, and what is reserved behind it (`DecodingOptions.reserve`);
- *activations*: the tensors that the processor makes of the frames, and the fuller of two moments of the prefill, the
  vision tower's or the language model's (`activations`).

The models prefill one after the other, so that of two on one device both weights and both caches count, and the larger
of the activations. Not in it: what a driver takes for itself, the gaps between an allocator's blocks, the one matrix
that some of bitsandbytes' kernels unpack at a time, the whole attention matrices of a vision tower with ``attention:
eager``, and the second copy of float32 weights that makes small models (`lvspec_cli.models.weight`) quick on a CPU,
256 MiB at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Any

from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.models.activations import head_width, prefill_bytes
from lvspec_cli.models.architecture import Architecture, read_architecture, read_processor
from lvspec_cli.models.compiled_stack import CAPACITY_STEP
from lvspec_cli.models.context import ContextUse, known_positions
from lvspec_cli.models.prompt import FrameSize, VideoSize, frames_refused, templated
from lvspec_cli.models.pruning import kept_count
from lvspec_cli.models.quiet import quiet
from lvspec_cli.models.weight_count import WeightCount, count_weights
from lvspec_cli.preset import LARGEST_FRAME_PIXELS, FrameSpec, ModelSpec, Preset, PromptSpec, PruningSpec

# Without a tokenizer the text of a prompt is guessed, rather too long: characters a token, and tokens of a template.
_CHARACTERS_A_TOKEN = 3
_TEMPLATE_TOKENS = 40
_ASPECTS = ((1, 1), (4, 3), (16, 9))  # width to height; rounding decides of which frames most tokens become


@dataclass(frozen=True)
class ModelFootprint:
    """Bytes that one model takes."""

    weight_bytes: int
    cache_bytes: int
    activation_bytes: int  # at the fullest moment of the prefill

    @property
    def total_bytes(self) -> int:
        """All three."""
        return self.weight_bytes + self.cache_bytes + self.activation_bytes


@dataclass(frozen=True)
class PairFootprint:
    """What both models of a pair take for one video."""

    target: ModelFootprint
    draft: ModelFootprint
    frame_count: int
    video_tokens: int  # to the target
    draft_video_tokens: int  # that pruning leaves the draft
    prompt_tokens: int  # of the target, video tokens included
    contexts: tuple[ContextUse, ...] = ()  # what the prompt takes of the positions of target and draft


def estimate_pair(
    preset: Preset,
    frame_count: int | None = None,
    frame_size: tuple[int, int] | None = None,
    *,
    seconds: float = 0.0,
    quoted_tokens: int = 0,
) -> PairFootprint:
    """What a pair takes for a video with the preset's caption prompt.

    ``frame_count``: None for the preset's, which by rate is the most that a video can come to (``frames.max_frames``);
    ``frame_size``: height and width as the video is read, None for the largest frames that the preset takes;
    ``seconds``: its length, by which some families number its frames; ``quoted_tokens``: on top of the prompt.

    Raises ModelError if a configuration is neither on this machine nor known, PresetError if a model is of no known
    family, FramesRefused if a model cannot take frames of this shape, UsageError if its chat template takes no system
    message and there is to be one.
    """
    frames = frame_count or _most_frames(preset.frames)
    reserve = DecodingOptions(draft_tokens=preset.draft_tokens, max_tokens=preset.generation.max_tokens).reserve
    step = CAPACITY_STEP if preset.compile else 1
    models = read_architecture(preset.target, "target"), read_architecture(preset.draft, "draft")
    target, draft = (
        _view(model, preset, frames, frame_size, pruning, quoted_tokens)
        for model, pruning in zip(models, (PruningSpec(), _pruning(preset)), strict=True)
    )
    return PairFootprint(
        target=_footprint(target, reserve, step),
        draft=_footprint(draft, reserve, step),
        frame_count=frames,
        video_tokens=target.video_tokens,
        draft_video_tokens=draft.video_tokens,
        prompt_tokens=target.positions,
        contexts=(target.context("target", seconds), draft.context("draft", seconds)),
    )


def count_parameters(spec: ModelSpec) -> int:
    """The parameters of a model, tied ones counted once. Raises as `estimate_pair`."""
    return _count(read_architecture(spec, "model")).parameters


def _most_frames(frames: FrameSpec) -> int:
    return frames.max_frames if frames.count is None else min(frames.count, frames.max_frames)


def _pruning(preset: Preset) -> PruningSpec:
    """Of the draft's video tokens; a method that lives by pruning brings its own kind where the preset names none."""
    spec = preset.draft_video
    if spec.pruning != "none" or preset.method not in METHODS:
        return spec
    return PruningSpec(METHODS[preset.method].pruning, spec.keep, spec.mass)


@dataclass(frozen=True)
class _View:
    """One model before one video."""

    model: Architecture
    video: VideoSize
    video_tokens: int  # that enter the language model
    text_tokens: int

    @property
    def positions(self) -> int:
        """In the cache."""
        return self.video_tokens + self.text_tokens

    def context(self, role: str, seconds: float) -> ContextUse:
        """Pruning changes nothing in it: what stays keeps its rotary positions."""
        return ContextUse(
            role=role,
            model=self.model.spec.model,
            known=known_positions(self.model.text),
            taken=self.video.positions_over(seconds) + self.text_tokens,
            tokens=self.video.tokens + self.text_tokens,
            video_tokens=self.video.tokens,
        )


def _view(
    model: Architecture,
    preset: Preset,
    frames: int,
    frame_size: tuple[int, int] | None,
    pruning: PruningSpec,
    quoted_tokens: int,
) -> _View:
    processor = read_processor(model.spec)
    sizes = _largest_frames() if frame_size is None else (frame_size,)
    videos = [_video_size(model, processor, preset.frames, frames, height, width) for height, width in sizes]
    video = max(videos, key=lambda size: size.tokens)
    text_tokens = _text_tokens(processor, preset.prompts, model.adapter.time_marks(frames)) + quoted_tokens
    return _View(model, video, kept_count(pruning, video.tokens), text_tokens)


def _largest_frames() -> tuple[tuple[int, int], ...]:
    """(height, width) of the largest frames that videos are read at, some shapes of them."""
    widths = [isqrt(LARGEST_FRAME_PIXELS * width // height) for width, height in _ASPECTS]
    return tuple((LARGEST_FRAME_PIXELS // width, width) for width in widths)


def _video_size(
    model: Architecture, processor: Any, spec: FrameSpec, frames: int, height: int, width: int
) -> VideoSize:
    limits = FrameSize(spec.min_pixels, spec.max_pixels)
    try:
        return model.adapter.video_size(
            model.config, frames, height, width, limits, None if processor is None else processor.video_processor
        )
    except ValueError as error:
        raise frames_refused(height, width, error) from error


def _text_tokens(processor: Any, prompts: PromptSpec, marks: str) -> int:
    """Tokens of a caption's prompt that are not the video's; ``marks``: what is written between those."""
    if processor is None:
        text = prompts.caption + (prompts.system or "") + marks
        return _TEMPLATE_TOKENS + -(-len(text) // _CHARACTERS_A_TOKEN)
    with quiet():
        texts = [templated(processor, prompts.caption, prompts.system), *([marks] if marks else [])]
        tokens = sum(len(processor.tokenizer(text)["input_ids"]) for text in texts)
    return tokens - 1  # what stands for the video is one of them


def _footprint(view: _View, reserve: int, step: int) -> ModelFootprint:
    """``reserve``: positions behind the prompt; ``step``: of the cache's capacity."""
    model, text = view.model, view.model.text
    itemsize = model.dtype.itemsize
    position = text.num_hidden_layers * 2 * text.num_key_value_heads * head_width(text) * itemsize
    return ModelFootprint(
        weight_bytes=_count(model).bytes,
        cache_bytes=position * -(-(view.positions + reserve) // step) * step,
        activation_bytes=_activation_bytes(view, itemsize),
    )


def _activation_bytes(view: _View, itemsize: int) -> int:
    model, text = view.model, view.model.text
    features: int = view.video_tokens * view.video.features * text.hidden_size * itemsize
    vision = view.video.patches * model.adapter.patch_bytes(model.config, itemsize)
    return view.video.input_bytes + max(vision, view.positions * prefill_bytes(text, itemsize) + features)


def _count(model: Architecture) -> WeightCount:
    return count_weights(model.config, model.dtype, model.spec.quantization, model.adapter.unquantized_modules)
