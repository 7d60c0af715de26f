"""`ar`: the target alone. The baseline that every other method is measured against."""

from __future__ import annotations

import torch

from lvspec_cli.decoding.model import Extension
from lvspec_cli.decoding.sampling import Sampler
from lvspec_cli.decoding.verification import Proposal, Verdict


class AutoregressivePolicy:
    """Takes the target's own next token; there is nothing to verify."""

    def verify(self, proposal: Proposal, extension: Extension, sampler: Sampler) -> Verdict:
        """Choose from the pass's first row."""
        next_token = sampler.choose(extension.logits[:1])
        return Verdict(torch.zeros_like(next_token), next_token)
