"""Taking turns and comparing: the arithmetic of a fair measurement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TypeVar

from lvspec_cli.bench.tally import Tally
from lvspec_cli.errors import LvspecError

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Run:
    """One answer about one clip by one contender."""

    tokens: tuple[int, ...]  # vocabulary indices, a final stop token included
    num_rounds: int  # passes of the target that committed tokens
    decode_tokens: int  # tokens committed in `decode_seconds`
    decode_seconds: float  # s, prefill excluded
    total_seconds: float  # s, from the video file to the last token
    tally: Tally | None = None  # of the rounds; None where the contender does not tell

    @property
    def seconds_per_token(self) -> float | None:
        """Decode time a token; None if nothing was decoded after the prefill."""
        return self.decode_seconds / self.decode_tokens if self.decode_tokens else None

    @property
    def mean_acceptance_length(self) -> float:
        """Tokens a round, the target's own included."""
        return len(self.tokens) / self.num_rounds


Runs = Mapping[str, Sequence[Run]]  # contender -> one run a clip, in the order of the clips


def interleave(
    contenders: Mapping[str, Callable[[Item], Result]],
    items: Sequence[Item],
    on_item: Callable[[int], None] = lambda done: None,
) -> dict[str, list[Result]]:
    """Every contender's result for every item: all contenders take an item before any takes the next.

    Who goes first moves on from item to item, and once all have, the order turns round, so that nobody always follows
    the same one. ``on_item`` is told the number of finished items after each.
    """
    names = list(contenders)
    results: dict[str, list[Result]] = {name: [] for name in names}
    for index, item in enumerate(items):
        first, backwards = index % len(names), index // len(names) % 2
        for name in (names[first:] + names[:first])[:: -1 if backwards else 1]:
            results[name].append(contenders[name](item))
        on_item(index + 1)
    return results


def timed(action: Callable[[], object], repeats: int = 1) -> float:
    """Mean wall-clock seconds of an action."""
    started = perf_counter()
    for _ in range(repeats):
        action()
    return (perf_counter() - started) / repeats


def median_ratio(above: Sequence[float | None], below: Sequence[float | None]) -> float:
    """Median of the ratios of pairs; pairs with a gap are left out. Raises LvspecError if all have one."""
    ratios = [a / b for a, b in zip(above, below, strict=True) if a is not None and b is not None]
    if not ratios:
        raise LvspecError("no clip's answer is long enough to time its decoding: raise --max-tokens or --clips")
    return median(ratios)


def decode_speed(runs: Runs, fast: str, slow: str) -> float:
    """How many times as fast `fast` decodes as `slow`, prefill excluded: median over clips."""
    return median_ratio([run.seconds_per_token for run in runs[slow]], [run.seconds_per_token for run in runs[fast]])


def total_speed(runs: Runs, fast: str, slow: str) -> float:
    """How many times as fast `fast` is as `slow` from file to last token, a token: median over clips."""

    def per_token(name: str) -> list[float | None]:
        return [run.total_seconds / len(run.tokens) for run in runs[name]]

    return median_ratio(per_token(slow), per_token(fast))


def acceptance_length(runs: Runs, name: str) -> float:
    """Tokens a round over all clips."""
    return sum(len(run.tokens) for run in runs[name]) / sum(run.num_rounds for run in runs[name])


def equal_outputs(runs: Runs, one: str, other: str) -> int:
    """On how many clips two contenders said the same, token for token."""
    return sum(a.tokens == b.tokens for a, b in zip(runs[one], runs[other], strict=True))
