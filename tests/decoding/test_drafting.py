"""The draft's cache keeps step with what was committed, also over rounds without a draft."""

from __future__ import annotations

import torch

from lvspec_cli.decoding.drafting import Drafter
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.sampling import Sampler
from tests.decoding.toy_models import ToyModel

CPU = torch.device("cpu")


def drafter_of(model: ToyModel, **options: float) -> Drafter:
    first = model.prefill([1, 2, 3])
    return Drafter(model, Sampler(DecodingOptions(**options), CPU, draft=True), torch.tensor([first]), CPU)  # type: ignore[arg-type]


def test_after_a_full_chain_the_next_first_step_feeds_two_tokens() -> None:
    model = ToyModel()
    drafter = drafter_of(model)
    proposal = drafter.propose(3)
    drafter.settle(proposal, 3, torch.tensor([6]))
    drafter.propose(2)
    last = int(proposal.tokens[-1])
    assert [fed for _, fed in model.passes[3:4]] == [(last, 6)]
    assert model.history[:7] == [1, 2, 3, *proposal.tokens.tolist(), 6]


def test_a_rejected_chain_is_forgotten() -> None:
    model = ToyModel()
    drafter = drafter_of(model)
    proposal = drafter.propose(4)
    drafter.settle(proposal, 1, torch.tensor([6]))
    assert model.history == [1, 2, 3, int(proposal.tokens[0])]
    drafter.propose(1)
    assert model.passes[-1] == (4, (6,))


def test_rounds_without_a_draft_are_caught_up_in_one_pass() -> None:
    model = ToyModel()
    drafter = drafter_of(model)
    for token in (4, 5, 6):
        proposal = drafter.propose(0)
        assert proposal.tokens.shape == (0,)
        assert proposal.probabilities is None
        drafter.settle(proposal, 0, torch.tensor([token]))
    assert model.passes == []
    drafter.propose(1)
    assert model.passes == [(2, (3, 4, 5, 6))]


def test_greedy_proposals_come_without_probabilities_and_sampled_ones_with_theirs() -> None:
    assert drafter_of(ToyModel()).propose(3).probabilities is None
    model = ToyModel()
    proposal = drafter_of(model, temperature=0.9, top_k=2).propose(3)
    assert proposal.probabilities is not None
    assert proposal.probabilities.shape == (3, 7)
    assert (proposal.probabilities.gather(-1, proposal.tokens.unsqueeze(-1)) > 0).all()
    assert ((proposal.probabilities > 0).sum(dim=-1) == 2).all()
