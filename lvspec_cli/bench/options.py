"""What to measure. This file imports nothing heavy, so that a wrong option is told at once."""

from __future__ import annotations

from dataclasses import dataclass

from lvspec_cli.errors import UsageError

SUBJECTS = ("decoding", "peer", "cache", "engine", "startup")


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


def _at_least(flag: str, value: int, lowest: int) -> None:
    if value < lowest:
        raise UsageError(f"{flag} must be at least {lowest}, not {value}")
