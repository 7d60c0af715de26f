"""`strict`: lossless verification.

Greedy, a draft token is accepted if it is the target's own choice. Sampling, it is accepted with probability
min(1, p/q), and a rejected one is replaced by a draw from max(p - q, 0), normalised: whatever the draft proposes,
the tokens are distributed as the target's own (Leviathan et al., arXiv 2211.17192, section 2.3 and appendix A.1).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from lvspec_cli.decoding.model import Extension
from lvspec_cli.decoding.sampling import Sampler
from lvspec_cli.decoding.verification import Proposal, Verdict


class StrictPolicy:
    """Keeps what the target would have said itself."""

    def verify(self, proposal: Proposal, extension: Extension, sampler: Sampler) -> Verdict:
        """Accept the longest head of the proposal that the target agrees with."""
        if sampler.greedy:
            return verify_greedy(proposal.tokens, extension.logits)
        target = sampler.distribution(extension.logits)
        if proposal.probabilities is None:
            next_token = sampler.draw(target[:1])
            return Verdict(torch.zeros_like(next_token), next_token)
        return verify_sampled(proposal.tokens, proposal.probabilities, target, sampler)


def verify_greedy(tokens: Tensor, logits: Tensor) -> Verdict:
    """Compare draft tokens [g] with the most probable tokens of logits [g + 1, vocabulary]."""
    choices = logits.argmax(dim=-1)
    accepted = count_leading(tokens == choices[:-1])
    return Verdict(accepted, choices.index_select(0, accepted))


def verify_sampled(tokens: Tensor, draft: Tensor, target: Tensor, sampler: Sampler) -> Verdict:
    """Speculative sampling of draft tokens [g] drawn from `draft` [g, vocabulary], given `target` [g + 1, vocabulary].

    u < p/q is written u q < p, so that no division can fail.
    """
    column = tokens.unsqueeze(-1)
    target_of = target[:-1].gather(-1, column).squeeze(-1)
    draft_of = draft.gather(-1, column).squeeze(-1)
    accepted = count_leading(sampler.uniform(tokens.shape[0]) * draft_of < target_of)
    return Verdict(accepted, sampler.draw(_residual(draft, target, accepted)))


def _residual(draft: Tensor, target: Tensor, accepted: Tensor) -> Tensor:
    """Weights [1, vocabulary] for the token after the accepted ones.

    After a rejection they are max(p - q, 0). After a fully accepted draft they are p, because q is taken as 0 there.
    If rounding leaves no residual at all, p equals q to the last bit that counts, and p serves.
    """
    p = target.index_select(0, accepted)
    residual = (p - pad(draft, (0, 0, 0, 1)).index_select(0, accepted)).clamp_min_(0.0)
    return torch.where(residual.sum() > 0, residual, p)


def count_leading(kept: Tensor) -> Tensor:
    """How many of a bool [g] are true before the first false: int64 [1]."""
    return kept.cumprod(dim=0).sum(dim=0, keepdim=True)
