"""`strict`: lossless verification.

Greedy, a draft token is accepted if it is the target's own choice. Sampling, it is accepted with probability
min(1, p/q), and a rejected one is replaced by a draw from max(p - q, 0), normalised: whatever the draft proposes,
the tokens are distributed as the target's own (Leviathan et al., arXiv 2211.17192, section 2.3 and appendix A.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from lvspec_cli.decoding.sampling import Sampler
from lvspec_cli.decoding.verification import Proposal, TargetPass, Verdict, count_leading


@dataclass(frozen=True, slots=True)
class ExactTest:
    """Which draft tokens are the target's own, and what it says in place of the first that is not kept."""

    passed: Tensor  # bool [g]
    next_token: Callable[[Tensor], Tensor]  # accepted int64 [1] -> the recovered or bonus token, int64 [1]
    possible: Tensor | None = None  # bool [g], the target might draw it after temperature and truncation; None: greedy


class StrictPolicy:
    """Keeps what the target would have said itself."""

    def verify(self, proposal: Proposal, target: TargetPass, sampler: Sampler) -> Verdict:
        """Accept the longest head of the proposal that passes the exact test."""
        test = exact_test(proposal, target, sampler)
        accepted = count_leading(test.passed)
        return Verdict(accepted, test.next_token(accepted))


def exact_test(proposal: Proposal, target: TargetPass, sampler: Sampler) -> ExactTest:
    """The lossless test of every draft token, with which lossy methods begin."""
    if sampler.greedy:
        passed = proposal.tokens == target.choices[:-1]
        return ExactTest(passed, lambda accepted: target.choices.index_select(0, accepted))
    return _sampled_test(proposal, sampler.distribution(target.logits), sampler)


def _sampled_test(proposal: Proposal, target: Tensor, sampler: Sampler) -> ExactTest:
    """Speculative sampling, given the target's distributions [g + 1, vocabulary].

    u < p/q is written u q < p, so that no division can fail.
    """
    tokens, draft = proposal.tokens, proposal.probabilities
    if draft is None:
        return ExactTest(tokens == tokens, lambda accepted: sampler.draw(target[:1]))  # there are no tokens
    column = tokens.unsqueeze(-1)
    target_of = target[:-1].gather(-1, column).squeeze(-1)
    draft_of = draft.gather(-1, column).squeeze(-1)
    passed = sampler.uniform(tokens.shape[0]) * draft_of < target_of
    return ExactTest(passed, lambda accepted: sampler.draw(_residual(draft, target, accepted)), target_of > 0)


def _residual(draft: Tensor, target: Tensor, accepted: Tensor) -> Tensor:
    """Weights [1, vocabulary] for the token after the accepted ones.

    After a rejection they are max(p - q, 0). After a fully accepted draft they are p, because q is taken as 0 there.
    If rounding leaves no residual at all, p equals q to the last bit that counts, and p serves.
    """
    p = target.index_select(0, accepted)
    residual = (p - pad(draft, (0, 0, 0, 1)).index_select(0, accepted)).clamp_min_(0.0)
    return torch.where(residual.sum() > 0, residual, p)
