"""The decoding loop: draft, verify, accept, commit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from lvspec_cli.decoding.clock import RoundClock, RoundTimes
from lvspec_cli.decoding.draft_length import DraftLength
from lvspec_cli.decoding.drafting import Drafter
from lvspec_cli.decoding.events import FinishReason, Grounding, Origin, Round, Token
from lvspec_cli.decoding.evidence import Evidence
from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.decoding.model import DecodableModel, Extension
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.relevance import NOTHING_KNOWN, PairKnowledge
from lvspec_cli.decoding.sampling import Sampler
from lvspec_cli.decoding.transcript import Transcript
from lvspec_cli.decoding.verification import Decision, Proposal, Verdict, read_pass, read_verdict


def decode(
    target: DecodableModel,
    draft: DecodableModel | None,
    options: DecodingOptions,
    first_token: int,
    knowledge: PairKnowledge = NOTHING_KNOWN,
    length: DraftLength | None = None,
) -> Iterator[Round]:
    """Yield the rounds of a decode, until one of them has a finish reason.

    Both models are prefilled; `first_token` is what their `prefill` returned. Whenever a round has been yielded, the
    target's cache holds the prompt and all committed tokens but the last, and the draft's cache holds no others, so
    the iterator may be dropped at any time. A method that drafts nothing leaves `draft` alone; `knowledge` is for lossy
    methods. Where the options leave the draft length open, `length` chooses it: hand over the same one for every decode
    of a pair by a method, so that it need not get to know them anew; None makes a fresh one.

    Raises ValueError if the method needs a draft or a calibration that is not there, or if the vocabularies differ.
    """
    drafts = METHODS[options.method].drafts
    if drafts and draft is None:
        raise ValueError(f"method {options.method} needs a draft model; give one, or choose method ar")
    if drafts and draft is not None and draft.vocabulary_size != target.vocabulary_size:
        raise ValueError(
            f"the draft's vocabulary has {draft.vocabulary_size} tokens and the target's {target.vocabulary_size}; "
            "cut both to the tokenizer they share"
        )
    return _Engine(target, draft if drafts else None, options, first_token, knowledge, length).run()


class _Engine:
    """The state of one decode between rounds."""

    def __init__(
        self,
        target: DecodableModel,
        draft: DecodableModel | None,
        options: DecodingOptions,
        first_token: int,
        knowledge: PairKnowledge,
        length: DraftLength | None,
    ) -> None:
        self._target = target
        self._feed = torch.tensor([first_token], device=target.device)  # the committed token that the cache lacks
        self._drafter: Drafter | None = None
        if draft is not None:
            self._drafter = Drafter(
                draft, Sampler(options, draft.device, draft=True), self._feed, target.device, trace=options.trace
            )
        self._nothing = Proposal(self._feed.new_empty(0), None)
        self._most = options.most_draft_tokens
        self._length: DraftLength | None = None
        if options.draft_tokens == "auto":
            self._length = length or DraftLength()
            self._length.begin()
        self._policy = METHODS[options.method].build(options, knowledge, target.device)
        self._sampler = Sampler(options, target.device)
        self._transcript = Transcript(options)
        self._clock = RoundClock(target.device)
        self._evidence = Evidence()

    def run(self) -> Iterator[Round]:
        index = 0
        try:
            while self._transcript.finish_reason is None:
                yield self._round(index)
                index += 1
        finally:
            self._evidence.settle()

    @torch.inference_mode()
    def _round(self, index: int) -> Round:
        self._clock.start()
        proposal = self._draft()
        self._clock.drafted()
        base = self._target.length
        fed = self._feed if proposal is self._nothing else torch.cat((self._feed, proposal.tokens))
        extension = self._target.extend(fed)
        target = read_pass(proposal, extension)
        verdict = self._policy.verify(proposal, target, self._sampler)
        decision = read_verdict(proposal, target, verdict, greedy=self._sampler.greedy)
        self._clock.verified()
        tokens = self._transcript.commit(candidates(decision))
        self._settle(base + len(tokens), proposal, verdict, len(tokens) - 1)
        times = self._clock.stop()
        if self._length is not None:
            # Not the whole round: what else is done must not change how many tokens are drafted.
            self._length.observe(len(decision.draft_tokens), decision.accepted, times.draft, times.verify)
        own, groundings = self._explained(proposal, extension, decision, len(tokens))
        return _event(index, decision, own, groundings, tokens, self._transcript.finish_reason, times)

    def _draft(self) -> Proposal:
        """Propose a chain, leaving room for the target's own token after it."""
        if self._drafter is None:
            return self._nothing
        room = self._transcript.room - 1
        return self._drafter.propose(min(self._most, room) if self._length is None else self._length.choose(room))

    def _explained(
        self, proposal: Proposal, extension: Extension, decision: Decision, committed: int
    ) -> tuple[Sequence[float] | None, Sequence[Grounding | None] | None]:
        """The draft's own log-probabilities and the groundings of a round, as far as a trace wants them."""
        own = groundings = None
        if proposal.logits is not None:
            own = self._evidence.of_draft(proposal.logits, proposal.tokens)
        if extension.grounding is not None:
            places = explained_places(decision, committed)
            groundings = self._evidence.of_video(extension.grounding, places, len(decision.choices))
        self._evidence.round_ends()
        return own, groundings

    def _settle(self, length: int, proposal: Proposal, verdict: Verdict, accepted: int) -> None:
        """Make both caches forget what was not committed; the next round feeds the last committed token."""
        self._target.rollback(length)
        self._feed = verdict.next_token
        if self._drafter is not None:
            self._drafter.settle(proposal, accepted, self._feed)


def candidates(decision: Decision) -> Iterator[Token]:
    """The accepted draft tokens, then the target's own token."""
    for place in range(decision.accepted):
        yield Token(
            decision.draft_tokens[place],
            decision.origins[place],
            decision.draft_log_probabilities[place],
            decision.choices[place],
            decision.choice_log_probabilities[place],
            decision.relevance[place],
        )
    yield Token(
        decision.next_token,
        _origin_of_next(decision),
        decision.next_log_probability,
        decision.choices[decision.accepted],
        decision.choice_log_probabilities[decision.accepted],
    )


def explained_places(decision: Decision, committed: int) -> list[int]:
    """Where it is told what the target looked at: everything but fillers that were accepted, up to what is rejected.

    ``committed``: tokens; places behind the end of the output are left out.
    """
    places = [place for place in range(min(committed, decision.accepted)) if not decision.fillers[place]]
    own = committed > decision.accepted  # or else the output ended within the draft
    rejected = decision.refusal is not None
    return [*places, decision.accepted] if own or rejected else places


def _origin_of_next(decision: Decision) -> Origin:
    if not decision.draft_tokens:
        return Origin.TARGET
    return Origin.BONUS if decision.accepted == len(decision.draft_tokens) else Origin.RECOVERED


def _event(
    index: int,
    decision: Decision,
    own_log_probabilities: Sequence[float] | None,
    groundings: Sequence[Grounding | None] | None,
    tokens: tuple[Token, ...],
    finish_reason: FinishReason | None,
    times: RoundTimes,
) -> Round:
    return Round(
        index=index,
        draft_tokens=decision.draft_tokens,
        tokens=tokens,
        rejected=decision.draft_tokens[decision.accepted :],
        draft_seconds=times.draft,
        verify_seconds=times.verify,
        round_seconds=times.round,
        finish_reason=finish_reason,
        refusal=decision.refusal,
        choices=decision.choices,
        choice_log_probabilities=decision.choice_log_probabilities,
        draft_log_probabilities=decision.draft_log_probabilities,
        relevance=decision.relevance,
        fillers=decision.fillers,
        own_log_probabilities=own_log_probabilities,
        groundings=groundings,
    )
