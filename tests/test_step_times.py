"""How long a step of the target takes, as the estimated speed-up takes it."""

from dataclasses import dataclass, field

import pytest

from lvspec_cli.step_times import StepTimes


@dataclass
class Prompt:
    prompt_length: int
    seconds: float
    timed: list[float] = field(default_factory=list)

    def time_step(self) -> float:
        self.timed.append(self.seconds)
        return self.seconds


def test_one_disturbed_time_does_not_count():
    times = StepTimes()
    found = [times.of(Prompt(100, seconds)) for seconds in (1.0, 9.0, 1.0)]
    assert found == [1.0, 5.0, 1.0]


def test_prompts_of_other_lengths_are_timed_anew():
    times = StepTimes()
    assert times.of(Prompt(100, 1.0)) == 1.0
    assert times.of(Prompt(8000, 3.0)) == 3.0
    assert times.of(Prompt(101, 1.0)) == 1.0


@pytest.mark.parametrize("length", [0, 1, 100])
def test_after_a_few_times_nothing_is_timed(length):
    times, late = StepTimes(), Prompt(length, 7.0)
    for _ in range(5):
        times.of(Prompt(length, 1.0))
    assert times.of(late) == 1.0
    assert late.timed == []
