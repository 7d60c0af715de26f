"""What to measure. This file imports nothing heavy, so that a wrong option is told at once."""

from __future__ import annotations

from dataclasses import dataclass

from lvspec_cli.bench.rows import Row
from lvspec_cli.errors import UsageError

SWEEP = (2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20)  # draft lengths that a sweep tries
SUBJECTS = (
    *("decoding", "peer", "cache", "engine", "signals", "compile", "nf4"),
    *("startup", "trace", "view", "read-ahead"),
)


@dataclass(frozen=True)
class BenchOptions:
    """Raises UsageError, with a sentence that names the flag, for values that make no sense."""

    preset: str = "demo"  # name or path
    clips: int = 20  # held-out clips
    seed: int = 1000  # of the first clip; seeds below are for training
    max_tokens: int | None = None  # a clip, at most; None: the preset's
    draft_tokens: tuple[int, ...] = (2, 3, 4, 5, 6, 8)  # draft lengths to try for strict
    threads: int | None = None  # of torch; None: its own choice
    subjects: tuple[str, ...] = SUBJECTS

    def __post_init__(self) -> None:
        unknown = [name for name in self.subjects if name not in SUBJECTS]
        if unknown:
            raise UsageError(f"--subjects knows no {unknown[0]!r}: choose of {', '.join(SUBJECTS)}")
        if not self.draft_tokens:
            raise UsageError("--draft-tokens is empty: give at least one length")
        _at_least("--clips", self.clips, 1)
        _at_least("--seed", self.seed, 0)
        _at_least("--draft-tokens", min(self.draft_tokens), 1)
        for flag, value in (("--max-tokens", self.max_tokens), ("--threads", self.threads)):
            if value is not None:
                _at_least(flag, value, 2 if flag == "--max-tokens" else 1)


@dataclass(frozen=True)
class ComparisonOptions:
    """What `lvspec bench` compares, and on what. Raises UsageError as `BenchOptions` does."""

    preset: str = "demo"  # name or path
    clips: int = 50  # held-out synthetic clips; meaningless with videos
    seed: int = 1000  # of the first clip; seeds below are for training
    videos: tuple[str, ...] = ()  # paths of the user's own; empty: synthetic clips
    rows: tuple[Row, ...] | None = None  # None: all that the preset allows
    draft_tokens: tuple[int, ...] = ()  # one length, or those that the sweep tries; empty: SWEEP, or the preset's
    sweep: bool = False  # whether to find each row's own best draft length on users' videos too, and to show how
    max_tokens: int | None = None  # a clip, at most; None: the preset's
    threads: int | None = None  # of torch; None: its own choice
    ablation: bool = False  # whether to measure, beside the rows, what each relevance signal is worth

    def __post_init__(self) -> None:
        _at_least("--clips", self.clips, 1)
        _at_least("--seed", self.seed, 0)
        _at_least("--draft-tokens", min(self.draft_tokens, default=1), 1)
        for flag, value, lowest in (("--max-tokens", self.max_tokens, 2), ("--threads", self.threads, 1)):
            if value is not None:
                _at_least(flag, value, lowest)
        if len(self.draft_tokens) > 1 and not self.sweep:
            raise UsageError("--draft-tokens takes one length: add --sweep to try several")
        if self.sweep and len(self.videos) == 1:
            raise UsageError("--sweep needs a second video: it tunes on others than it measures on")
        if self.ablation and self.videos:
            raise UsageError("--ablation needs synthetic clips, whose truth is known: leave out --videos")

    @property
    def tunes(self) -> bool:
        """Whether each row takes its own best draft length: on synthetic clips, unless one length is given."""
        return self.sweep or not (self.videos or self.draft_tokens)

    @property
    def swept(self) -> tuple[int, ...]:
        """The draft lengths that are tried; empty without a sweep."""
        return (self.draft_tokens or SWEEP) if self.tunes else ()


def whole_numbers(flag: str, text: str) -> tuple[int, ...]:
    """Numbers with commas between them, ascending, each once. Raises UsageError."""
    try:
        return tuple(sorted({int(number) for number in text.split(",")}))
    except ValueError as error:
        raise UsageError(f"{flag} must be numbers with commas between them, not {text!r}") from error


def _at_least(flag: str, value: int, lowest: int) -> None:
    if value < lowest:
        raise UsageError(f"{flag} must be at least {lowest}, not {value}")
