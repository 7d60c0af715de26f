"""The rows of a comparison by name. Nothing heavy is imported, so that an unknown name is told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.errors import UsageError

REFERENCE = "ar"  # what the others are measured against
PEER = "assisted"  # a row of transformers' own


@dataclass(frozen=True)
class Row:
    """One contender, whatever its draft length."""

    name: str  # as --methods takes it
    title: str  # as tables show it
    method: str | None  # a key of METHODS; None for what is not our engine
    profile: str = "default"  # a key of PROFILES; another than the default has a draft length of its own
    shift_window: int | None = None  # in place of the looseness' own
    guarded: bool = True  # whether the guard and the list of critical words hold, where the profile has them
    as_loose_as: str | None = None  # the row whose share of kept mismatches this one's dice are loaded to match
    auto: bool = False  # whether the engine chooses its draft length, round by round

    @property
    def drafts(self) -> bool:
        """Whether it has a draft length."""
        return self.method is None or METHODS[self.method].drafts

    @property
    def tuned(self) -> bool:
        """Whether its draft length is for a sweep to find."""
        return self.drafts and not self.auto and self.profile == "default"


def _control(name: str, title: str, model: str, *, profile: str = "default", **more: Any) -> Row:
    return Row(name, title, "random", profile=profile, as_loose_as=model, **more)


_ALL = (
    Row("ar", "ar", "ar"),
    Row("strict", "strict", "strict"),
    Row("strict-auto", "strict, auto draft length", "strict", auto=True),
    Row("specvlm", "specvlm", "specvlm"),
    Row("fly", "fly", "fly"),
    _control("random", "random, as loose as lvspec", "lvspec", guarded=False),
    _control("random-guarded", "random, with lvspec's guard and list", "lvspec"),
    Row("lvspec-unshifted", "lvspec without shift", "lvspec", shift_window=0),
    Row("lvspec", "lvspec", "lvspec"),
    Row("lvspec-auto", "lvspec, auto draft length", "lvspec", auto=True),
    _control("random-paper", "random, as loose as paper", "paper", profile="paper"),
    Row("paper", "lvspec, profile paper", "lvspec", profile="paper"),
    Row(PEER, "Hugging Face assisted", None),
)

ROWS: Mapping[str, Row] = MappingProxyType({row.name: row for row in _ALL})


def chosen_rows(names: Sequence[str] | None) -> tuple[Row, ...]:
    """The rows of these names in the order of `ROWS`; all for None.

    Raises UsageError for an unknown name, or if the reference is not among them.
    """
    if names is None:
        return tuple(ROWS.values())
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        raise UsageError(f"--methods knows no {unknown[0]!r}: choose of {', '.join(ROWS)}")
    if REFERENCE not in names:
        raise UsageError(f"--methods has no reference: add {REFERENCE}, against which the others are measured")
    return tuple(row for row in ROWS.values() if row.name in names)
