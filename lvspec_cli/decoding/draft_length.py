"""How many tokens to draft in the next round, where the user leaves it to the engine.

The model is that of Leviathan et al. (arXiv 2211.17192): when a draft token is accepted with probability a, a round
with g draft tokens commits (1 - a^(g + 1)) / (1 - a) tokens on average. Its time is measured, not assumed: g draft
steps, and a target pass with the engine's own work, which grows with g along a line. The length with the most tokens a
second is drafted; none at all if plain decoding is faster. This file imports no torch and reads no clock.
"""

from __future__ import annotations

LONGEST = 24  # draft tokens a round, at most
_FIRST_LENGTHS = (5, 8, 3, 0)  # to get to know a pair: the first is not timed, the others span a line
_FIRST_WAIT, _LONGEST_WAIT = 16, 128  # rounds after which drafting is tried again where it did not pay, or the reverse
_TRIAL_ROUNDS = 2  # of drafting again: the first lets the draft catch up, so that only the second can be timed
_ACCEPTANCE, _TESTS = 0.7, 2.0  # what is assumed of an unknown pair, and how many tests that counts for
_KEPT = 0.98  # of the weight of what is known, whenever one more round is taken into account
_KEPT_AT_TRIAL = 0.5  # so that an old judgement can be overturned by the few rounds of a trial
_LARGEST_SURPRISE = 2.0  # a time that is longer by more than this factor counts as that: something else was running
_KEPT_WHEN_WRONG = 0.1  # after a time that is shorter by that factor: nothing makes a pass faster than it is


class DraftLength:
    """Watches the rounds of a pair with one method, over as many decodes as there are, one after another."""

    def __init__(self) -> None:
        self._accepted = _Sums()  # of draft tokens that were judged, 1 where accepted: at x = 0
        self._step = _Sums()  # s, a draft step: at x = 0
        self._plain = _Sums()  # s, a round without a draft: at x = 0
        self._verify = _Sums()  # s, a round without its drafting: at x = its draft tokens
        self._first = list(reversed(_FIRST_LENGTHS))
        self._drafts = True  # whether drafting paid when last asked
        self._rounds, self._wait = 0, _FIRST_WAIT  # rounds since the other way was tried, and when it is again
        self._trial = 0  # rounds of the current trial that are left
        self._behind = self._timed = False

    def begin(self) -> None:
        """A decode begins: the draft has seen all there is, and the time of the first round is not like the others."""
        self._behind = self._timed = False

    def choose(self, room: int) -> int:
        """How many tokens to draft in the next round, 0 to ``room``."""
        most = min(room, LONGEST)
        if most < 1:
            return 0
        if self._first:
            return min(self._first.pop(), most)
        length, speed = self._best(most)
        self._change(speed > 1 / self._plain_seconds())
        drafts = self._drafts != (self._trial > 0)
        self._trial = max(0, self._trial - 1)
        return length if drafts else 0

    def observe(self, proposed: int, accepted: int, draft_seconds: float, other_seconds: float) -> None:
        """A round is over: ``proposed`` tokens were drafted in ``draft_seconds``; all else took ``other_seconds``."""
        tests = min(accepted + 1, proposed)
        if tests:
            self._accepted.forget(_KEPT)
            self._accepted.add(0, accepted, tests)
        if self._timed:
            self._observe_times(proposed, draft_seconds, other_seconds)
        self._timed, self._behind = True, not proposed

    @property
    def acceptance(self) -> float:
        """The probability that a draft token is accepted, as far as is known."""
        return (self._accepted.values + _ACCEPTANCE * _TESTS) / (self._accepted.weight + _TESTS)

    @property
    def draft_ratio(self) -> float | None:
        """A draft step over a pass of the target alone, c in the literature; None before both were timed."""
        plain = self._plain.mean
        return None if plain is None or self._step.mean is None else self._step.mean / plain

    def _observe_times(self, proposed: int, draft_seconds: float, other_seconds: float) -> None:
        if not proposed:
            self._plain.add_time(0, draft_seconds + other_seconds)
            return
        self._verify.add_time(proposed, other_seconds)
        if not self._behind:
            self._step.add_time(0, draft_seconds / proposed)

    def _change(self, pays: bool) -> None:
        """Take note whether drafting pays now, and begin a trial of the other way if it is time for one."""
        self._rounds += 1
        if pays != self._drafts:
            self._drafts, self._trial = pays, 0
            self._rounds, self._wait = 0, _FIRST_WAIT
        elif self._rounds > self._wait:
            self._rounds, self._wait = 0, min(2 * self._wait, _LONGEST_WAIT)
            self._trial = 1 if self._drafts else _TRIAL_ROUNDS
            for sums in (self._plain,) if self._drafts else (self._accepted, self._step, self._verify):
                sums.forget(_KEPT_AT_TRIAL)

    def _best(self, most: int) -> tuple[int, float]:
        """The length from 1 to ``most`` with the most tokens a second, and how many these are."""
        acceptance = self.acceptance
        base, slope = self._verify.line()
        slope += self._step.mean or 0.0
        best, best_speed = 1, 0.0
        tokens = reached = 1.0
        for length in range(1, most + 1):
            reached *= acceptance
            tokens += reached
            speed = tokens / max(base + slope * length, 1e-9)
            if speed < best_speed:  # tokens grow ever more slowly and seconds do not: it only falls from here on
                break
            best, best_speed = length, speed
        return best, best_speed

    def _plain_seconds(self) -> float:
        """Of a round without a draft, in s; where none was timed, as the line of the others has it."""
        seconds = self._plain.mean
        return max(self._verify.line()[0] if seconds is None else seconds, 1e-9)


class _Sums:
    """Weighted sums over points (x, value), of which older ones count for less; gives their mean or a line."""

    def __init__(self) -> None:
        self.weight = self.values = 0.0
        self._x = self._xx = self._xv = 0.0

    @property
    def mean(self) -> float | None:
        """Of the values; None if there are none."""
        return self.values / self.weight if self.weight else None

    def line(self) -> tuple[float, float]:
        """Value at x = 0 and slope, by least squares; flat where the points say nothing of it, and never falling."""
        if not self.weight:
            return 0.0, 0.0
        x, value = self._x / self.weight, self.values / self.weight
        spread = self._xx / self.weight - x * x
        slope = max(
            0.0, (self._xv / self.weight - x * value) / (spread + 0.01)
        )  # 0.01: nearly equal lengths say little
        slope = min(slope, value / max(x, 1.0))  # so that nothing takes less than no time
        return value - slope * x, slope

    def add_time(self, x: float, value: float) -> None:
        """One more point, cut where it is far above what the others say; far below, it is they that were wrong."""
        self.forget(_KEPT)
        if self.weight:
            base, slope = self.line()
            expected = base + slope * x
            if expected > _LARGEST_SURPRISE * value:
                self.forget(_KEPT_WHEN_WRONG)
            value = min(value, _LARGEST_SURPRISE * expected)
        self.add(x, value)

    def add(self, x: float, value: float, count: float = 1.0) -> None:
        """``count`` more points at x whose values add up to ``value``."""
        self.weight += count
        self.values += value
        self._x += count * x
        self._xx += count * x * x
        self._xv += x * value

    def forget(self, kept: float) -> None:
        """Let all points count for the share ``kept`` of what they did."""
        self.weight *= kept
        self.values *= kept
        self._x *= kept
        self._xx *= kept
        self._xv *= kept
