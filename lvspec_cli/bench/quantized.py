"""What a target in 4 bits costs and saves: its size, its step, and how near its captions are to those in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import mean
from typing import Any

from torch import nn

from lvspec_cli.bench.arena import Arena
from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.comparison import interleave, median_ratio
from lvspec_cli.bench.contenders import EngineContender, greedy_options
from lvspec_cli.bench.quality import Quality, judge
from lvspec_cli.bench.report import Line, Subject
from lvspec_cli.bench.step_cost import stepper
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.pair import Pair, load_pair
from lvspec_cli.preset import Preset

KIND = "nf4"
TURNS = 30
ROWS = (1, 6)  # tokens of the passes that are timed


@dataclass(frozen=True)
class QuantizedTarget:
    """A target in fewer bits beside the same target in full."""

    layer_bytes: tuple[int, int]  # of the decoder layers' linear weights: in fewer bits, in full
    seconds: dict[int, tuple[list[float], list[float]]]  # tokens of a pass -> s turn by turn: in fewer bits, in full
    qualities: tuple[Quality, ...]  # of its captions, the target's in full being the reference
    whole: tuple[Quality, ...]  # of the target's in full, likewise


def measure_quantized(
    pair: Pair, preset: Preset, clips: Sequence[BenchClip], max_tokens: int, turns: int = TURNS
) -> QuantizedTarget:
    """Load the target once more in 4 bits, let both caption the clips greedily, and time their passes in turns.

    Raises PresetError where the packages for it are missing.
    """
    few = load_pair(replace(preset, target=replace(preset.target, quantization=KIND)), with_draft=False)
    answers = [
        [
            Arena(each, preset, max_tokens).answer(EngineContender(each, greedy_options(each, max_tokens, "ar"))(clip))
            for clip in clips
        ]
        for each in (few, pair)
    ]
    qualities = [
        tuple(
            judge(answer, reference, clip.truth) for answer, reference, clip in zip(own, answers[1], clips, strict=True)
        )
        for own in answers
    ]
    for each in (few, pair):
        each.target.prefill(clips[0].target)
    seconds = {}
    for rows in ROWS:
        steppers = {"few": stepper(few.target, rows), "whole": stepper(pair.target, rows)}
        times = interleave(steppers, range(turns))
        seconds[rows] = times["few"], times["whole"]
    sizes = tuple(linear_bytes(each.target) for each in (few, pair))
    return QuantizedTarget((sizes[0], sizes[1]), seconds, qualities[0], qualities[1])


def linear_bytes(model: VideoLanguageModel) -> int:
    """Bytes of the weights of the decoder layers' linear modules, with the constants that quantized ones need."""
    layers: Any = getattr(model.model.model, model.text_module).layers
    return sum(_weight_bytes(module.weight) for module in layers.modules() if isinstance(module, nn.Linear))


def _weight_bytes(weight: Any) -> int:
    state = getattr(weight, "quant_state", None)
    if state is None:
        return int(weight.nbytes)
    nested = () if state.state2 is None else (state.offset, state.state2.absmax)
    return int(weight.nbytes + state.absmax.nbytes + sum(part.nbytes for part in nested))


def quantized_subject(found: QuantizedTarget) -> Subject:
    """Size, speed and fidelity."""
    few, whole = found.layer_bytes
    passes = [
        Line(f"pass over {rows} tokens, {KIND} over full", median_ratio(*times))
        for rows, times in found.seconds.items()
    ]
    return Subject(
        f"The target in 4 bits ({KIND})",
        (
            Line(
                "weights of the decoder layers' linear modules over full", few / whole, "%", note=f"{few} of {whole} B"
            ),
            *passes,
            Line(
                "attributes named right",
                _share_right(found.qualities),
                "%",
                note=f"full: {_share_right(found.whole):.1%}",
            ),
            Line("tokens that agree with the full target's", mean(q.token_agreement for q in found.qualities), "%"),
            Line("captions equal to the full target's", mean(q.equal for q in found.qualities), "%"),
        ),
        "Greedy captions of the target alone; passes in turns, medians, the time of one over that of the other.",
    )


def _share_right(qualities: Sequence[Quality]) -> float:
    named = [right for quality in qualities for right in (quality.right or {}).values()]
    return mean(named) if named else float("nan")
