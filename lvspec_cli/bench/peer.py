"""Hugging Face `generate` as a contender: the same weights in its own hands.

The models are loaded a second time, so that transformers runs with its own attention (SDPA), its own contiguous weights
and its own dynamic cache, as for anybody who calls it. Every call gets the prepared tensors that our adapter gets, the
same number format, threads, stop tokens and length limit, and a generation configuration with nothing else in it.

`generate` does not tell its prefill from its decoding, so a streamer notes when tokens arrive. The first arrival ends
the prefill (in assisted generation, of both models, and of the first draft and its verification); the decode time runs
from there to the last arrival and is divided by the tokens that came after the first arrival. What `generate` does
before and after counts in the end-to-end time only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.comparison import Run
from lvspec_cli.errors import UsageError
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.pair import Pair
from lvspec_cli.models.prompt import PreparedPrompt
from lvspec_cli.models.quiet import quiet
from lvspec_cli.models.weights_on_disk import folder_of
from lvspec_cli.preset import ModelSpec, Preset


@dataclass(frozen=True)
class Assistance:
    """How assisted generation drafts; None leaves a setting to transformers."""

    name: str
    draft_tokens: int | None = None  # proposed a round, at first
    schedule: str | None = None  # constant, or heuristic: 2 more after a full success, 1 less otherwise
    confidence_threshold: float | None = None  # stop drafting below this probability; 0: never

    def apply(self, settings: Any) -> None:
        """Write into a generation configuration what is not left to transformers."""
        chosen = {
            "num_assistant_tokens": self.draft_tokens,
            "num_assistant_tokens_schedule": self.schedule,
            "assistant_confidence_threshold": self.confidence_threshold,
        }
        for key, value in chosen.items():
            if value is not None:
                setattr(settings, key, value)


def assistances(draft_lengths: Sequence[int]) -> tuple[Assistance, ...]:
    """The settings to try: transformers' own, its schedule without the confidence threshold, and fixed lengths."""
    return (
        Assistance("as it comes"),
        Assistance("heuristic from 5", 5, "heuristic", 0.0),
        *map(constant_assistance, draft_lengths),
    )


def constant_assistance(draft_tokens: int) -> Assistance:
    """Always as many draft tokens, however unsure the draft is: what our engine does."""
    return Assistance(f"constant {draft_tokens}", draft_tokens, "constant", 0.0)


@dataclass(frozen=True)
class PeerPair:
    """Both models as transformers loads them."""

    target: Any
    draft: Any


def load_peer(pair: Pair, preset: Preset) -> PeerPair:
    """A second copy of a loaded pair. Raises UsageError for a quantized one."""
    assert pair.draft is not None  # the bench loads pairs with their draft
    return PeerPair(load_plain(pair.target, preset.target), load_plain(pair.draft, preset.draft))


def load_plain(model: VideoLanguageModel, spec: ModelSpec) -> Any:
    """A model's second copy, as transformers makes it by default, in the first one's number format and place."""
    if spec.quantization != "none":
        raise UsageError(f"{spec.model} is quantized: the bench compares with transformers on unquantized pairs only")
    kind: Any = type(model.model)
    with quiet():
        copy = kind.from_pretrained(str(folder_of(spec)), dtype=model.model.dtype, use_safetensors=True)
    # What a call leaves open is filled in from here: a repetition penalty, say, that our engine does not apply.
    copy.generation_config = type(copy.generation_config)()
    return copy.to(model.device).eval()


def model_inputs(model: VideoLanguageModel, prepared: PreparedPrompt) -> dict[str, Tensor]:
    """A prompt that a model prepared as the keyword arguments of its transformers class, with the same positions."""
    token_ids = prepared.token_ids[None]
    inputs = {"input_ids": token_ids, "attention_mask": torch.ones_like(token_ids), **prepared.tensors}
    inputs["position_ids"] = model.prompt_positions(prepared)
    return {name: tensor.to(model.device) for name, tensor in inputs.items()}


class Arrivals:
    """A streamer that notes when how many tokens arrive: all it does is read the clock."""

    def __init__(self) -> None:
        self.times: list[float] = []  # s, one an arrival; the prompt arrives first
        self.counts: list[int] = []  # tokens

    def put(self, tokens: Tensor) -> None:
        """Called by `generate` with the prompt, then with every round's tokens on the CPU."""
        self.times.append(perf_counter())
        self.counts.append(tokens.numel())

    def end(self) -> None:
        """Called by `generate` when it is done."""


class PeerContender:
    """`generate`, with an assistant model or without; called with a clip, it answers."""

    def __init__(self, pair: Pair, peer: PeerPair, max_tokens: int, assistance: Assistance | None = None) -> None:
        """``pair``: the pair that ``peer`` is the second copy of, whose target prepared the clips."""
        self._ours = pair.target
        self._peer = peer
        settings: Any = type(peer.target.generation_config)
        stops = sorted(pair.stop_tokens)
        self._settings = settings(
            do_sample=False, max_new_tokens=max_tokens, eos_token_id=stops, pad_token_id=stops[0] if stops else None
        )
        self._assistant_settings = settings()  # kept from call to call: some schedules learn
        if assistance is not None:
            assistance.apply(self._assistant_settings)
        self._assisted = assistance is not None

    def __call__(self, clip: BenchClip) -> Run:
        """Answer; see the head of this file for what the clocks take in."""
        inputs = model_inputs(self._ours, clip.target)
        options: dict[str, Any] = {"generation_config": self._settings, "streamer": (arrivals := Arrivals())}
        if self._assisted:
            self._peer.draft.generation_config = self._assistant_settings
            options["assistant_model"] = self._peer.draft
        with torch.inference_mode(), quiet():
            started = perf_counter()
            output = self._peer.target.generate(**inputs, **options)
            ended = perf_counter()
        tokens = tuple(output[0, clip.target.length :].tolist())
        return read_run(tokens, arrivals, clip.input_seconds + ended - started)


def read_run(tokens: tuple[int, ...], arrivals: Arrivals, total_seconds: float) -> Run:
    """What a call's tokens and arrivals come to."""
    _, first, *_ = arrivals.times
    return Run(
        tokens=tokens,
        num_rounds=len(arrivals.times) - 1,
        decode_tokens=sum(arrivals.counts[2:]),
        decode_seconds=arrivals.times[-1] - first,
        total_seconds=total_seconds,
    )
