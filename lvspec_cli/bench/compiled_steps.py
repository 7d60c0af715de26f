"""What `compile: true` brings: passes of a compiled pair and of the same pair as it is, in turns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter

from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.comparison import interleave, median_ratio
from lvspec_cli.bench.report import Line, Subject
from lvspec_cli.bench.step_cost import stepper
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.pair import Pair, load_pair
from lvspec_cli.models.prompt import PreparedPrompt
from lvspec_cli.preset import Preset

DRAFT_TOKENS = 5  # a round, of the target's pass over a chain
TURNS = 30


@dataclass(frozen=True)
class PassPair:
    """One pass in both forms, turn by turn."""

    name: str
    compiled: list[float]  # s
    plain: list[float]  # s
    first_seconds: float  # s, of the first compiled pass: mostly the compiler


def measure_compiled(pair: Pair, preset: Preset, clip: BenchClip) -> list[PassPair]:
    """Load the pair of a preset once more, compiled, and let passes of both take turns behind one clip's prompt.

    Raises PresetError or ModelError where the pair cannot be compiled.
    """
    fast = load_pair(replace(preset, compile=True, draft_tokens=DRAFT_TOKENS))
    assert pair.draft is not None
    assert fast.draft is not None
    chain = DRAFT_TOKENS + 1
    return [
        compare("draft step", fast.draft, pair.draft, clip.draft, 1),
        compare("target step", fast.target, pair.target, clip.target, 1),
        compare(f"target pass, {chain} tokens", fast.target, pair.target, clip.target, chain),
    ]


def compare(
    name: str,
    compiled: VideoLanguageModel,
    plain: VideoLanguageModel,
    prompt: PreparedPrompt,
    width: int,
    turns: int = TURNS,
) -> PassPair:
    """Time a pass over ``width`` tokens of a model in both forms."""
    for model in (plain, compiled):
        model.watch(None)
        model.prefill(prompt)
    started = perf_counter()
    step = stepper(compiled, width)
    first = perf_counter() - started
    times = interleave({"compiled": step, "plain": stepper(plain, width)}, range(turns))
    return PassPair(name, times["compiled"], times["plain"], first)


def compile_subject(passes: list[PassPair]) -> Subject:
    """All passes, as speed of the compiled one over the plain one."""
    return Subject(
        "What compiling brings",
        tuple(map(_line, passes)),
        "Speed: medians over turns of the plain pass's time over the compiled one's. First: the pass that is compiled.",
    )


def _line(each: PassPair) -> Line:
    times = f"{1000 * median(each.compiled):.2f} / {1000 * median(each.plain):.2f} ms"
    ratio = median_ratio(each.plain, each.compiled)
    return Line(f"{each.name}, compiled over plain", ratio, note=f"{times}; first {each.first_seconds:.0f} s")
