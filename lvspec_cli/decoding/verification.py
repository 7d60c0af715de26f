"""Verification: which of the draft's tokens are kept, and what the target says instead.

Words, as in the literature (Leviathan et al., arXiv 2211.17192; Chen et al., arXiv 2302.01318):

draft tokens      d_1..d_g, proposed one after another by the draft from its distributions q_1..q_g
target pass       one forward pass over the last committed token and d_1..d_g; it gives p_1..p_{g+1}
accepted token    a draft token that is kept; tokens are accepted from the left, up to the first that is not
rejected token    the first draft token that is not kept; it and all after it are discarded
recovered token   the target's token in place of the rejected one
bonus token       the target's token after a fully accepted draft
mean acceptance length  tokens per round, recovered or bonus token included

A policy decides by tensor operations alone and never looks at a value: the engine copies the whole verdict to the
host in one go, the only time in a round that the host waits for an accelerator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lvspec_cli.decoding.events import ORIGINS, Origin
from lvspec_cli.decoding.model import Extension
from lvspec_cli.decoding.sampling import Sampler


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the draft proposes in a round, on the target's device."""

    tokens: Tensor  # int64 [g], g may be 0
    probabilities: Tensor | None  # [g, vocabulary] that the tokens were drawn from; None when greedy or when g is 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a proposal, still on the target's device."""

    accepted: Tensor  # int64 [1], how many draft tokens are kept, from the left
    next_token: Tensor  # int64 [1], the recovered or bonus token
    origins: Tensor | None = None  # int64 [g], Origin codes of the draft tokens if kept; None: all EXACT


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict on the host."""

    draft_tokens: tuple[int, ...]  # [g]
    accepted: int  # 0..g
    next_token: int  # vocabulary index
    origins: tuple[Origin, ...]  # [g]


class VerificationPolicy(Protocol):
    """The rule of one method. One object serves one decode, so it may keep a history."""

    def verify(self, proposal: Proposal, extension: Extension, sampler: Sampler) -> Verdict:
        """Judge g draft tokens by the target's pass, whose row i (of g + 1) predicts draft token i."""
        ...


def read_verdict(proposal: Proposal, verdict: Verdict) -> Decision:
    """Copy a proposal and the verdict on it to the host: the round's one synchronisation."""
    count = proposal.tokens.shape[0]
    parts = [verdict.accepted, verdict.next_token, proposal.tokens]
    if verdict.origins is not None:
        parts.append(verdict.origins)
    accepted, next_token, *rest = torch.cat(parts).tolist()
    origins = tuple(ORIGINS[code] for code in rest[count:]) or (Origin.EXACT,) * count
    return Decision(tuple(rest[:count]), accepted, next_token, origins)
