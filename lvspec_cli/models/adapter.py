"""What every family of Video-LLMs does alike: prefill, extend, roll back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from lvspec_cli.decoding.cache import KVCache
from lvspec_cli.decoding.looseness import WatchedLayers
from lvspec_cli.decoding.model import Extension
from lvspec_cli.models.attention import ATTENTION_NAME
from lvspec_cli.models.cache import TransformersCache, cache_argument
from lvspec_cli.models.compiled_stack import CAPACITY_STEP, compiled_stack
from lvspec_cli.models.grounding import GroundingProbe, GroundingSource
from lvspec_cli.models.prompt import (
    EncodedVideo,
    FrameSize,
    PreparedPrompt,
    VideoLayout,
    VideoSize,
    check_frames,
    check_prompt,
    frames_refused,
    staying_tokens,
    templated,
)
from lvspec_cli.models.quiet import quiet
from lvspec_cli.models.text_stack import Rotary, build_text_stack
from lvspec_cli.models.video_attention import VideoAttention
from lvspec_cli.models.watch import Watch

DEFAULT_RESERVE = 512  # positions after the prompt for which the cache has room from the start


class VideoLanguageModel(ABC):
    """One Video-LLM with its processor and its key/value cache; satisfies `lvspec_cli.decoding.model.DecodableModel`.

    A family is a subclass that says how frames and a question become inputs, what the video looks like to the language
    model, and which rotary positions the prompt has. One sequence at a time.
    """

    #: Modules, by the start of their names, that no quantization may touch: all but the language model's layers.
    unquantized_modules: ClassVar[tuple[str, ...]]
    #: Whether `FrameSize` means anything: False for families whose vision tower takes one size.
    any_frame_size: ClassVar[bool]
    #: Packages that the processor needs beside those that lvspec requires, by their import names.
    packages: ClassVar[tuple[str, ...]] = ()
    #: Words that stand for a video or an image in a templated prompt though the tokenizer holds them not to be special.
    placeholders: ClassVar[tuple[str, ...]] = ()
    #: Where the language model is below ``model.model``.
    text_module: ClassVar[str] = "language_model"
    #: What the language model's forward takes for "causal", so that no mask is built.
    causal: ClassVar[Any] = None

    def __init__(
        self,
        model: Any,
        processor: Any,
        vocabulary_size: int,
        frame_size: FrameSize,
        compiled_lengths: Collection[int] = (),
    ) -> None:
        """``model``, ``processor``: as the Auto classes load them; ``vocabulary_size``: of the pair's tokenizer.

        ``compiled_lengths``: numbers of tokens whose passes are to be compiled. Raises ModelError if there are any and
        the layers are not of the kind that can be.
        """
        self.model = model
        self.processor = processor
        self.vocabulary_size = vocabulary_size
        self.frame_size = frame_size
        self._text_model = getattr(model.model, self.text_module)
        self._text_model.set_attn_implementation(ATTENTION_NAME)
        self._embed_tokens = model.get_input_embeddings()
        self._head = model.get_output_embeddings()
        self._entry = self._embed_tokens.weight.device  # of tokens and positions; a model may lie on several devices
        self._stack = build_text_stack(self._text_model)
        if compiled_lengths:
            self._stack = compiled_stack(self._stack, compiled_lengths)
        self._cache = KVCache(len(self._text_model.layers), step=CAPACITY_STEP if compiled_lengths else 1)
        self._past = {cache_argument(self._text_model): TransformersCache(self._cache)}
        self._watch: Watch | None = None
        self._probe: GroundingProbe | None = None
        self._prompt_length = 0  # positions of the prompt in the cache, and its last token
        self._last_position = torch.zeros((1, 1), dtype=torch.int64)  # [..., 1]
        self._rotary: Rotary = (torch.zeros(0), torch.zeros(0))

    @property
    def device(self) -> torch.device:
        """Where the logits are, and the last of the model if it lies on several devices."""
        return self._head.weight.device  # type: ignore[no-any-return]

    @property
    def layer_count(self) -> int:
        """Layers of the language model."""
        return len(self._text_model.layers)

    @property
    def length(self) -> int:
        """Positions now in the cache."""
        return self._cache.length

    @property
    def cache(self) -> KVCache:
        """The keys and values of the current sequence."""
        return self._cache

    def prepare(
        self, frames: np.ndarray[Any, Any], times: Sequence[float], prompt: str, system: str | None = None
    ) -> PreparedPrompt:
        """The inputs for a question about a video, through the chat template and the model's own processor.

        ``frames``: uint8 [n, height, width, 3], RGB; ``times``: n strictly increasing times in seconds, those of the
        frames given; ``system``: a message before the question. Raises UsageError if the prompt is empty, if one of
        the two contains a control token of the model, or if its chat template takes no system message; FramesRefused
        if the processor cannot take frames of this shape; ValueError if frames and times do not fit together.
        """
        check_frames(frames, times)
        check_prompt(prompt, self.processor.tokenizer, self.placeholders, system)
        text = templated(self.processor, prompt, system)
        try:
            with quiet():
                inputs = dict(self._process(text, torch.from_numpy(frames).permute(0, 3, 1, 2), times))
        except ValueError as error:
            raise frames_refused(frames.shape[1], frames.shape[2], error) from error
        token_ids = inputs.pop("input_ids")[0]
        inputs.pop("attention_mask", None)
        return PreparedPrompt(token_ids, token_ids == self.video_token_id, tuple(times), inputs)

    @property
    def video_token_id(self) -> int:
        """The id that marks the places of video tokens in a prompt."""
        return self.processor.video_token_id  # type: ignore[no-any-return]

    @property
    def watched(self) -> Watch | None:
        """What the last pass showed of the video, if anything is watched."""
        return self._watch

    @property
    def grounding(self) -> GroundingSource | None:
        """Where passes read what their positions look at in the video, if they do."""
        return None if self._probe is None else self._probe.source

    def watch(self, layers: WatchedLayers | None, grounding: GroundingSource | None = None) -> None:
        """What passes after the next prefill note of the video, and of where in it they look; None: nothing."""
        if self._probe is not None:  # whose decode may have been left in the middle, its cache as it was
            self._probe.work_out()
        self._watch = None if layers is None else Watch(layers)
        self._probe = None if grounding is None else GroundingProbe(grounding)

    @contextmanager
    def unobserved(self) -> Iterator[None]:
        """Let passes in the block note nothing; afterwards, what was watched is watched again."""
        observers, self._watch, self._probe = (self._watch, self._probe), None, None
        try:
            yield
        finally:
            self._watch, self._probe = observers

    def prepares_like(self, other: VideoLanguageModel) -> bool:
        """Whether `prepare` gives the same for both, so that it need run only once."""
        return (
            type(self) is type(other)
            and self.frame_size == other.frame_size
            and self.processor.to_dict() == other.processor.to_dict()
            and self.processor.chat_template == other.processor.chat_template
        )

    @torch.inference_mode()
    def prefill(
        self,
        inputs: PreparedPrompt,
        reserve: int = DEFAULT_RESERVE,
        keep: Tensor | None = None,
        video_attention: VideoAttention | None = None,
    ) -> int:
        """Encode the video, run all of the prompt but its last token, and return that token's id.

        ``reserve``: positions to make room for after the prompt (new tokens and a draft); more still works, at the cost
        of one copy of the cache. Whatever was in the cache is forgotten; after an error its memory is given back.
        ``keep``: int64 [k], strictly increasing, which of the video tokens enter the language model; None: all. The
        vision tower sees every frame all the same, and every token stands where it would if none were left out.
        ``video_attention``: of this prompt's ``video_mask``, to learn what its text attends to; not with ``keep``.
        Raises ValueError if ``keep`` is not as said, or if both are given.
        """
        if keep is not None and video_attention is not None:
            raise ValueError("attention on the video is that on all of it: give keep or video_attention, not both")
        try:
            self._prefill(inputs, reserve, keep, video_attention)
        except BaseException:
            self._cache.release()
            raise
        return int(inputs.token_ids[-1])

    def _prefill(
        self, inputs: PreparedPrompt, reserve: int, keep: Tensor | None, video_attention: VideoAttention | None
    ) -> None:
        staying = staying_tokens(inputs, keep)
        length = len(staying)
        mask = inputs.video_mask[staying]
        video = self._encode_video(inputs).kept(keep)
        embeddings = self._embed_prompt(inputs.token_ids[staying], mask, video.tokens)
        positions = self.prompt_positions(inputs).to(self._entry)[..., staying.to(self._entry)]
        if self._probe is not None:
            layout = self.video_layout(inputs)
            self._probe.show_video(mask, *(inputs.video_tokens, 0) if layout is None else (layout.places, layout.steps))
        self._cache.clear()
        self._cache.reserve(length + reserve)
        if length > 1:
            with self._watching(mask):
                self._text_model(
                    inputs_embeds=embeddings[None, :-1],
                    position_ids=positions[..., :-1],
                    attention_mask=self.causal,
                    use_cache=True,
                    video_attention=video_attention,
                    **self._deeper(video, mask[:-1]),
                    **self._past,
                )
        self._cache.advance(length - 1)
        self._prompt_length, self._last_position = length, positions[..., -1:]
        self._extend_rotary(reserve)

    def _embed_prompt(self, token_ids: Tensor, mask: Tensor, video: Tensor) -> Tensor:
        """Words and video as the language model takes them, [m, d]: of m tokens, those in the mask are the video's."""
        embeddings: Tensor = self._embed_tokens(token_ids.to(self._entry))
        embeddings[mask.to(self._entry)] = video.to(embeddings)
        return embeddings

    def _deeper(self, video: EncodedVideo, mask: Tensor) -> dict[str, Any]:
        """Arguments by which the language model's forward learns of features for its first layers, if there are any."""
        if not video.deeper:
            return {}
        return {"visual_pos_masks": mask[None], "deepstack_visual_embeds": list(video.deeper)}

    @torch.inference_mode()
    def extend(self, tokens: Tensor) -> Extension:
        """Append n tokens (int64 [n]) in one pass: logits [n, vocabulary_size], and the signals that are watched."""
        try:
            return self._extend(tokens)
        except BaseException:
            self._cache.release()
            raise

    def _extend(self, tokens: Tensor) -> Extension:
        first = self._cache.length - (self._prompt_length - 1)
        last = first + tokens.shape[0]
        if last > self._rotary[0].shape[0]:
            self._extend_rotary(2 * last)
        rotary = self._rotary[0][first:last], self._rotary[1][first:last]
        embeddings, watch, probe = self._embed_tokens(tokens.to(self._entry)), self._watch, self._probe
        for onlooker in (watch, probe):
            if onlooker is not None:
                onlooker.begin()
        hidden = self._stack.run(embeddings, rotary, self._cache, watch, probe)
        self._cache.advance(tokens.shape[0])
        logits = self._head(hidden)[:, : self.vocabulary_size]
        grounding = None if probe is None else probe.attention
        if probe is not None and watch is not None and watch.cosines is not None and probe.source.kind == "cosine":
            grounding = partial(probe.similarity, watch.cosines)
        signals = (None, None) if watch is None else (watch.attention, watch.cosine)
        attention, cosine = (None if signal is None else signal.to(logits.device) for signal in signals)
        return Extension(logits, attention, cosine, grounding)

    def _watching(self, video_mask: Tensor) -> AbstractContextManager[None]:
        if self._watch is None:
            return nullcontext()
        self._watch.show_video(video_mask, self._embed_tokens.weight)
        return self._watch.video_states(self._text_model.layers, video_mask)

    def rollback(self, length: int) -> None:
        """Forget every position from ``length`` on, in O(1); the prompt stays."""
        if length < self._prompt_length - 1:
            raise ValueError(f"cannot roll back to {length}: the prompt holds {self._prompt_length - 1} positions")
        self._cache.rollback(length)

    def _extend_rotary(self, count: int) -> None:
        """Rotary cosines and sines for the last prompt token and the ``count`` tokens after it, computed once.

        Text goes on where the prompt ends, one position a token on every axis, as in transformers' `generate`.
        """
        steps = torch.arange(count + 1, device=self._last_position.device)
        like = self._embed_tokens.weight[:1]  # tells the module which dtype and device to answer in
        cosines, sines = self._text_model.rotary_emb(like, self._last_position + steps)
        self._rotary = self._stack.prepare_rotary(cosines[0], sines[0])

    @classmethod
    @abstractmethod
    def video_size(
        cls, config: Any, frames: int, height: int, width: int, frame_size: FrameSize, video_processor: Any = None
    ) -> VideoSize:
        """What ``frames`` frames of ``height`` x ``width`` pixels come to in a model with this configuration.

        ``video_processor``: the model's own, or None for the family's as transformers makes it. Raises ValueError if
        it cannot take frames of this shape.
        """

    def video_layout(self, inputs: PreparedPrompt) -> VideoLayout | None:
        """How the video tokens of a prompt lie in the video; None: they make no grid."""
        return None

    @classmethod
    @abstractmethod
    def patch_bytes(cls, config: Any, itemsize: int) -> int:
        """Bytes a patch that the vision tower holds at its fullest moment; ``itemsize``: bytes of a number.

        See `lvspec_cli.models.activations`.
        """

    @classmethod
    def time_marks(cls, frames: int) -> str:
        """What the processor writes into the prompt about the times of so many frames; the times are made up."""
        return ""

    def _run_processor(self, text: str, frames: Tensor, **options: Any) -> Mapping[str, Tensor]:
        """The tensors that the model's own processor makes of frames that are already chosen."""
        inputs = self.processor(
            text=[text],
            videos=[frames],
            do_sample_frames=False,
            input_data_format="channels_first",
            return_tensors="pt",
            **options,
        )
        return {name: value for name, value in inputs.items() if isinstance(value, Tensor)}

    @abstractmethod
    def _process(self, text: str, frames: Tensor, times: Sequence[float]) -> Mapping[str, Tensor]:
        """The processor's tensors for a templated prompt and frames uint8 [n, 3, height, width]."""

    @abstractmethod
    def _encode_video(self, inputs: PreparedPrompt) -> EncodedVideo:
        """The video in the language model's space."""

    def prompt_positions(self, inputs: PreparedPrompt) -> Tensor:
        """Rotary positions of the prompt, in the shape the language model takes, positions last: int64 [..., n].

        One after another, [1, n], unless a family knows better.
        """
        return torch.arange(inputs.length, device=self.device)[None]
