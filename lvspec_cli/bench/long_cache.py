"""One decode step with a long video in the cache: our cache against transformers' dynamic cache.

A step's cost does not depend on what the cached keys and values are, so the thousands of video positions are filled
with the same random numbers on both sides, behind a real prompt; that both sides then give the same logits is checked.
Both sides take real steps, one token after another, so both caches grow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lvspec_cli.bench.comparison import interleave, median_ratio, timed
from lvspec_cli.bench.peer import model_inputs
from lvspec_cli.bench.report import Goal, Line, Subject
from lvspec_cli.decoding.clock import wait_for
from lvspec_cli.demo.architecture import FRAME_COUNT, FRAME_SIZE, Size, build_model, build_processor
from lvspec_cli.demo.tokenizer import train_tokenizer
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.cache import cache_argument
from lvspec_cli.models.families import family_class
from lvspec_cli.models.prompt import FrameSize

VIDEO_POSITIONS = 8000
TURNS = 15
STEPS = 8  # a turn; in the first the processor's caches still hold what the other side left there
STEP_OVER_DYNAMIC = Goal("at most", 0.6)
LARGEST_DIFFERENCE = 1e-3  # of logits of the order of 1, in float32

# Language models of the sizes that surround the demo pair, with random weights; the vision tower plays no part.
SIZES = (
    Size(8, 512, 1408, 8, 2, 1, 64, 128, 2),
    Size(4, 1024, 2816, 16, 4, 1, 64, 128, 2),
)


@dataclass(frozen=True)
class Case:
    """One model twice: behind our adapter, and as transformers has it."""

    name: str
    ours: VideoLanguageModel
    plain: Any


@dataclass(frozen=True)
class Steps:
    """Seconds of one step in every turn, and how far the logits of both sides lie apart."""

    ours: list[float]  # s
    plain: list[float]  # s
    difference: float  # largest absolute difference of logits


def random_cases(sizes: tuple[Size, ...] = SIZES) -> Iterator[Case]:
    """Models of the given sizes with random weights, one at a time."""
    tokenizer = train_tokenizer()
    processor = build_processor(tokenizer)
    for size in sizes:
        torch.manual_seed(0)
        model: Any = build_model(size, tokenizer)
        model.eval()
        plain = deepcopy(model)
        ours = family_class(model.config.model_type)(model, processor, len(tokenizer), FrameSize())
        yield Case(_size_name(model), ours, plain)


def pair_case(ours: VideoLanguageModel, plain: Any) -> Case:
    """A loaded model and its second copy."""
    return Case(f"the preset's target: {_size_name(ours.model)}", ours, plain)


def measure_case(case: Case, positions: int = VIDEO_POSITIONS) -> Steps:
    """Fill both caches and take steps in turns."""
    with torch.inference_mode():
        own_step, plain_step = _filled(case, positions)
        difference = float((own_step() - plain_step()).abs().max())

        def turn(step: Callable[[], Tensor]) -> Callable[[int], float]:
            return lambda index: timed(step, STEPS)

        times = interleave({"ours": turn(own_step), "plain": turn(plain_step)}, range(TURNS))
    return Steps(times["ours"], times["plain"], difference)


def long_cache_line(case: Case, steps: Steps) -> Line:
    """Our step over theirs. Raises RuntimeError if both sides did not compute the same."""
    if not steps.difference < LARGEST_DIFFERENCE:
        raise RuntimeError(f"{case.name}: the logits of both caches differ by {steps.difference:.2g}")
    note = f"{1000 * median(steps.ours):.1f} / {1000 * median(steps.plain):.1f} ms"
    return Line(case.name, median_ratio(steps.ours, steps.plain), goal=STEP_OVER_DYNAMIC, note=note)


def long_cache_subject(lines: tuple[Line, ...]) -> Subject:
    """All models together."""
    return Subject(
        f"One decode step with {VIDEO_POSITIONS} video tokens cached, our cache over transformers' DynamicCache",
        lines,
        f"Medians of {TURNS} turns of {STEPS} steps each; theirs through the model's own forward with SDPA attention.",
    )


def _filled(case: Case, positions: int) -> tuple[Callable[[], Tensor], Callable[[], Tensor]]:
    """A step over our cache and one over theirs, both returning logits [vocabulary]."""
    frames = np.zeros((FRAME_COUNT, FRAME_SIZE, FRAME_SIZE, 3), dtype=np.uint8)
    prompt = case.ours.prepare(frames, tuple(range(FRAME_COUNT)), "Describe this video.")
    last = torch.tensor([case.ours.prefill(prompt, reserve=positions + 2 * TURNS * STEPS)], device=case.ours.device)
    inputs = model_inputs(case.ours, prompt)
    name = cache_argument(case.plain)
    past = case.plain(**inputs, use_cache=True)[name]
    position = inputs["position_ids"][..., -1:] + positions
    past.crop(-1)  # the prompt's last token is fed by the first step
    _fill(case.ours, past, positions)

    def own_step() -> Tensor:
        logits = case.ours.extend(last).logits[0]
        wait_for(case.ours.device)
        return logits

    def plain_step() -> Tensor:
        output = case.plain(
            input_ids=last[None], position_ids=position, logits_to_keep=1, use_cache=True, **{name: past}
        )
        wait_for(case.ours.device)
        return output.logits[0, -1, : case.ours.vocabulary_size]  # type: ignore[no-any-return]

    return own_step, plain_step


def _fill(ours: VideoLanguageModel, past: Any, positions: int) -> None:
    """Append the same random keys and values to every layer of both caches."""
    generator = torch.Generator().manual_seed(0)
    for index, layer in enumerate(past.layers):
        shape = (1, layer.keys.shape[1], positions, layer.keys.shape[3])
        keys, values = (torch.randn(shape, generator=generator).to(layer.keys) for _ in range(2))
        ours.cache.update(keys, values, index)
        past.update(keys, values, index)
    ours.cache.advance(positions)


def _size_name(model: Any) -> str:
    config = model.config.get_text_config()
    return (
        f"{config.num_hidden_layers} layers, hidden {config.hidden_size}, "
        f"{config.num_attention_heads} heads, {config.num_key_value_heads} kv"
    )
