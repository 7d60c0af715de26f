"""Where the time of a round goes, measured without making the host wait more than it does anyway."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import torch


@dataclass(frozen=True, slots=True)
class RoundTimes:
    """The times of one round."""

    draft: float  # s
    verify: float  # s
    round: float  # s, wall clock since the round began, the engine's own work included


class RoundClock:
    """Splits the rounds of one decode into drafting and verifying.

    On CUDA the time of drafting lies between two events in the stream of the target's device; they are read after
    the copy of the verdict, which has waited for both. Elsewhere the host's clock is read; on an accelerator that
    runs behind the host, drafting is then only the time to enqueue it, and the wait counts as verifying.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._events: list[torch.cuda.Event] = []
        if device.type == "cuda":
            self._events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]  # type: ignore[no-untyped-call]
        self._started = self._drafted = self._verified = 0.0

    def start(self) -> None:
        """A round begins, with its draft."""
        self._started = perf_counter()
        self._record(0)

    def drafted(self) -> None:
        """The draft is done, or enqueued."""
        self._drafted = perf_counter()
        self._record(1)

    def verified(self) -> None:
        """The verdict is on the host."""
        self._verified = perf_counter()

    def stop(self) -> RoundTimes:
        """The round ends; `verified` must have been called in it."""
        draft = self._drafted - self._started
        if self._events:
            draft = self._events[0].elapsed_time(self._events[1]) / 1000
        return RoundTimes(draft, self._verified - self._started - draft, perf_counter() - self._started)

    def _record(self, index: int) -> None:
        if self._events:
            self._events[index].record(torch.cuda.current_stream(self._device))


def wait_for(device: torch.device) -> None:
    """Let an accelerator catch up, so that the clock does not stop before the work does."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
