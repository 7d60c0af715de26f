"""A loop detector: has the output fallen into saying the same thing again and again?"""

from __future__ import annotations

from collections import deque


class RepetitionDetector:
    """Watches a sequence of tokens for a block that repeats itself back to back.

    It depends on the tokens alone, one at a time, so that every method that commits the same tokens ends at the same
    one. It is slow to judge: a block must stand at least `minimum_copies` times in a row, and the loop must span
    at least `minimum_span` tokens. Lists, refrains and ruled lines of ordinary text stay below that, for their items
    differ somewhere.
    """

    def __init__(self, minimum_copies: int = 4, minimum_span: int = 48, maximum_period: int = 128) -> None:
        """`maximum_period` is the longest block, in tokens, that is looked for."""
        self._minimum_copies = minimum_copies
        self._minimum_span = minimum_span
        self._maximum_period = maximum_period
        self._length = 0
        self._positions: dict[int, deque[int]] = {}  # of each token within the last maximum_period
        self._runs: dict[int, int] = {}  # period -> how many last tokens equal the one a period before

    def observe(self, token: int) -> bool:
        """Take the next token; true if the sequence now ends in a loop."""
        recent = self._positions.setdefault(token, deque())
        while recent and recent[0] < self._length - self._maximum_period:
            recent.popleft()
        periods = [self._length - position for position in recent]
        self._runs = {period: self._runs.get(period, 0) + 1 for period in periods}
        recent.append(self._length)
        self._length += 1
        return any(self._is_loop(period, run) for period, run in self._runs.items())

    def _is_loop(self, period: int, run: int) -> bool:
        return period + run >= max(self._minimum_span, self._minimum_copies * period)
