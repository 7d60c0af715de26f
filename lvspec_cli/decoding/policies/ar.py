"""`ar`: the target alone. The baseline that every other method is measured against."""

from __future__ import annotations

import torch

from lvspec_cli.decoding.sampling import Sampler
from lvspec_cli.decoding.verification import Proposal, TargetPass, Verdict


class AutoregressivePolicy:
    """Takes the target's own next token; there is nothing to verify."""

    def verify(self, proposal: Proposal, target: TargetPass, sampler: Sampler) -> Verdict:
        """Choose from the pass's first row."""
        next_token = target.choices[:1] if sampler.greedy else sampler.choose(target.logits[:1])
        return Verdict(torch.zeros_like(next_token), next_token)
