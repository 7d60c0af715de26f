"""The measurement of the engine's own time."""

from __future__ import annotations

import pytest

from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.overhead import measure_overhead
from tests.decoding.toy_models import ToyModel


@pytest.mark.parametrize("method", ["ar", "strict"])
def test_overhead_is_what_the_forward_passes_leave_of_a_decode(method: str) -> None:
    target, draft = ToyModel(), ToyModel(seed=2, share=0.9)
    target.prefill([1, 2])
    found = measure_overhead(target, draft, DecodingOptions(method, max_tokens=30), draft.prefill([1, 2]))
    assert found.num_tokens == 30
    assert found.num_rounds == len(target.passes)
    assert 0 < found.model_seconds < found.decode_seconds
    assert 0 < found.share < 1
    assert found.seconds_per_round * found.num_rounds == pytest.approx(found.share * found.decode_seconds)


def test_overhead_of_a_target_alone_can_be_measured() -> None:
    target = ToyModel()
    found = measure_overhead(target, None, DecodingOptions("ar", max_tokens=5), target.prefill([1, 2]))
    assert found.num_rounds == 5
