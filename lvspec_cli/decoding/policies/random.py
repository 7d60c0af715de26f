"""`random`: the control. A mismatch survives by a throw of the dice, with the same list and guard as in `lvspec`.

Loosening buys length whichever tokens it takes; a relevance signal earns its place only by the quality that it saves
over this (survey arXiv 2604.05546, tables 9 and 10).
"""

from __future__ import annotations

from lvspec_cli.decoding.events import Refusal
from lvspec_cli.decoding.loosening import Loosening
from lvspec_cli.decoding.sampling import Sampler
from lvspec_cli.decoding.verification import Proposal, TargetPass, Verdict


class RandomPolicy:
    """Keeps a share of the mismatches, whatever they say."""

    def __init__(self, share: float, loosening: Loosening) -> None:
        self._share, self._loosening = share, loosening

    def verify(self, proposal: Proposal, target: TargetPass, sampler: Sampler) -> Verdict:
        """Throw the dice for every draft token."""
        loose = sampler.uniform(proposal.tokens.shape[0]) < self._share
        return self._loosening.verify(proposal, target, sampler, loose=loose, otherwise=Refusal.CHANCE)
