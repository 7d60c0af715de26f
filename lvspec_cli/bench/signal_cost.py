"""What a relevance signal costs: a pass of the target that notes it, over one that notes nothing.

The adapter of a prefilled target is copied, not the model: all copies share weights and cache, and each watches for
itself. So passes with and without a signal take turns over the same memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from statistics import median

from lvspec_cli.bench.comparison import interleave, median_ratio
from lvspec_cli.bench.contenders import greedy_options
from lvspec_cli.bench.pruning_memory import random_prompt
from lvspec_cli.bench.report import Goal, Line, Subject
from lvspec_cli.bench.signals import offered_signals
from lvspec_cli.bench.step_cost import stepper
from lvspec_cli.decoding.looseness import Looseness
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.pair import Pair
from lvspec_cli.models.prompt import PreparedPrompt

ROWS = 11  # tokens a pass: ten draft tokens and the last committed one
VIDEO_TOKENS = 8000  # of the long prompt
TURNS = 20
EXTRA_TIME = Goal("under", 0.01)
_PLAIN = "plain"
_NOTHING = "nothing again"  # measured as the signals are: what the clock cannot tell apart


@dataclass(frozen=True)
class PassTimes:
    """Seconds of a pass behind one prompt, turn by turn."""

    video_tokens: int  # in the prompt
    plain: list[float]  # s
    watched: Mapping[str, list[float]]  # signal -> s; one of them is nothing


def long_prompt(pair: Pair, video_tokens: int = VIDEO_TOKENS) -> PreparedPrompt:
    """A question to the target about noise that becomes so many video tokens, a multiple of 100."""
    return random_prompt(copy(pair.target), video_tokens)  # a copy, because the size of its frames is changed


def measure_signals(pair: Pair, looseness: Looseness, prompt: PreparedPrompt, turns: int = TURNS) -> PassTimes:
    """Let passes behind a prompt take turns, with nothing watched and with each signal that the pair offers."""
    signals = offered_signals(looseness, pair.calibration)
    steps = {signal: stepper(_watching(pair, looseness, prompt, signal), ROWS) for signal in signals}
    pair.target.watch(None)
    plain = stepper(pair.target, ROWS)
    times = interleave({_PLAIN: plain, **steps, _NOTHING: plain}, range(turns))
    return PassTimes(prompt.video_tokens, times.pop(_PLAIN), times)


def signal_subject(all_times: Sequence[PassTimes]) -> Subject:
    """All signals behind all prompts."""
    return Subject(
        f"What a signal adds to a target pass over {ROWS} tokens",
        tuple(_line(times, signal) for times in all_times for signal in times.watched),
        "Median over turns of the time of a watched pass over a plain one, less 1. Nothing again is a plain one: what"
        " it differs by is noise. Judging by a signal is the engine's time.",
    )


def _watching(pair: Pair, looseness: Looseness, prompt: PreparedPrompt, signal: str) -> VideoLanguageModel:
    """The target behind a prompt, watching what a signal is read from."""
    pair.ready_for(greedy_options(pair, 1, "lvspec", ROWS - 1, replace(looseness, relevance=signal)))
    pair.target.prefill(prompt)
    return copy(pair.target)


def _line(times: PassTimes, signal: str) -> Line:
    watched = times.watched[signal]
    return Line(
        f"{signal}, {times.video_tokens} video tokens",
        median_ratio(watched, times.plain) - 1,
        "%",
        None if signal == _NOTHING else EXTRA_TIME,
        f"{1000 * median(watched):.2f} / {1000 * median(times.plain):.2f} ms",
    )
