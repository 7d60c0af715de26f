"""The engine's own time: what a decode spends outside the models' forward passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import median

from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.comparison import interleave
from lvspec_cli.bench.contenders import EngineContender, greedy_options
from lvspec_cli.bench.decoding_speed import AR, Workload, strict_name
from lvspec_cli.bench.report import Goal, Line, Subject
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.overhead import Overhead, measure_overhead
from lvspec_cli.models.pair import Pair

ENGINE_SHARE = Goal("under", 0.05)


def engine_time_subject(pair: Pair, work: Workload, draft_tokens: int) -> Subject:
    """The engine's share of the decode time of `ar` and of `strict`, the loop detector included."""
    options = {
        AR: greedy_options(pair, work.max_tokens, AR),
        strict_name(draft_tokens): greedy_options(pair, work.max_tokens, "strict", draft_tokens),
    }
    measures = {name: _measure(pair, replace(each, detect_repetition=True)) for name, each in options.items()}
    interleave(measures, work.clips[:1])
    found = interleave(measures, work.clips)
    lines = tuple(
        Line(
            name,
            median(overhead.share for overhead in overheads),
            "%",
            ENGINE_SHARE,
            f"{1e6 * median(overhead.seconds_per_round for overhead in overheads):.0f} us a round",
        )
        for name, overheads in found.items()
    )
    return Subject("Engine time outside model forwards, of decode time", lines)


def _measure(pair: Pair, options: DecodingOptions) -> Callable[[BenchClip], Overhead]:
    contender = EngineContender(pair, options)

    def measure(clip: BenchClip) -> Overhead:
        first_token = contender.prefill(clip)
        return measure_overhead(contender.target, contender.draft, options, first_token, contender.knowledge)

    return measure
