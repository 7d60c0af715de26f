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

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import isnan
from typing import Protocol

import torch
from torch import Tensor

from lvspec_cli.decoding.events import Origin, Refusal
from lvspec_cli.decoding.model import Extension
from lvspec_cli.decoding.sampling import Sampler


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the draft proposes in a round, on the target's device."""

    tokens: Tensor  # int64 [g], g may be 0
    probabilities: Tensor | None  # [g, vocabulary] that the tokens were drawn from; None when greedy or when g is 0
    logits: tuple[Tensor, ...] | None = None  # g of [1, vocabulary], the draft's, where it is; None: nobody asked


@dataclass(frozen=True, slots=True)
class TargetPass:
    """What the target says of a proposal of g tokens: row i of g + 1 predicts draft token i, the last row what follows.

    Log-probabilities are the target's own: in nats, before temperature and truncation.
    """

    logits: Tensor  # [g + 1, vocabulary]
    log_probabilities: Tensor  # float32 [g + 1, vocabulary]
    choices: Tensor  # int64 [g + 1], the most probable token of each row
    choice_log_probabilities: Tensor  # float32 [g + 1]
    draft_log_probabilities: Tensor  # float32 [g], of the draft tokens
    video_attention: Tensor | None  # [g + 1], see `Extension`
    video_cosine: Tensor | None  # [g + 1]


def read_pass(proposal: Proposal, extension: Extension) -> TargetPass:
    """The target's view of a proposal, from its pass over the last committed token and the proposal."""
    log_probabilities = extension.logits.log_softmax(dim=-1, dtype=torch.float32)
    choices = extension.logits.argmax(dim=-1)  # not of the logarithms, whose rounding makes ties
    of_choices = log_probabilities.gather(-1, choices.unsqueeze(-1)).squeeze(-1)
    of_draft = of_choices[:0]
    if proposal.tokens.shape[0]:
        of_draft = log_probabilities[:-1].gather(-1, proposal.tokens.unsqueeze(-1)).squeeze(-1)
    return TargetPass(
        logits=extension.logits,
        log_probabilities=log_probabilities,
        choices=choices,
        choice_log_probabilities=of_choices,
        draft_log_probabilities=of_draft,
        video_attention=extension.video_attention,
        video_cosine=extension.video_cosine,
    )


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why a lossy method would keep each of g draft tokens, or not; one that is exact is kept whatever else holds."""

    exact: Tensor  # bool [g], it passes the lossless test
    loose: Tensor  # bool [g], the method would keep it all the same
    shifted: Tensor | None = None  # bool [g], so would it because the target says it nearby
    critical: Tensor | None = None  # bool [g], but it must not be loosened
    improbable: Tensor | None = None  # bool [g], but the target finds it too improbable
    otherwise: Refusal = Refusal.MISMATCH  # why one is refused that the method would not keep


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a proposal, still on the target's device."""

    accepted: Tensor  # int64 [1], how many draft tokens are kept, from the left
    next_token: Tensor  # int64 [1], the recovered or bonus token; greedy, the target's choice at that place
    reasons: Reasons | None = None  # None: exact tokens are kept, and no others
    relevance: Tensor | None = None  # float32 [g], NaN where it is not known; None: not asked for


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict on the host."""

    draft_tokens: tuple[int, ...]  # [g]
    accepted: int  # 0..g
    next_token: int  # vocabulary index
    next_log_probability: float  # nats
    origins: tuple[Origin, ...]  # [accepted]
    choices: tuple[int, ...]  # [g + 1]
    choice_log_probabilities: tuple[float, ...]  # [g + 1], nats
    draft_log_probabilities: tuple[float, ...]  # [g], nats
    relevance: tuple[float | None, ...]  # [g]
    fillers: tuple[bool | None, ...]  # [g], None where nothing was judged
    refusal: Refusal | None  # of the first token that was not kept


class VerificationPolicy(Protocol):
    """The rule of one method. One object serves one decode, so it may keep a history."""

    def verify(self, proposal: Proposal, target: TargetPass, sampler: Sampler) -> Verdict:
        """Judge g draft tokens by the target's pass over them."""
        ...


def count_leading(kept: Tensor) -> Tensor:
    """How many of a bool [g] are true before the first false: int64 [1]."""
    return kept.cumprod(dim=0).sum(dim=0, keepdim=True)


def read_verdict(proposal: Proposal, target: TargetPass, verdict: Verdict, *, greedy: bool) -> Decision:
    """Copy a proposal and the verdict on it to the host in one tensor: the round's one synchronisation.

    Everything travels as float32, which holds every integer below 2 ** 24. Greedy, what comes next is known from the
    target's choices.
    """
    count = proposal.tokens.shape[0]
    parts = [target.choices, target.choice_log_probabilities]
    if count:
        reasons = verdict.reasons
        parts += [verdict.accepted, proposal.tokens, target.draft_log_probabilities]
        if verdict.relevance is not None:
            parts.append(verdict.relevance)
        if reasons is not None:  # joined first, so that they are converted together
            parts += [torch.cat([part for name in MARKS if (part := getattr(reasons, name)) is not None])]
    if not greedy:
        parts += [verdict.next_token, target.log_probabilities[verdict.accepted, verdict.next_token]]
    numbers = iter(torch.cat([part.float() for part in parts]).tolist())
    choices = tuple(map(int, islice(numbers, count + 1)))
    of_choices = tuple(islice(numbers, count + 1))
    accepted = int(next(numbers)) if count else 0
    tokens = tuple(map(int, islice(numbers, count)))
    of_draft = tuple(islice(numbers, count))
    relevance: tuple[float | None, ...] = (None,) * count
    if verdict.relevance is not None:
        relevance = tuple(None if isnan(value) else value for value in islice(numbers, count))
    why = _ReasonsOnHost(verdict.reasons, numbers, count)
    next_token, next_log_probability = choices[accepted], of_choices[accepted]
    if not greedy:
        next_token, next_log_probability = int(next(numbers)), next(numbers)
    return Decision(
        draft_tokens=tokens,
        accepted=accepted,
        next_token=next_token,
        next_log_probability=next_log_probability,
        origins=tuple(map(why.origin, range(accepted))),
        choices=choices,
        choice_log_probabilities=of_choices,
        draft_log_probabilities=of_draft,
        relevance=relevance,
        fillers=(None,) * count if verdict.relevance is None else why.fillers(),
        refusal=None if accepted == count else why.refusal(accepted),
    )


MARKS = ("exact", "loose", "shifted", "critical", "improbable")  # the fields of `Reasons` that travel


class _ReasonsOnHost:
    """Reasons on the host, read as origins and refusals."""

    def __init__(self, reasons: Reasons | None, numbers: Iterator[float], count: int) -> None:
        self._otherwise = Refusal.MISMATCH if reasons is None else reasons.otherwise
        self._holds: dict[str, tuple[float, ...]] = {}  # name of a reason -> 1 where it holds, [g]
        if reasons is not None and count:
            given = [name for name in MARKS if getattr(reasons, name) is not None]
            self._holds = {name: tuple(islice(numbers, count)) for name in given}

    def origin(self, place: int) -> Origin:
        """How an accepted draft token came to be."""
        if not self._holds or self._holds["exact"][place]:
            return Origin.EXACT
        return Origin.LOOSE if self._holds["loose"][place] else Origin.SHIFTED

    def refusal(self, place: int) -> Refusal:
        """Why a draft token was not kept."""
        if self._is("critical", place):
            return Refusal.CRITICAL
        if self._is("improbable", place) and (self._is("loose", place) or self._is("shifted", place)):
            return Refusal.GUARD
        return self._otherwise

    def fillers(self) -> tuple[bool, ...]:
        """Of tokens that were judged: those that the method would keep whatever the target prefers."""
        return tuple(map(bool, self._holds["loose"]))

    def _is(self, name: str, place: int) -> bool:
        return name in self._holds and bool(self._holds[name][place])
