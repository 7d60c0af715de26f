"""What is tuned before the measurement, on other clips: draft lengths, and how loose the control is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lvspec_cli.bench.arena import Arena
from lvspec_cli.bench.bootstrap import Resamples
from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.figures import Figures, figures, kept_mismatches
from lvspec_cli.bench.rows import REFERENCE
from lvspec_cli.bench.setting import Setting, settings_to_try

STEPS = 3  # corrections of the control's share
HALVINGS = 7  # of the range in which a share is sought


@dataclass(frozen=True)
class Sweep:
    """Every row at every draft length, on the tuning clips."""

    tried: tuple[Figures, ...]

    def best(self, row: str) -> Setting:
        """The setting with which a row decodes fastest."""
        of_row = [each for each in self.tried if each.setting.row.name == row]
        return max(of_row, key=lambda each: each.speed.decode.value if each.speed.decode else 0.0).setting


def sweep(
    arena: Arena,
    usual: Sequence[Setting],
    draft_lengths: Sequence[int],
    clips: Sequence[BenchClip],
    on_clip: Callable[[int], None],
) -> Sweep:
    """Try every row at every draft length, all in turn clip by clip; the reference must be among ``usual``."""
    settings = [setting for each in usual for setting in settings_to_try(each, draft_lengths)]
    measured = arena.measure(settings, clips, on_clip)
    reference = next(each for each in measured if each.setting.row.name == REFERENCE)
    resamples = Resamples(len(clips))
    return Sweep(tuple(figures(each, reference, resamples) for each in measured))


def as_loose_as(arena: Arena, control: Setting, model: Setting, clips: Sequence[BenchClip]) -> Setting:
    """`random` with the share of dice at which it keeps as large a share of the mismatches as ``model`` does."""
    wanted = kept_share(arena, model, clips)
    share = matched_share(lambda share: kept_share(arena, control.with_random_share(share), clips), wanted)
    return control.with_random_share(share)


def kept_share(arena: Arena, setting: Setting, clips: Sequence[BenchClip]) -> float:
    """Share of the judged mismatches that a setting keeps on the clips."""
    contender = arena.contender(setting)
    return kept_mismatches([contender(clip) for clip in clips])


def bisected_share(reached: Callable[[float], float], wanted: float, steps: int = HALVINGS) -> float:
    """The share (0 to 1) at which ``reached``, which never falls, comes nearest to ``wanted``, by halving.

    For knobs to which what is kept is not nearly proportional: a share of fillers, say.
    """
    low, high = 0.0, 1.0
    tried: dict[float, float] = {}  # share -> how far it misses
    for _ in range(steps):
        share = (low + high) / 2
        kept = reached(share)
        tried[share] = abs(kept - wanted)
        low, high = (share, high) if kept < wanted else (low, share)
    return min(tried, key=lambda share: tried[share])


def matched_share(reached: Callable[[float], float], wanted: float, steps: int = STEPS) -> float:
    """The share (0 to 1) at which ``reached`` gives ``wanted``, or 1 if none does.

    Not every mismatch that the dice would keep is kept, because of the guard and the critical list; what is kept is
    nearly proportional to the share, so a few corrections by the rule of three are enough.
    """
    share = wanted
    for _ in range(steps):
        kept = reached(share)
        if not kept:
            return share
        share = min(1.0, share * wanted / kept)
    return share
