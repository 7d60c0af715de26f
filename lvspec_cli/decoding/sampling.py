"""From logits to tokens: greedy, or drawn from a tempered and truncated distribution.

Nothing here waits for an accelerator (`torch.multinomial` would: it checks its input on the host).
"""

from __future__ import annotations

import torch
from torch import Tensor

from lvspec_cli.decoding.options import DecodingOptions

_SMALLEST_NOISE = torch.finfo(torch.float32).tiny
_DRAFT_STREAM = 0x5DEECE66D  # mixed into the draft's seed: its draws must not be those of the acceptance tests


def distribution(logits: Tensor, temperature: float, top_k: int = 0, top_p: float = 1.0) -> Tensor:
    """Probabilities [n, vocabulary] (float32) of logits [n, vocabulary] after temperature, then top-k, then top-p.

    Top-p is a share of what top-k left, and keeps the token that crosses it, so at least one token stays.
    """
    scaled = logits.float() / temperature
    if 0 < top_k < scaled.shape[-1]:
        ranked, indices = scaled.topk(top_k, dim=-1)
    elif top_p < 1.0:
        ranked, indices = scaled.sort(dim=-1, descending=True)
    else:
        return torch.softmax(scaled, dim=-1)
    return torch.zeros_like(scaled).scatter_(-1, indices, _nucleus(torch.softmax(ranked, dim=-1), top_p))


def _nucleus(ranked: Tensor, top_p: float) -> Tensor:
    """Cut probabilities [n, k], sorted downwards, to the shortest head that holds top_p of their mass."""
    if top_p == 1.0:
        return ranked
    before = ranked.cumsum(dim=-1) - ranked
    head = ranked.masked_fill(before >= top_p, 0.0)
    return head / head.sum(dim=-1, keepdim=True)


def draw(weights: Tensor, generator: torch.Generator) -> Tensor:
    """One index [n] a row of non-negative weights [n, vocabulary], with probability in proportion to its weight.

    The race of exponential clocks: the first of several to ring is i with probability w_i / sum(w).
    """
    noise = torch.empty_like(weights).exponential_(generator=generator).clamp_min_(_SMALLEST_NOISE)
    return (weights / noise).argmax(dim=-1)


class Sampler:
    """Chooses tokens for one model in one decode."""

    def __init__(self, options: DecodingOptions, device: torch.device, *, draft: bool = False) -> None:
        self.greedy = options.greedy
        self._temperature, self._top_k, self._top_p = options.temperature, options.top_k, options.top_p
        self._generator = torch.Generator(device)
        self._generator.manual_seed(options.seed ^ _DRAFT_STREAM if draft else options.seed)

    def distribution(self, logits: Tensor) -> Tensor:
        """The distribution [n, vocabulary] that tokens are drawn from, given logits [n, vocabulary]."""
        return distribution(logits, self._temperature, self._top_k, self._top_p)

    def draw(self, weights: Tensor) -> Tensor:
        """One index [n] for each row of weights [n, vocabulary]."""
        return draw(weights, self._generator)

    def uniform(self, count: int) -> Tensor:
        """Numbers [count] from [0, 1)."""
        return torch.rand(count, generator=self._generator, device=self._generator.device)

    def choose(self, logits: Tensor) -> Tensor:
        """The next token [n] after each row of logits [n, vocabulary]."""
        return logits.argmax(dim=-1) if self.greedy else self.draw(self.distribution(logits))
