"""The engine's own time: what a decode spends outside the models' forward passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import median

from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.comparison import interleave
from lvspec_cli.bench.contenders import NO_PRUNING, EngineContender, greedy_options
from lvspec_cli.bench.decoding_speed import AR, Workload, strict_name
from lvspec_cli.bench.report import Goal, Line, Subject
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.overhead import Overhead, measure_overhead
from lvspec_cli.models.pair import Pair
from lvspec_cli.plan import Plan
from lvspec_cli.preset import PruningSpec

ENGINE_SHARE = Goal("under", 0.05)


def engine_time_subject(pair: Pair, work: Workload, draft_tokens: int, lvspec: Plan) -> Subject:
    """The engine's share of the decode time of `ar`, `strict` and `lvspec`, the loop detector included.

    ``draft_tokens``: of `strict`; ``lvspec``: how the preset would have `lvspec` decode.
    """
    own = lvspec.decode
    chosen = greedy_options(pair, work.max_tokens, "lvspec", own.draft_tokens, own.looseness)
    measures = {
        AR: _measure(pair, greedy_options(pair, work.max_tokens, AR)),
        strict_name(draft_tokens): _measure(pair, greedy_options(pair, work.max_tokens, "strict", draft_tokens)),
        f"lvspec, {own.draft_tokens} draft tokens": _measure(pair, chosen, lvspec.pruning),
    }
    interleave(measures, work.clips[:1])
    found = interleave(measures, work.clips)
    return Subject(
        "Engine time outside model forwards, of decode time",
        tuple(_line(name, overheads) for name, overheads in found.items()),
        "Judging tokens counts as the engine's; what a target's pass notes for it, as the model's (see signals).",
    )


def _measure(
    pair: Pair, options: DecodingOptions, pruning: PruningSpec = NO_PRUNING
) -> Callable[[BenchClip], Overhead]:
    options = replace(options, detect_repetition=True)
    contender = EngineContender(pair, options, pruning)

    def measure(clip: BenchClip) -> Overhead:
        first_token = contender.prefill(clip)
        return measure_overhead(contender.target, contender.draft, options, first_token, contender.knowledge)

    return measure


def _line(name: str, overheads: list[Overhead]) -> Line:
    return Line(
        name,
        median(overhead.share for overhead in overheads),
        "%",
        ENGINE_SHARE,
        f"{1e6 * median(overhead.seconds_per_round for overhead in overheads):.0f} us a round",
    )
