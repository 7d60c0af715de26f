"""The key/value cache holds what was written, forgets what was rolled back, and copies nothing."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lvspec_cli.decoding.cache import KVCache

LAYERS, HEADS, WIDTH = 2, 3, 4


def states(count: int, seed: int) -> Tensor:
    return torch.randn((1, HEADS, count, WIDTH), generator=torch.Generator().manual_seed(seed))


def append(cache: KVCache, count: int, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Write one pass of ``count`` positions to every layer; layer i's keys are states(count, seed + i)."""
    views = [cache.update(states(count, seed + i), -states(count, seed + i), i) for i in range(LAYERS)]
    cache.advance(count)
    return views


steps = st.lists(st.tuples(st.integers(1, 5), st.floats(0, 1)), min_size=1, max_size=12)


@given(steps=steps, capacity=st.integers(0, 40))
def test_the_cache_equals_concatenation_under_appends_and_rollbacks(
    steps: list[tuple[int, float]], capacity: int
) -> None:
    cache = KVCache(LAYERS, capacity)
    kept = [torch.zeros(1, HEADS, 0, WIDTH) for _ in range(LAYERS)]
    for seed, (count, keep) in enumerate(steps):
        views = append(cache, count, 10 * seed)
        for layer, (keys, values) in enumerate(views):
            kept[layer] = torch.cat((kept[layer], states(count, 10 * seed + layer)), dim=2)
            assert torch.equal(keys, kept[layer])
            assert torch.equal(values, -kept[layer])
        cache.rollback(int(cache.length * keep))
        kept = [keys[:, :, : cache.length] for keys in kept]
    assert cache.length <= cache.capacity


def test_update_returns_views_of_one_buffer() -> None:
    cache = KVCache(LAYERS, capacity=16)
    first = append(cache, 3, 0)
    second = append(cache, 2, 5)
    for (keys, values), (more_keys, more_values) in zip(first, second, strict=True):
        assert keys.data_ptr() == more_keys.data_ptr()
        assert values.data_ptr() == more_values.data_ptr()


def test_rollback_moves_no_memory() -> None:
    cache = KVCache(LAYERS, capacity=16)
    before = append(cache, 8, 0)
    cache.rollback(3)
    after = append(cache, 1, 5)
    assert [keys.data_ptr() for keys, _ in before] == [keys.data_ptr() for keys, _ in after]
    assert after[0][0].shape == (1, HEADS, 4, WIDTH)


def test_a_pass_that_fails_half_way_leaves_the_cache_as_it_was() -> None:
    cache = KVCache(LAYERS, capacity=8)
    append(cache, 4, 0)
    cache.update(states(3, 99), states(3, 99), 0)  # layer 1 is never written, the length never advanced
    assert cache.length == 4
    keys, _ = append(cache, 1, 7)[1]
    assert torch.equal(keys, torch.cat((states(4, 1), states(1, 8)), dim=2))


def test_growth_is_amortised() -> None:
    cache = KVCache(LAYERS)
    capacities = set()
    for seed in range(1000):
        append(cache, 1, seed)
        capacities.add(cache.capacity)
    assert len(capacities) < 25


def test_reserve_keeps_what_is_cached_and_never_shrinks() -> None:
    cache = KVCache(LAYERS, capacity=4)
    append(cache, 4, 0)
    cache.reserve(100)
    assert cache.capacity == 100
    keys, _ = append(cache, 1, 3)[0]
    assert torch.equal(keys[:, :, :4], states(4, 0))
    cache.reserve(5)
    assert cache.capacity == 100


def test_clear_keeps_the_buffers() -> None:
    cache = KVCache(LAYERS, capacity=8)
    before = append(cache, 4, 0)[0][0].data_ptr()
    size = cache.nbytes
    cache.clear()
    assert (cache.length, cache.nbytes) == (0, size)
    assert append(cache, 2, 1)[0][0].data_ptr() == before


def test_nbytes_counts_keys_and_values_of_all_layers() -> None:
    cache = KVCache(LAYERS, capacity=8)
    append(cache, 1, 0)
    assert cache.nbytes == 2 * LAYERS * HEADS * 8 * WIDTH * 4


@pytest.mark.parametrize("length", [-1, 5])
def test_rollback_goes_back_only(length: int) -> None:
    cache = KVCache(LAYERS, capacity=8)
    append(cache, 4, 0)
    with pytest.raises(ValueError, match="cannot roll back"):
        cache.rollback(length)


def test_advance_stays_within_what_was_written() -> None:
    cache = KVCache(LAYERS, capacity=8)
    with pytest.raises(ValueError, match="cannot advance"):
        cache.advance(9)
