"""Drafting: the small model proposes a chain of tokens, and its cache is kept in step with what was committed."""

from __future__ import annotations

import torch
from torch import Tensor

from lvspec_cli.decoding.model import DecodableModel
from lvspec_cli.decoding.sampling import Sampler
from lvspec_cli.decoding.verification import Proposal


class Drafter:
    """The draft model with its cache: between rounds the cache holds committed tokens and nothing else."""

    def __init__(
        self,
        model: DecodableModel,
        sampler: Sampler,
        first_token: Tensor,
        device: torch.device,
        *,
        trace: bool = False,
    ) -> None:
        """`first_token` (int64 [1]) is the last of the prompt; proposals are handed over on `device`.

        `trace`: hand over the draft's logits as well.
        """
        self._model = model
        self._sampler = sampler
        self._pending = first_token  # committed tokens that the cache lacks: one, two after a fully accepted chain
        self._device = device
        self._trace = trace

    def propose(self, count: int) -> Proposal:
        """Draft `count` tokens one after another; none of them reaches the host."""
        if count == 0:
            return Proposal(self._pending.new_empty(0, device=self._device), None)
        tokens, probabilities, noted, feed = [], [], [], self._pending
        for _ in range(count):
            logits = self._model.extend(feed).logits[-1:]
            if self._sampler.greedy:
                feed = logits.argmax(dim=-1)
            else:
                weights = self._sampler.distribution(logits)
                feed = self._sampler.draw(weights)
                probabilities.append(weights)
            tokens.append(feed)
            if self._trace:
                noted.append(logits)
        drawn_from = self._join(probabilities) if probabilities else None
        joined = self._join(tokens)
        return Proposal(joined, drawn_from, tuple(noted) if noted else None)

    def settle(self, proposal: Proposal, accepted: int, next_token: Tensor) -> None:
        """Take over a round's outcome: the cache forgets what was not accepted.

        The last draft token was never fed to the draft itself, so after a fully accepted chain the cache lacks two
        tokens; the next round's first step feeds both.
        """
        count = proposal.tokens.shape[0]
        if accepted == count:
            behind = self._pending if count == 0 else proposal.tokens[-1:]
            self._pending = torch.cat((behind, next_token))
            return
        self._model.rollback(self._model.length - (count - 1 - accepted))
        self._pending = next_token

    def _join(self, parts: list[Tensor]) -> Tensor:
        return torch.cat(parts).to(self._device)
