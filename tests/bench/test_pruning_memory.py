"""Memory is measured where it is taken, and scoring takes a bounded amount."""

from __future__ import annotations

import torch

from lvspec_cli.bench.long_cache import random_cases
from lvspec_cli.bench.pruning_memory import measure, peak_bytes, random_prompt
from lvspec_cli.demo.architecture import Size


def test_the_peak_is_what_is_held_at_once() -> None:
    def hold_two_then_one() -> None:
        first, second = torch.empty(1000, dtype=torch.uint8), torch.empty(2000, dtype=torch.uint8)
        del first, second
        torch.empty(500, dtype=torch.uint8)

    assert 3000 <= peak_bytes(hold_two_then_one) < 3500


def test_scoring_holds_less_than_the_matrices() -> None:
    model = next(random_cases((Size(2, 64, 128, 4, 2, 1, 32, 64, 2),))).ours
    prompt = random_prompt(model, 1000)
    assert prompt.video_tokens == 1000
    peaks = measure(model, prompt)
    assert 0 < peaks.scoring < peaks.matrices / 4
    assert peaks.plain <= peaks.scored <= peaks.plain + peaks.scoring
