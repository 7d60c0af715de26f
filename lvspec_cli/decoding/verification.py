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
from math import isnan, nan
from typing import Protocol

import torch
from torch import Tensor

from lvspec_cli.decoding.events import ORIGINS, REFUSALS, Origin, Refusal
from lvspec_cli.decoding.model import Extension
from lvspec_cli.decoding.sampling import Sampler


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the draft proposes in a round, on the target's device."""

    tokens: Tensor  # int64 [g], g may be 0
    probabilities: Tensor | None  # [g, vocabulary] that the tokens were drawn from; None when greedy or when g is 0


@dataclass(frozen=True, slots=True)
class TargetPass:
    """What the target says of a proposal of g tokens: row i of g + 1 predicts draft token i, the last row what follows.

    Log-probabilities are the target's own: in nats, before temperature and truncation.
    """

    logits: Tensor  # [g + 1, vocabulary]
    choices: Tensor  # int64 [g + 1], the most probable token of each row
    choice_log_probabilities: Tensor  # float32 [g + 1]
    draft_log_probabilities: Tensor  # float32 [g], of the draft tokens
    normalizers: Tensor  # float32 [g + 1], logarithms of the sums over each row's exponentials
    video_attention: Tensor | None  # [g + 1], see `Extension`
    video_cosine: Tensor | None  # [g + 1]


def read_pass(proposal: Proposal, extension: Extension) -> TargetPass:
    """The target's view of a proposal, from its pass over the last committed token and the proposal."""
    logits = extension.logits
    best, choices = logits.max(dim=-1)
    normalizers = logits.float().logsumexp(dim=-1)
    of_draft = logits[:-1].gather(-1, proposal.tokens.unsqueeze(-1)).squeeze(-1)
    return TargetPass(
        logits=logits,
        choices=choices,
        choice_log_probabilities=best - normalizers,
        draft_log_probabilities=of_draft - normalizers[:-1],
        normalizers=normalizers,
        video_attention=extension.video_attention,
        video_cosine=extension.video_cosine,
    )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a proposal, still on the target's device."""

    accepted: Tensor  # int64 [1], how many draft tokens are kept, from the left
    next_token: Tensor  # int64 [1], the recovered or bonus token
    origins: Tensor | None = None  # int64 [g], Origin codes of the draft tokens if kept; None: all EXACT
    refusals: Tensor | None = None  # int64 [g], Refusal codes of the draft tokens if not kept; None: all MISMATCH
    relevance: Tensor | None = None  # float32 [g], NaN where it is not known; None: not asked for


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict on the host."""

    draft_tokens: tuple[int, ...]  # [g]
    accepted: int  # 0..g
    next_token: int  # vocabulary index
    next_log_probability: float  # nats
    origins: tuple[Origin, ...]  # [g]
    choices: tuple[int, ...]  # [g + 1]
    choice_log_probabilities: tuple[float, ...]  # [g + 1], nats
    draft_log_probabilities: tuple[float, ...]  # [g], nats
    relevance: tuple[float | None, ...]  # [g]
    refusal: Refusal | None  # of the first token that was not kept


class VerificationPolicy(Protocol):
    """The rule of one method. One object serves one decode, so it may keep a history."""

    def verify(self, proposal: Proposal, target: TargetPass, sampler: Sampler) -> Verdict:
        """Judge g draft tokens by the target's pass over them."""
        ...


def count_leading(kept: Tensor) -> Tensor:
    """How many of a bool [g] are true before the first false: int64 [1]."""
    return kept.cumprod(dim=0).sum(dim=0, keepdim=True)


def read_verdict(proposal: Proposal, target: TargetPass, verdict: Verdict) -> Decision:
    """Copy a proposal and the verdict on it to the host in one tensor: the round's one synchronisation.

    Numbers and codes travel as float32, which holds every integer below 2 ** 24.
    """
    count = proposal.tokens.shape[0]
    nothing = target.normalizers.new_full((count,), nan)
    of_next = target.logits.index_select(0, verdict.accepted).gather(-1, verdict.next_token.unsqueeze(-1)).squeeze(-1)
    parts = (
        verdict.accepted,
        verdict.next_token,
        of_next - target.normalizers.index_select(0, verdict.accepted),
        proposal.tokens,
        nothing if verdict.origins is None else verdict.origins,
        nothing if verdict.refusals is None else verdict.refusals,
        nothing if verdict.relevance is None else verdict.relevance,
        target.draft_log_probabilities,
        target.choices,
        target.choice_log_probabilities,
    )
    accepted, next_token, next_log_probability, *rest = torch.cat([part.float() for part in parts]).tolist()
    tokens, origins, refusals, relevance, of_draft = (rest[i * count : (i + 1) * count] for i in range(5))
    choices, of_choices = rest[5 * count : 6 * count + 1], rest[6 * count + 1 :]
    kept = int(accepted)
    return Decision(
        draft_tokens=tuple(map(int, tokens)),
        accepted=kept,
        next_token=int(next_token),
        next_log_probability=next_log_probability,
        origins=tuple(Origin.EXACT if isnan(code) else ORIGINS[int(code)] for code in origins),
        choices=tuple(map(int, choices)),
        choice_log_probabilities=tuple(of_choices),
        draft_log_probabilities=tuple(of_draft),
        relevance=tuple(None if isnan(value) else value for value in relevance),
        refusal=None if kept == count else _refusal(refusals[kept]),
    )


def _refusal(code: float) -> Refusal:
    return Refusal.MISMATCH if isnan(code) else REFUSALS[int(code)]
