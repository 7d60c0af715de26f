"""What limits a chain of drafts: the cost of a draft step and of verifying, in steps of the target.

With c the draft step over the target step, v(n) a target pass over n tokens over the target step, and t the mean
acceptance length at g draft tokens, `strict` runs t / (g c + v(g + 1)) times as fast as `ar`, overhead aside
(Leviathan et al., arXiv 2211.17192, section 3.3, where v is 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch

from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.comparison import interleave, median_ratio, timed
from lvspec_cli.bench.report import Line, Subject
from lvspec_cli.decoding.clock import wait_for
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.pair import Pair

TURNS = 30
REPEATS = 5  # steps a turn


@dataclass(frozen=True)
class StepCosts:
    """Costs with the clip's prompt in the caches."""

    target_seconds: float  # s, a pass of the target over one token
    draft_ratio: float  # c: a draft step over that
    verify_ratios: dict[int, float]  # v: tokens of a pass of the target -> its cost over that


def measure_steps(pair: Pair, clip: BenchClip, widths: tuple[int, ...]) -> StepCosts:
    """Time draft steps and target passes over 1 and over each of ``widths`` tokens, in turns."""
    assert pair.draft is not None  # the bench loads pairs with their draft
    pair.target.prefill(clip.target)
    pair.draft.prefill(clip.draft)
    actions: dict[str, Callable[[int], float]] = {"draft": stepper(pair.draft, 1)}
    actions |= {str(width): stepper(pair.target, width) for width in (1, *widths)}
    times = interleave(actions, range(TURNS))
    return StepCosts(
        target_seconds=median(times["1"]),
        draft_ratio=median_ratio(times["draft"], times["1"]),
        verify_ratios={width: median_ratio(times[str(width)], times["1"]) for width in widths},
    )


def predicted_speed(costs: StepCosts, draft_tokens: int, acceptance_length: float) -> float:
    """What `strict` over `ar` would be without engine overhead; v of draft_tokens + 1 must have been measured."""
    return acceptance_length / (draft_tokens * costs.draft_ratio + costs.verify_ratios[draft_tokens + 1])


def step_subject(costs: StepCosts, draft_tokens: int, acceptance_length: float) -> Subject:
    """The costs, and what they allow at a draft length."""
    passes = [Line(f"target pass, {width} tokens / 1", ratio) for width, ratio in costs.verify_ratios.items()]
    predicted = predicted_speed(costs, draft_tokens, acceptance_length)
    return Subject(
        "What limits strict",
        (
            Line("target step", costs.target_seconds, "ms"),
            Line("draft step / target step (c)", costs.draft_ratio, note="0.08 to 0.2 in real pairs"),
            *passes,
            Line(f"so strict / ar at {draft_tokens}", predicted, note=f"at {acceptance_length:.2f} tokens a round"),
        ),
        "Medians over turns, with one clip's prompt in the caches.",
    )


def stepper(model: VideoLanguageModel, width: int) -> Callable[[int], float]:
    """Seconds of a pass over so many tokens behind what is in the cache, once more at every call; one goes ahead."""
    tokens = torch.full((width,), 1, dtype=torch.int64)
    action = partial(_step, model, tokens)
    action()
    return lambda turn: timed(action, REPEATS)


@torch.inference_mode()
def _step(model: VideoLanguageModel, tokens: torch.Tensor) -> None:
    """One pass with its greedy choice, taken back."""
    length = model.length
    model.extend(tokens).logits.argmax(dim=-1)
    wait_for(model.device)
    model.rollback(length)
