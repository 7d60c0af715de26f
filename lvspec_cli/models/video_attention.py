"""How much attention each video token gets from the text behind it, added up while a prompt is prefilled."""

from __future__ import annotations

import torch
from torch import Tensor

from lvspec_cli.models.attention import causal_mask

LARGEST_CHUNK = 2**22  # scores held at once, 16 MiB in float32


class VideoAttention:
    """SpecVLM's scores: the attention of the trailing text on each video token, averaged over layers, heads, queries.

    The trailing text is every position of the prompt behind its last video token but the prompt's very last one, which
    no prefill runs. Give it to one prefill, which hands it to the attention of every layer; only the rows of the
    trailing text are computed a second time, a few at once, never a whole attention matrix.
    """

    def __init__(self, video_mask: Tensor, largest_chunk: int = LARGEST_CHUNK) -> None:
        """``video_mask``: bool [n], the whole prompt's; ``largest_chunk``: attention scores to hold at once."""
        self._video = video_mask.nonzero()[:, 0]  # positions
        self._first_query = int(self._video[-1]) + 1
        self._largest_chunk = largest_chunk
        self._total = torch.zeros(len(self._video))  # sum over the rows so far
        self._rows = 0  # a row is one query of one head of one layer

    @property
    def scores(self) -> Tensor:
        """float32 [video tokens], on the CPU, of a sum of at most 1; all zero if there is no trailing text."""
        return self._total.cpu() / max(1, self._rows)

    def observe(self, query: Tensor, keys: Tensor, scale: float) -> None:
        """Take one layer of a prefill into account.

        ``query``: [1, heads, n, head_dim] and ``keys``: [1, kv_heads, n, head_dim], both rotated, of the whole prompt.
        """
        _, heads, length, _ = query.shape
        self._video, self._total = self._video.to(query.device), self._total.to(query.device)
        chunk = max(1, self._largest_chunk // (heads * length))
        for start in range(self._first_query, length, chunk):
            end = min(start + chunk, length)
            mass = attention_mass(query[0, :, start:end], keys[0, :, :end], scale)
            self._total += mass[self._video]
            self._rows += heads * (end - start)


def attention_mass(query: Tensor, keys: Tensor, scale: float) -> Tensor:
    """The attention that each of m positions gets from the last n of them, summed over heads and queries: float32 [m].

    ``query``: [heads, n, head_dim]; ``keys``: [kv_heads, m, head_dim].
    """
    heads, new, width = query.shape
    kv_heads, total, _ = keys.shape
    groups = heads // kv_heads
    packed = query.reshape(kv_heads, groups * new, width) * scale
    scores = (packed @ keys.transpose(1, 2)).float()
    if (mask := causal_mask(new, total, groups, scores.dtype, scores.device)) is not None:
        scores += mask
    return scores.softmax(-1).sum((0, 1))
