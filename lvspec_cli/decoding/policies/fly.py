"""`fly`: a mismatch where the target hesitates survives if the draft falls back into step (FLy, arXiv 2511.22972).

With vLLM's meaning of the three parameters: the entropy is that of the k most probable tokens, in nats, not
renormalised; the window counts the draft tokens after the mismatch that must pass the exact test themselves, and must
fit into the proposal. It is one for the whole decode: a proposal too short for it rescues nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lvspec_cli.decoding.policies.strict import exact_test
from lvspec_cli.decoding.sampling import Sampler
from lvspec_cli.decoding.verification import Proposal, Reasons, TargetPass, Verdict, count_leading

USUAL_WINDOW = 6


class FlyPolicy:
    """Defers judgement at uncertain places."""

    def __init__(self, window: int | None, entropy: float, top_k: int, most_draft_tokens: int) -> None:
        """``window``: None for 6, or one less than the most draft tokens of a round; ``entropy``: nats."""
        self._window = min(USUAL_WINDOW, most_draft_tokens - 1) if window is None else window
        self._entropy, self._top_k = entropy, top_k

    def verify(self, proposal: Proposal, target: TargetPass, sampler: Sampler) -> Verdict:
        """Accept the longest head of tokens that pass the exact test or are rescued."""
        test = exact_test(proposal, target, sampler)
        if not 0 < self._window < proposal.tokens.shape[0]:
            accepted = count_leading(test.passed)
            return Verdict(accepted, test.next_token(accepted))
        rescued = in_step_after(test.passed, self._window) & (self._hesitation(target, sampler) >= self._entropy)
        rescued = rescued & (target.draft_log_probabilities.isfinite() if test.possible is None else test.possible)
        accepted = count_leading(test.passed | rescued)
        return Verdict(accepted, test.next_token(accepted), Reasons(test.passed, rescued))

    def _hesitation(self, target: TargetPass, sampler: Sampler) -> Tensor:
        """Nats [g] of the most probable tokens of every row but the last, in float32."""
        count = min(self._top_k, target.logits.shape[-1])
        if sampler.greedy:
            likely = target.log_probabilities[:-1].topk(count, dim=-1).values.exp()
        else:
            likely = sampler.distribution(target.logits[:-1]).topk(count, dim=-1).values
        hesitation: Tensor = torch.special.entr(likely).sum(-1)
        return hesitation


def in_step_after(passed: Tensor, window: int) -> Tensor:
    """Whether the ``window`` draft tokens after each one (bool [g]) all passed; never where fewer follow."""
    count = passed.shape[0]
    whole = passed.unfold(0, window, 1).all(dim=-1)  # entry i: tokens i to i + window - 1
    result = torch.zeros_like(passed)
    result[: count - window] = whole[1:]
    return result
