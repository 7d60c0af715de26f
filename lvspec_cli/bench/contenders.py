"""Our own engine as a contender."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from zlib import crc32

from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.comparison import Run
from lvspec_cli.bench.tally import tally
from lvspec_cli.decoding.clock import wait_for
from lvspec_cli.decoding.draft_length import DraftLength
from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.looseness import Looseness
from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.decoding.options import DecodingOptions, DraftTokens
from lvspec_cli.decoding.relevance import NOTHING_KNOWN
from lvspec_cli.models.pair import Pair
from lvspec_cli.models.prefill import prefill_pair
from lvspec_cli.preset import PruningSpec

NO_PRUNING = PruningSpec()


def greedy_options(
    pair: Pair, max_tokens: int, method: str, draft_tokens: DraftTokens = 1, looseness: Looseness | None = None
) -> DecodingOptions:
    """Greedy decoding that ends at stop tokens and the length limit only, as transformers' does."""
    return DecodingOptions(
        method=method,
        draft_tokens=draft_tokens,
        max_tokens=max_tokens,
        stop_tokens=pair.stop_tokens,
        detect_repetition=False,
        looseness=looseness or Looseness(),
    )


class EngineContender:
    """One method with its options; called with a clip, it answers."""

    def __init__(self, pair: Pair, options: DecodingOptions, pruning: PruningSpec = NO_PRUNING) -> None:
        """``pruning``: of the draft's video tokens."""
        self._pair = pair
        self.target = pair.target
        self.draft = pair.draft if METHODS[options.method].drafts else None
        self._options = options
        self._pruning = pruning
        self._length = DraftLength()  # one for all clips, as a captioner has one for all videos
        self.knowledge = NOTHING_KNOWN

    @property
    def kind_of_prefill(self) -> tuple[object, ...]:
        """Contenders of a pair that share it prefill a clip alike."""
        watched = self._options.looseness.relevance if METHODS[self._options.method].judges else None
        return self.draft is not None, self._pruning, watched

    def prefill(self, clip: BenchClip) -> int:
        """Let the models that take part see the clip; return the first token to feed."""
        reserve = self._options.max_tokens + self._options.most_draft_tokens + 1
        self.knowledge = self._pair.ready_for(self._options)  # contenders share the target: each says what it watches
        prefilled = prefill_pair(self.target, self.draft, (clip.target, clip.draft), reserve, self._pruning)
        if self.draft is not None:
            wait_for(self.draft.device)
        wait_for(self.target.device)
        return prefilled.first_token

    def __call__(self, clip: BenchClip) -> Run:
        """Answer. The decode clock runs from the end of both prefills to the end of the last round."""
        started = perf_counter()
        first_token = self.prefill(clip)
        prefilled = perf_counter()
        options = replace(self._options, seed=dice_seed(clip))
        rounds = list(decode(self.target, self.draft, options, first_token, self.knowledge, self._length))
        ended = perf_counter()
        tokens = tuple(token.id for event in rounds for token in event.tokens)
        seconds = clip.input_seconds + ended - started
        return Run(tokens, len(rounds), len(tokens), ended - prefilled, seconds, tally(rounds))


def dice_seed(clip: BenchClip) -> int:
    """Of what is thrown on a clip: the same in every run, and another on every clip.

    Clips are resampled as if they had nothing in common; dice that fall the same way on all of them would be just that.
    """
    return crc32(clip.name.encode(errors="surrogateescape"))
