"""Frame times become temporal positions, even or not, and those reach Qwen2.5-VL."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.models.timestamps import mean_spacing, temporal_positions
from tests.models import tiny
from tests.models.conftest import TinyPair


@given(
    spacing=st.floats(0.01, 30), count=st.integers(1, 40), start=st.floats(0, 1000), rate=st.sampled_from([1, 2, 25])
)
def test_even_times_give_the_floor_of_a_single_interval(spacing: float, count: int, start: float, rate: int) -> None:
    times = tiny.even_times(count, spacing, start)
    for index, position in enumerate(temporal_positions(times, 2, rate)):
        exact = index * 2 * spacing * rate
        assert exact - 1 < position <= exact + 2e-3


@given(times=st.lists(st.floats(0, 3600), min_size=1, max_size=30, unique=True).map(sorted))
def test_positions_start_at_zero_and_never_fall(times: list[float]) -> None:
    positions = temporal_positions(times, 2, 2)
    assert positions[0] == 0
    assert list(positions) == sorted(positions)
    assert len(positions) == (len(times) + 1) // 2


@given(times=st.lists(st.floats(0, 600), min_size=2, max_size=30, unique=True).map(sorted))
def test_a_patch_lies_within_a_position_of_its_own_time(times: list[float]) -> None:
    for time, position in zip(times[::2], temporal_positions(times, 2, 2), strict=True):
        assert -1 < position - 2 * (time - times[0]) <= 0.5


@pytest.mark.parametrize("frame_rate", [24, 25, 30, 30000 / 1001, 60])
def test_the_frame_rate_of_the_file_does_not_change_the_positions(frame_rate: float) -> None:
    moments = [0.25 + 0.5 * index for index in range(16)]
    shown = [int(moment * frame_rate) / frame_rate for moment in moments]  # the frame on screen at that moment
    assert temporal_positions(shown, 2, 2) == tuple(range(0, 16, 2))


def test_uneven_times_keep_their_own_positions() -> None:
    assert temporal_positions((0.0, 0.5, 1.0, 1.5, 10.0, 10.5), 2, 2) == (0, 2, 20)


def test_mean_spacing_of_one_frame_is_defined() -> None:
    assert mean_spacing((7.0,)) == 1.0
    assert mean_spacing((1.0, 1.5, 3.0)) == 1.0


def positions_of(tiny_pair: TinyPair, times: tuple[float, ...]) -> tuple[Any, torch.Tensor]:
    model = tiny_pair.pair.target
    inputs = model.prepare(tiny.video(len(times)), times, "When?")
    return inputs, model.prompt_positions(inputs)


@pytest.mark.parametrize("spacing", [0.04, 0.3, 0.5, 0.75, 1.0, 1.7, 12.5])
@pytest.mark.parametrize("count", [1, 4, 7])
def test_video_positions_for_even_times_equal_get_rope_index(
    pairs: dict[str, TinyPair], spacing: float, count: int
) -> None:
    tiny_pair = pairs["qwen2_5_vl"]
    inputs, positions = positions_of(tiny_pair, tiny.even_times(count, spacing, start=0.25))
    interval = torch.tensor([2 * spacing])
    expected, _ = tiny_pair.reference.model.get_rope_index(
        inputs.token_ids[None],
        mm_token_type_ids=inputs.tensors["mm_token_type_ids"],
        video_grid_thw=inputs.tensors["video_grid_thw"],
        second_per_grid_ts=interval,
    )
    behind = int(inputs.video_mask.nonzero()[-1]) + 1
    assert torch.equal(positions[..., :behind], expected[..., :behind])
    if count > 1:
        torch.testing.assert_close(inputs.tensors["second_per_grid_ts"], interval)


@pytest.mark.parametrize("spacing", [0.04, 0.5, 12.5])
def test_text_goes_on_behind_the_largest_position_of_the_video(pairs: dict[str, TinyPair], spacing: float) -> None:
    inputs, positions = positions_of(pairs["qwen2_5_vl"], tiny.even_times(6, spacing))
    behind = int(inputs.video_mask.nonzero()[-1]) + 1
    largest = int(positions[:, 0, :behind].max())
    text = torch.arange(inputs.length - behind) + largest + 1
    assert torch.equal(positions[:, 0, behind:], text.expand(3, -1))


def test_uneven_times_reach_the_model_as_they_are(pairs: dict[str, TinyPair]) -> None:
    times = (0.0, 0.5, 1.0, 1.5, 10.0, 10.5)
    inputs, positions = positions_of(pairs["qwen2_5_vl"], times)
    video = positions[0, 0, inputs.video_mask]
    assert sorted({int(position - video[0]) for position in video}) == [0, 2, 20]
    assert positions[1, 0, inputs.video_mask].max() < video[0] + 20  # height and width are left alone


def test_text_goes_on_where_the_prompt_ends(pairs: dict[str, TinyPair]) -> None:
    tiny_pair = pairs["qwen2_5_vl"]
    model = tiny_pair.pair.target
    inputs, positions = positions_of(tiny_pair, tiny.even_times(4, 5.0))
    model.prefill(inputs, reserve=4)
    steps = positions[..., -1:] + torch.arange(5)
    cosines, sines = model._text_model.rotary_emb(torch.zeros(1), steps)
    for given_, expected in zip(model._rotary, model._stack.prepare_rotary(cosines[0], sines[0]), strict=True):
        assert torch.equal(given_, expected)


def test_times_change_what_qwen_says_and_not_what_llava_says(pairs: dict[str, TinyPair]) -> None:
    for family, told in (("qwen2_5_vl", True), ("llava_onevision", False)):
        model = pairs[family].pair.target
        logits = []
        for spacing in (0.5, 3.0):
            inputs = model.prepare(tiny.video(4), tiny.even_times(4, spacing), "When?")
            model.prefill(inputs)
            logits.append(model.extend(inputs.token_ids[-1:]).logits)
        assert torch.allclose(logits[0], logits[1], atol=1e-3) is not told
