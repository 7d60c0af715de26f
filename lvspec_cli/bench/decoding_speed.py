"""Decoding: `strict` over `ar` in our engine, and our engine over Hugging Face `generate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.comparison import (
    Run,
    Runs,
    acceptance_length,
    decode_speed,
    equal_outputs,
    interleave,
    total_speed,
)
from lvspec_cli.bench.contenders import EngineContender, greedy_options
from lvspec_cli.bench.peer import Assistance, PeerContender, PeerPair, assistances
from lvspec_cli.bench.report import Goal, Line, Subject
from lvspec_cli.models.pair import Pair

AR = "ar"
PLAIN = "generate"
STRICT_OVER_AR = Goal("at least", 1.6)
STRICT_OVER_ASSISTED = Goal("at least", 3.0)
ALL_EQUAL = Goal("at least", 1.0)


@dataclass(frozen=True)
class Workload:
    """What every contender answers."""

    clips: Sequence[BenchClip]
    max_tokens: int  # a clip, at most
    draft_lengths: tuple[int, ...]  # tokens a round, one strict contender each


def strict_name(draft_tokens: int) -> str:
    """The name of the strict contender with this draft length."""
    return f"strict, {draft_tokens} draft tokens"


def assisted_name(assistance: Assistance) -> str:
    """The name of the assisted contender."""
    return f"assisted, {assistance.name}"


def measure_decoding(pair: Pair, peer: PeerPair | None, work: Workload, on_clip: Callable[[int], None]) -> Runs:
    """Let all contenders answer all clips in turn; the first clip is answered once more beforehand, uncounted."""
    contenders: dict[str, Callable[[BenchClip], Run]] = {**_own_contenders(pair, work)}
    if peer is not None:
        contenders |= _peer_contenders(pair, peer, work)
    interleave(contenders, work.clips[:1])
    return interleave(contenders, work.clips, on_clip)


def best_draft_length(runs: Runs, lengths: Sequence[int]) -> int:
    """The draft length at which strict decodes fastest."""
    return max(lengths, key=lambda length: decode_speed(runs, strict_name(length), AR))


def engine_subject(runs: Runs, lengths: Sequence[int]) -> Subject:
    """`strict` at every draft length over `ar`."""
    best = best_draft_length(runs, lengths)
    count = len(runs[AR])
    sweep = [
        Line(f"{strict_name(length)} / ar", decode_speed(runs, strict_name(length), AR), note=_rounds(runs, length))
        for length in lengths
    ]
    return Subject(
        "Decoding speed, strict over ar",
        (
            Line("ar, one token", _per_token(runs, AR), "ms"),
            *sweep,
            _best_line(runs, best),
            Line("strict / ar, end to end", total_speed(runs, strict_name(best), AR), note=f"{best} draft tokens"),
            _equality(runs, AR, [strict_name(length) for length in lengths], "strict equal to ar", ALL_EQUAL),
        ),
        f"Medians over {count} clips. Decode: prefill of both models excluded. "
        "End to end: reading the file, preparing, prefill and decode.",
    )


def peer_subject(runs: Runs, lengths: Sequence[int]) -> Subject:
    """`strict` over assisted generation, each at its best setting, and `ar` over plain `generate`."""
    strict = strict_name(best_draft_length(runs, lengths))
    assisted = [assisted_name(assistance) for assistance in assistances(lengths)]
    best = max(assisted, key=lambda name: decode_speed(runs, name, PLAIN))
    best_total = max(assisted, key=lambda name: total_speed(runs, name, PLAIN))
    return Subject(
        "Against Hugging Face generate",
        (
            Line("generate, one token", _per_token(runs, PLAIN), "ms"),
            *(_assisted_line(runs, name) for name in assisted),
            Line(
                "strict / assisted, each at its best",
                decode_speed(runs, strict, best),
                goal=STRICT_OVER_ASSISTED,
                note=f"{strict} / {best}",
            ),
            Line(
                "strict / assisted, end to end", total_speed(runs, strict, best_total), note=f"{strict} / {best_total}"
            ),
            Line("ar / generate", decode_speed(runs, AR, PLAIN)),
            Line("ar / generate, end to end", total_speed(runs, AR, PLAIN)),
            _equality(runs, AR, [PLAIN], "generate equal to ar"),
            _equality(runs, PLAIN, assisted, "assisted equal to generate"),
        ),
        "Decode of generate: from the first arrival of tokens at a streamer to the last, over the tokens in between: "
        "prefill and first round are excluded. Same weights, clips, prompts, number format and threads.",
    )


def _own_contenders(pair: Pair, work: Workload) -> Mapping[str, EngineContender]:
    strict = {
        strict_name(length): EngineContender(pair, greedy_options(pair, work.max_tokens, "strict", length))
        for length in work.draft_lengths
    }
    return {AR: EngineContender(pair, greedy_options(pair, work.max_tokens, AR)), **strict}


def _peer_contenders(pair: Pair, peer: PeerPair, work: Workload) -> Mapping[str, PeerContender]:
    assisted = {
        assisted_name(assistance): PeerContender(pair, peer, work.max_tokens, assistance)
        for assistance in assistances(work.draft_lengths)
    }
    return {PLAIN: PeerContender(pair, peer, work.max_tokens), **assisted}


def _assisted_line(runs: Runs, name: str) -> Line:
    note = f"{acceptance_length(runs, name):.2f} tokens a round"
    return Line(f"{name} / generate", decode_speed(runs, name, PLAIN), note=note)


def _equality(runs: Runs, reference: str, others: Sequence[str], name: str, goal: Goal | None = None) -> Line:
    equal = sum(equal_outputs(runs, reference, other) for other in others)
    count = len(others) * len(runs[reference])
    return Line(name, equal / count, "%", goal, f"{equal} of {count} answers, token for token")


def _best_line(runs: Runs, draft_tokens: int) -> Line:
    speed = decode_speed(runs, strict_name(draft_tokens), AR)
    return Line("strict / ar at its best", speed, goal=STRICT_OVER_AR, note=f"{draft_tokens} draft tokens")


def _rounds(runs: Runs, length: int) -> str:
    return f"{acceptance_length(runs, strict_name(length)):.2f} tokens a round"


def _per_token(runs: Runs, name: str) -> float:
    return median(run.seconds_per_token for run in runs[name] if run.seconds_per_token is not None)
