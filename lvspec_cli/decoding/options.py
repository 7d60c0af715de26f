"""The settings of one decode. This file imports no torch, so that options can be checked before anything heavy."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import Literal

from lvspec_cli.decoding.draft_length import LONGEST
from lvspec_cli.decoding.looseness import Looseness
from lvspec_cli.decoding.methods import METHODS

DraftTokens = int | Literal["auto"]  # auto: the engine chooses, round by round
LARGEST_RESERVE = 2048  # positions for new tokens that a cache has room for from the start; beyond, it grows
_LOWEST_TEMPERATURE = 1e-3  # below this, logits divided by the temperature leave float32's comfortable range


@dataclass(frozen=True)
class DecodingOptions:
    """How to decode. A wrong value raises ValueError with one sentence that names the option."""

    method: str = "strict"  # a key of METHODS
    draft_tokens: DraftTokens = 5  # proposed a round, at most; auto: as many as pay, by the clock
    max_tokens: int = 256  # committed in all, at most
    temperature: float = 0.0  # 0 is greedy
    top_p: float = 1.0  # share of probability kept when sampling; 1 keeps all
    top_k: int = 0  # tokens kept when sampling; 0 keeps all
    seed: int = 0  # of the sampling
    stop_tokens: frozenset[int] = frozenset()  # vocabulary indices; the first one committed ends the output
    detect_repetition: bool = True  # end the output when it loops
    looseness: Looseness = field(default_factory=Looseness)  # of the lossy methods
    trace: bool = False  # whether rounds carry the evidence that costs time; the tokens are the same

    def __post_init__(self) -> None:
        object.__setattr__(self, "stop_tokens", frozenset(self.stop_tokens))
        self._check_method()
        if self.draft_tokens != "auto":
            _check_whole("draft_tokens", self.draft_tokens, 1, or_else=", or auto")
        _check_whole("max_tokens", self.max_tokens, 1)
        _check_whole("top_k", self.top_k, 0)
        _check_whole("seed", self.seed, 0, 2**63 - 1)
        self._check_sampling()

    def _check_method(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, not {self.method!r}")

    def _check_sampling(self) -> None:
        cold = self.temperature != 0 and self.temperature < _LOWEST_TEMPERATURE
        if not isfinite(self.temperature) or cold:
            raise ValueError(
                f"temperature must be 0 (greedy) or at least {_LOWEST_TEMPERATURE}, not {self.temperature}"
            )
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, not {self.top_p}")

    @property
    def most_draft_tokens(self) -> int:
        """What a round proposes at most."""
        return LONGEST if self.draft_tokens == "auto" else self.draft_tokens

    @property
    def reserve(self) -> int:
        """Positions to make room for behind a prompt: the output, and a round that goes beyond it."""
        return min(self.max_tokens, LARGEST_RESERVE) + self.most_draft_tokens + 1

    @property
    def greedy(self) -> bool:
        """Whether every choice is the most probable token."""
        return self.temperature == 0


def _check_whole(name: str, value: int, lowest: int, highest: int | None = None, or_else: str = "") -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise ValueError(f"{name} must be a whole number of at least {lowest}{or_else}, not {value!r}")
    if highest is not None and value > highest:
        raise ValueError(f"{name} must be at most {highest}, not {value}")
