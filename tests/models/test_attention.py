"""Attention over cached positions is one softmax over all of them, however it is computed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import scaled_dot_product_attention

from lvspec_cli.models import attention
from lvspec_cli.models.attention import attend, attend_in_parts, attend_watching, causal_mask, repeat_heads


@given(
    kv_heads=st.integers(1, 3),
    groups=st.integers(1, 4),
    new=st.integers(1, 6),
    past=st.integers(4, 40),  # there are at least as many positions as parts
    seed=st.integers(0, 99),
)
def test_parts_add_up_to_one_softmax(kv_heads, groups, new, past, seed):
    torch.manual_seed(seed)
    total = past + new
    query = torch.randn(1, kv_heads, groups * new, 8)
    keys, values = torch.randn(2, 1, kv_heads, total + 5, 8)[
        :, :, :, :total
    ]  # views of a larger buffer, as in the cache
    mask = causal_mask(new, total, groups, torch.float32, torch.device("cpu"))
    expected = scaled_dot_product_attention(query, keys, values, attn_mask=mask, scale=0.3)
    assert torch.allclose(attend_in_parts(query, keys, values, mask, 0.3), expected, atol=1e-5)


@pytest.mark.parametrize("new", [1, 4])
def test_a_long_cache_on_several_threads_gives_what_a_short_path_gives(monkeypatch, new):
    torch.manual_seed(0)
    query, keys, values = torch.randn(1, 3, new, 8), torch.randn(1, 1, 50, 8), torch.randn(1, 1, 50, 8)
    mask = causal_mask(new, 50, 3, torch.float32, torch.device("cpu"))
    plain = attend(query, keys, values, mask, 0.5)
    taken = []
    monkeypatch.setattr(attention, "_LONG", 50)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(attention, "attend_in_parts", lambda *given: taken.append(1) or attend_in_parts(*given))
    assert torch.allclose(attend(query, keys, values, mask, 0.5), plain, atol=1e-6)
    assert taken


@pytest.mark.parametrize("length", [2048, 2051])
@pytest.mark.parametrize("new", [1, 4])
def test_watching_a_long_cache_in_parts_gives_what_watching_it_whole_gives(
    new: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    query, (keys, values) = torch.randn(1, 6, new, 8), (torch.randn(1, 2, length, 8) for _ in range(2))
    mask = causal_mask(new, length, 3, torch.float32, torch.device("cpu"))
    watched = (torch.arange(length - 5) % 3 == 0).float()
    found = []
    for threads in (1, 4):  # the cache is cut where threads would have nothing to do
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert attention._pays_to_split(keys, mask) == (threads == 4)
        found.append(attend_watching(query, keys, values, mask, 0.5, watched))
    torch.testing.assert_close(found[1][0], found[0][0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found[1][1], found[0][1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("groups", [1, 3])
def test_repeated_keys_give_what_grouped_queries_give(groups: int) -> None:
    query, keys, values = (torch.randn(1, heads, 7, 8) for heads in (2 * groups, 2, 2))
    expected = attend(query, keys, values, None, 0.3)
    repeated = attend(query, *repeat_heads(keys, values, groups), None, 0.3)
    torch.testing.assert_close(repeated, expected)
