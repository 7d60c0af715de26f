"""A row at one draft length, with everything that its contender needs to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lvspec_cli.bench.peer import Assistance, assistances, constant_assistance
from lvspec_cli.bench.rows import Row
from lvspec_cli.decoding.looseness import Looseness
from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.decoding.options import DraftTokens


@dataclass(frozen=True)
class Setting:
    """One contender of a comparison."""

    row: Row
    draft_tokens: DraftTokens | None  # proposed a round, at most; None: nothing is drafted, or transformers decides
    looseness: Looseness | None = None  # None where the method is lossless
    assistance: Assistance | None = None  # of the peer's row only

    @property
    def label(self) -> str:
        """The row and what was chosen for it; no two settings of a comparison share it."""
        if self.assistance is not None:
            return f"{self.row.title}, {self.assistance.name}"
        return (
            self.row.title
            if self.draft_tokens in (None, "auto")
            else f"{self.row.title}, {self.draft_tokens} draft tokens"
        )

    @property
    def chosen(self) -> str:
        """What was chosen for the row, in short."""
        if self.assistance is not None and self.assistance.schedule != "constant":
            return self.assistance.name
        return "" if self.draft_tokens is None else str(self.draft_tokens)

    def with_random_share(self, share: float) -> Setting:
        """The same, with another probability that `random` keeps a mismatch."""
        return replace(self, looseness=replace(self.looseness or Looseness(), random_share=share))


def usual_setting(row: Row, draft_tokens: int, looseness: Looseness) -> Setting:
    """A row at a given draft length; ``looseness``: of the lossy methods in the row's profile."""
    if row.method is None:
        return Setting(row, draft_tokens, assistance=constant_assistance(draft_tokens))
    if row.shift_window is not None:
        looseness = replace(looseness, shift_window=row.shift_window)
    if not row.guarded:
        looseness = unguarded(looseness)
    length: DraftTokens = "auto" if row.auto else draft_tokens
    return Setting(row, length if row.drafts else None, looseness if METHODS[row.method].lossy else None)


def unguarded(looseness: Looseness) -> Looseness:
    """The same without the guard and the list: nothing but tokens that control the model is spared."""
    return replace(looseness, min_probability=0.0, critical_words=())


def settings_to_try(usual: Setting, draft_lengths: Sequence[int]) -> tuple[Setting, ...]:
    """The same row at every draft length; the peer's with transformers' own schedules too."""
    if usual.assistance is not None:
        return tuple(
            replace(usual, draft_tokens=each.draft_tokens, assistance=each) for each in assistances(draft_lengths)
        )
    if not usual.row.tuned:
        return (usual,)
    return tuple(replace(usual, draft_tokens=length) for length in draft_lengths)
