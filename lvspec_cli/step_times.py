"""How long the target alone takes for a token: timed now and then, for an estimate of what speculation gains."""

from __future__ import annotations

from collections import defaultdict
from math import log
from statistics import median
from typing import Protocol

_ALIKE = 1.25  # prompts whose lengths differ by less than this factor take the target about as long
_SAMPLES = 5  # of each length, one a video: other programs may disturb some of them


class Timeable(Protocol):
    """A prefilled prompt."""

    @property
    def prompt_length(self) -> int:
        """Positions in the target's cache."""
        ...

    def time_step(self) -> float:
        """Seconds of the target's pass over one token."""
        ...


class StepTimes:
    """Remembers the times by the length of the prompt."""

    def __init__(self) -> None:
        self._samples: defaultdict[int, list[float]] = defaultdict(list)

    def of(self, prompt: Timeable) -> float:
        """Seconds of a step behind such a prompt: the median of the first few times, of which this may be one."""
        samples = self._samples[round(log(max(prompt.prompt_length, 1), _ALIKE))]
        if len(samples) < _SAMPLES:
            samples.append(prompt.time_step())
        return median(samples)
