"""From logits to tokens: greedy, or drawn from a tempered and truncated distribution.

Nothing here makes the host wait for an accelerator (`torch.multinomial` would: it checks its input on the host).
"""

from __future__ import annotations

from math import inf

import torch
from torch import Tensor

from lvspec_cli.decoding.options import DecodingOptions

_DRAFT_STREAM = 0x5DEECE66D  # mixed into the draft's seed: its draws must not be those of the acceptance tests
_USUAL_HEAD = 128  # tokens that mostly hold a nucleus; looking there first spares the CPU a sort of the vocabulary


def distribution(logits: Tensor, temperature: float, top_k: int = 0, top_p: float = 1.0) -> Tensor:
    """Probabilities [n, vocabulary] (float32) of logits [n, vocabulary] after temperature, then top-k, then top-p.

    Top-p is a share of what top-k left, and keeps the token that crosses it. Tokens as probable as the last one
    kept are kept too, so that the result depends on a row's values and on nothing else.
    """
    scaled = logits.float() / temperature
    if 0 < top_k < scaled.shape[-1]:
        scaled = scaled.masked_fill(scaled < scaled.topk(top_k, dim=-1).values[..., -1:], -inf)
    probabilities = torch.softmax(scaled, dim=-1)
    if top_p == 1.0:
        return probabilities
    nucleus = probabilities.masked_fill(probabilities < _last_kept(probabilities, top_p), 0.0)
    return nucleus / nucleus.sum(dim=-1, keepdim=True)


def _last_kept(probabilities: Tensor, top_p: float) -> Tensor:
    """The smallest probability [n, 1] in the shortest head of each row [n, vocabulary] that holds top_p."""
    if probabilities.device.type == "cpu" and probabilities.shape[-1] > _USUAL_HEAD:
        ranked = probabilities.topk(_USUAL_HEAD, dim=-1).values
        mass = ranked.cumsum(dim=-1)
        if mass[:, -1].min() >= top_p:
            return _cut(ranked, mass, top_p)
    ranked = probabilities.sort(dim=-1, descending=True).values
    return _cut(ranked, ranked.cumsum(dim=-1), top_p)


def _cut(ranked: Tensor, mass: Tensor, top_p: float) -> Tensor:
    return ranked.masked_fill(mass - ranked >= top_p, inf).amin(dim=-1, keepdim=True)


def draw(weights: Tensor, generator: torch.Generator) -> Tensor:
    """One index [n] a row of non-negative weights [n, vocabulary], with probability in proportion to its weight.

    The distribution function is inverted: the index is the first at which it exceeds a uniform share of the total,
    so an index of weight 0 is never drawn. Sums of float32 over a large vocabulary lose too much: they are doubles.
    """
    precise = torch.float32 if weights.device.type == "mps" else torch.float64  # MPS has no doubles
    mass = weights.cumsum(dim=-1, dtype=precise)
    uniform = torch.rand(weights.shape[0], 1, dtype=precise, device=weights.device, generator=generator)
    index = torch.searchsorted(mass, uniform * mass[:, -1:], right=True).squeeze(-1)
    return index.clamp_(max=weights.shape[-1] - 1)  # weights that are not numbers must not lead out of the vocabulary


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
