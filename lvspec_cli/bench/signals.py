"""What every signal says at every place of the target's own captions, beside what is true there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np
import torch
from torch import Tensor

from lvspec_cli.bench.anchors import blanked, true_anchors
from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.contenders import EngineContender, greedy_options
from lvspec_cli.decoding.looseness import SIGNALS, Looseness, WatchedLayers
from lvspec_cli.decoding.loosening import Loosening
from lvspec_cli.decoding.relevance import Calibration, RelevanceJudge, check_calibrated, watched_layers
from lvspec_cli.decoding.sampling import Sampler
from lvspec_cli.decoding.verification import Proposal, TargetPass, read_pass
from lvspec_cli.models.critical import critical_tokens
from lvspec_cli.models.pair import Pair
from lvspec_cli.models.prefill import prefill_pair
from lvspec_cli.models.prompt import PreparedPrompt
from lvspec_cli.preset import PromptSpec, PruningSpec

CONTROLS = ("low entropy", "margin", "chance")  # what no method reads, to compare the signals with


@dataclass(frozen=True)
class Places:
    """The n places of one caption of the target."""

    mismatch: tuple[bool, ...]  # [n], whether the draft would say another token there
    open: tuple[bool, ...]  # [n], whether it is a mismatch that neither the critical list nor the guard refuses
    anchor: tuple[bool, ...]  # [n], whether the target's token or the draft's names an attribute
    drop: tuple[float, ...]  # [n], nats that the target's token loses when the video is blanked
    scores: Mapping[str, tuple[float, ...]]  # signal or control -> [n]; infinity where a signal knows nothing


@dataclass(frozen=True)
class _Place:
    """What the target's pass over one draft token shows."""

    log_probability: float  # nats, of the token that the target said
    open: bool  # whether the draft's token may be kept though the target prefers another
    scores: dict[str, float]  # signal or control -> its value


def offered_signals(looseness: Looseness, calibration: Calibration | None) -> tuple[str, ...]:
    """The signals that a pair can be asked for: those that need a calibration only if there is one."""
    return tuple(signal for signal in SIGNALS if _offers(replace(looseness, relevance=signal), calibration))


class SignalReader:
    """Lets the target caption clips, and asks all signals at every place what the draft would have said there."""

    def __init__(
        self, pair: Pair, looseness: Looseness, asked: PromptSpec, max_tokens: int, pruning: PruningSpec | None = None
    ) -> None:
        """``looseness``: how tokens are judged; ``max_tokens``: of a caption, at most; ``pruning``: of the draft."""
        assert pair.draft is not None  # the pair was loaded with its draft
        self._pair, self._draft, self._looseness = pair, pair.draft, looseness
        self._asked, self._max_tokens = asked, max_tokens
        self._pruning = pruning or PruningSpec()
        options = greedy_options(pair, max_tokens, "ar")
        self._caption = EngineContender(pair, options)
        self._sampler = Sampler(options, pair.target.device)
        critical = critical_tokens(pair.tokenizer, looseness.critical_words, pair.vocabulary_size, pair.stop_tokens)
        self._loosening = Loosening(looseness.min_probability, critical.to(pair.target.device))
        self.signals = offered_signals(looseness, pair.calibration)

    @torch.inference_mode()
    def read(self, clip: BenchClip) -> Places:
        """The places of the target's caption of a clip."""
        said = self._caption(clip).tokens
        drafted, places = self._ask(clip, said)
        unseen = self._unseen(blanked(self._pair, clip, self._asked), said)
        dice = np.random.default_rng(list(said)).random(len(said))  # the same whenever the same is said
        scores = {name: tuple(place.scores[name] for place in places) for name in places[0].scores}
        return Places(
            mismatch=tuple(one != other for one, other in zip(said, drafted, strict=True)),
            open=tuple(place.open for place in places),
            anchor=tuple(true_anchors(self._texts(said), self._texts(drafted))),
            drop=tuple(place.log_probability - blank for place, blank in zip(places, unseen, strict=True)),
            scores={**scores, "chance": tuple(dice.tolist())},
        )

    def _ask(self, clip: BenchClip, said: Sequence[int]) -> tuple[list[int], list[_Place]]:
        """What the draft would say at each place, and what the target's pass over that shows, as in a round of one."""
        target = self._pair.target
        target.watch(self._everything())
        prompts, reserve = (clip.target, clip.draft), self._max_tokens + 2
        first = prefill_pair(target, self._draft, prompts, reserve, self._pruning).first_token
        fed = [first, *said[:-1]]
        drafted = self._draft.extend(_tensor(fed, self._draft.device)).logits.argmax(dim=-1).tolist()
        judges, start, places = self._judges(), target.length, []
        for place, (before, token) in enumerate(zip(fed, drafted, strict=True)):
            target.rollback(start + place)
            proposal = Proposal(_tensor([token], target.device), None)
            seen = read_pass(proposal, target.extend(_tensor([before, token], target.device)))
            scores = {signal: _relevance(judge, proposal, seen) for signal, judge in judges.items()}
            log_probability = float(seen.log_probabilities[0, said[place]])
            places.append(_Place(log_probability, self._is_open(proposal, seen), {**scores, **_controls(seen)}))
        target.watch(None)
        return drafted, places

    def _unseen(self, blank: PreparedPrompt, said: Sequence[int]) -> list[float]:
        """Log-probabilities, [n] in nats, that the target gives its own tokens behind a blanked video."""
        target = self._pair.target
        first = target.prefill(blank, self._max_tokens)
        logits = target.extend(_tensor([first, *said[:-1]], target.device)).logits
        tokens = _tensor(said, target.device).unsqueeze(-1)
        found: list[float] = logits.log_softmax(dim=-1, dtype=torch.float32).gather(-1, tokens)[:, 0].tolist()
        return found

    def _is_open(self, proposal: Proposal, seen: TargetPass) -> bool:
        """Whether a rule that wants everything keeps the draft's one token, which is not the target's."""
        verdict = self._loosening.verify(proposal, seen, self._sampler, loose=torch.ones_like(proposal.tokens).bool())
        return bool(verdict.accepted[0] > 0) and bool(proposal.tokens[0] != seen.choices[0])

    def _everything(self) -> WatchedLayers:
        """The layers that the signals need, all at once."""
        wanted = [
            watched_layers(
                replace(self._looseness, relevance=name), self._pair.calibration, self._pair.target.layer_count
            )
            for name in ("attention", "cosine")
        ]
        attention, cosine = (each or WatchedLayers() for each in wanted)
        return WatchedLayers(attention.attention, cosine.states, cosine.nearest)

    def _judges(self) -> dict[str, RelevanceJudge]:
        """The engine's own, one a signal."""
        return {
            signal: RelevanceJudge(
                replace(self._looseness, relevance=signal), self._pair.calibration, self._pair.target.device
            )
            for signal in self.signals
        }

    def _texts(self, tokens: Sequence[int]) -> list[str]:
        texts: list[str] = self._pair.tokenizer.batch_decode([[token] for token in tokens])
        return texts


def _offers(looseness: Looseness, calibration: Calibration | None) -> bool:
    try:
        check_calibrated(looseness, calibration or Calibration())
    except ValueError:
        return False
    return True


def _relevance(judge: RelevanceJudge, proposal: Proposal, seen: TargetPass) -> float:
    """Of one draft token; what a signal does not know counts as an anchor, as it does to the judge."""
    return float(judge.judge(proposal, seen).relevance[0].nan_to_num(inf))


def _controls(seen: TargetPass) -> dict[str, float]:
    """The target's entropy, negated, since it is sure where it sees; and by how much it prefers its token."""
    log_probabilities = seen.log_probabilities[0]
    return {
        "low entropy": float((log_probabilities.exp() * log_probabilities).sum()),
        "margin": float(seen.choice_log_probabilities[0] - seen.draft_log_probabilities[0]),
    }


def _tensor(tokens: Sequence[int], device: torch.device) -> Tensor:
    return torch.tensor(list(tokens), device=device)
