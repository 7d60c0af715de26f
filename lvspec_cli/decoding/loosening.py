"""What lossy rules that judge token by token share: an exact test, what may never be loosened, and a guard.

A draft token that fails the exact test is kept if the rule wants it, unless it or the target's token is critical, or
the target gives it less than a least probability, or, sampling, top-k or top-p leave it none. The guard also bounds how
far a draft may overshoot the target, the safeguard that arXiv 2607.26627 asks of lossy rules.
"""

from __future__ import annotations

from math import log

from torch import Tensor

from lvspec_cli.decoding.events import Refusal
from lvspec_cli.decoding.policies.strict import exact_test
from lvspec_cli.decoding.sampling import Sampler
from lvspec_cli.decoding.verification import Proposal, Reasons, TargetPass, Verdict, count_leading


class Loosening:
    """Applies a rule's wishes to the proposals of one decode."""

    def __init__(self, min_probability: float, critical: Tensor | None) -> None:
        """``critical``: bool [vocabulary], tokens that are never loosened, or None."""
        self._least = log(min_probability) if min_probability > 0 else -float("inf")
        self._critical = critical

    def verify(
        self,
        proposal: Proposal,
        target: TargetPass,
        sampler: Sampler,
        *,
        loose: Tensor,
        shifted: Tensor | None = None,
        relevance: Tensor | None = None,
        otherwise: Refusal = Refusal.ANCHOR,
    ) -> Verdict:
        """Keep exact tokens, and those that ``loose`` or ``shifted`` (bool [g]) want and nothing forbids.

        ``otherwise``: why those are refused that neither wants.
        """
        test = exact_test(proposal, target, sampler)
        improbable = target.draft_log_probabilities < self._least
        if test.possible is not None:
            improbable = improbable | ~test.possible
        forbidden, critical = improbable, None
        if self._critical is not None:
            critical = self._is_critical(proposal.tokens) | self._is_critical(target.choices[:-1])
            forbidden = improbable | critical
        wanted = loose if shifted is None else loose | shifted
        accepted = count_leading(test.passed | (wanted & ~forbidden))
        reasons = Reasons(test.passed, loose, shifted, critical, improbable, otherwise)
        return Verdict(accepted, test.next_token(accepted), reasons, relevance)

    def _is_critical(self, tokens: Tensor) -> Tensor:
        assert self._critical is not None  # asked only where there are any
        return self._critical.index_select(0, tokens)
