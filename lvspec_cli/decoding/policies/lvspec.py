"""`lvspec`: loosely speculative decoding (arXiv 2604.05650). Anchors must match, fillers may differ, shifts are saved.

For every draft token d in order, t being the target's own choice there: an exact match is kept; critical tokens are
never loosened; a d that the target finds too improbable is not kept; a filler is kept loosely; an anchor that the
target itself chooses a position or two away is kept as shifted; at anything else the chain ends, with t.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from lvspec_cli.decoding.events import Refusal
from lvspec_cli.decoding.loosening import Loosening
from lvspec_cli.decoding.policies.strict import StrictPolicy
from lvspec_cli.decoding.relevance import RelevanceJudge
from lvspec_cli.decoding.sampling import Sampler
from lvspec_cli.decoding.verification import Proposal, TargetPass, Verdict


class LvspecPolicy:
    """Loose on fillers, strict on anchors."""

    def __init__(self, judge: RelevanceJudge, loosening: Loosening, shift_window: int) -> None:
        """``shift_window``: positions before or after at which the target may choose an anchor; 0: never."""
        self._judge, self._loosening, self._window = judge, loosening, shift_window

    def verify(self, proposal: Proposal, target: TargetPass, sampler: Sampler) -> Verdict:
        """Judge every draft token's relevance, and accept the longest head that the rule keeps."""
        if proposal.tokens.shape[0] == 0:
            return StrictPolicy().verify(proposal, target, sampler)
        judgement = self._judge.judge(proposal, target)
        return self._loosening.verify(
            proposal,
            target,
            sampler,
            loose=judgement.filler,
            otherwise=Refusal.ANCHOR,
            shifted=chosen_nearby(proposal.tokens, target.choices, self._window) if self._window else None,
            relevance=judgement.relevance,
        )


def chosen_nearby(tokens: Tensor, choices: Tensor, window: int) -> Tensor:
    """Whether each draft token [g] is the target's choice [g + 1] at most ``window`` positions before or after it."""
    near = _apart_within(tokens.shape[0], window, tokens.device)
    return (near & (tokens.unsqueeze(-1) == choices)).any(dim=-1)


@lru_cache(maxsize=64)
def _apart_within(count: int, window: int, device: torch.device) -> Tensor:
    """bool [count, count + 1]: places apart, but by no more than the window."""
    here = torch.arange(count, device=device).unsqueeze(-1)
    distance = (here - torch.arange(count + 1, device=device)).abs()
    return (distance > 0) & (distance <= window)
