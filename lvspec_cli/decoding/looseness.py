"""The parameters of the lossy methods. No torch is imported, so that they can be checked before anything heavy."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

SIGNALS = ("attention", "cosine", "table", "combined")
CALIBRATED_SIGNALS = ("table", "combined")  # those that mean nothing without a calibration
JUDGED = ("draft", "both")
USUAL_FILLER_SHARE = 0.7  # lambda of the paper

# Words that carry logic without being visual: the weakness that LVSpec's authors state themselves. Numbers are added.
CRITICAL_WORDS = (
    *("not", "no", "never", "none", "nothing", "nobody", "nor", "neither", "without", "cannot", "isn", "aren", "wasn"),
    *("weren", "doesn", "don", "didn", "won", "can", "t", "yes", "only", "except", "unless", "if", "or", "either"),
    *("all", "every", "each", "both", "any", "some", "few", "many", "most", "more", "less", "than", "but", "however"),
    *("before", "after", "until", "while", "instead", "first", "second", "third", "last", "once", "twice", "half"),
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty"),
    *("fifty", "sixty", "seventy", "eighty", "ninety", "hundred", "thousand", "million", "dozen"),
)


@dataclass(frozen=True)
class Looseness:
    """How loosely to verify. A wrong value raises ValueError with one sentence that begins with the field's name."""

    relevance: str = "attention"  # one of SIGNALS: what tells anchors from fillers
    judged: str = "both"  # one of JUDGED: the draft's token alone, or the higher of its relevance and the target's
    threshold: float | None = None  # relevance from which a token is an anchor, in the signal's unit; None: calibrated
    filler_share: float | None = None  # share of recent tokens that count as fillers, in place of a threshold: lambda
    min_probability: float = 0.1  # that the target must give a draft token which it would not choose
    shift_window: int = 2  # positions before or after at which the target may choose the same token; 0: never
    critical_words: tuple[str, ...] = CRITICAL_WORDS  # never loosened, and with them numbers; no words: neither
    attention_layers: tuple[int, ...] | None = None  # watched by `attention`; None: calibrated, or three upper ones
    state_layer: int | None = None  # whose states `cosine` compares; None: calibrated, or two thirds of the way up
    nearest: int = 10  # video tokens whose cosines are averaged: N of the paper
    fly_window: int | None = None  # draft tokens after a mismatch that must match; None: 6, or all of a shorter draft
    fly_entropy: float = 0.3  # nats of the target's choice from which a mismatch may survive
    fly_top_k: int = 3  # most probable tokens whose entropy counts
    random_share: float = 0.5  # probability with which `random` keeps a mismatch

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_numbers()
        if self.threshold is not None and self.filler_share is not None:
            raise ValueError("filler_share must be left out where threshold is given: keep one of them")

    def _check_choices(self) -> None:
        for name, known in (("relevance", SIGNALS), ("judged", JUDGED)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}")

    def _check_numbers(self) -> None:
        for name in ("filler_share", "min_probability", "random_share"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} must be from 0 to 1, not {value}")
        for name, lowest in (("shift_window", 0), ("nearest", 1), ("fly_window", 1), ("fly_top_k", 1)):
            value = getattr(self, name)
            if value is not None and value < lowest:
                raise ValueError(f"{name} must be a whole number of at least {lowest}, not {value}")
        for layer in (*(self.attention_layers or ()), *(() if self.state_layer is None else (self.state_layer,))):
            if layer < 0:
                raise ValueError(f"attention_layers and state_layer count from 0, not from {layer}")
        if self.threshold is not None and not isfinite(self.threshold):
            raise ValueError(f"threshold must be a number, not {self.threshold}")
        if not 0 <= self.fly_entropy < float("inf"):
            raise ValueError(f"fly_entropy must be at least 0, not {self.fly_entropy}")


@dataclass(frozen=True)
class WatchedLayers:
    """What a pass of the target notes for the signals that are read from it."""

    attention: tuple[int, ...] = ()  # layers whose attention on the video is noted
    states: int | None = None  # layer whose states are compared with those of the video tokens
    nearest: int = 10  # video tokens whose cosines are averaged
