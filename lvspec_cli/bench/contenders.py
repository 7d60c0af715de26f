"""Our own engine as a contender."""

from __future__ import annotations

from time import perf_counter

import torch

from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.comparison import Run
from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.models.pair import Pair


class EngineContender:
    """One method with its options; called with a clip, it answers."""

    def __init__(self, pair: Pair, options: DecodingOptions) -> None:
        self.target = pair.target
        self.draft = pair.draft if METHODS[options.method].drafts else None
        self._options = options

    def prefill(self, clip: BenchClip) -> int:
        """Let the models that take part see the clip; return the first token to feed."""
        reserve = self._options.max_tokens + self._options.draft_tokens + 1
        first_token = self.target.prefill(clip.target, reserve)
        if self.draft is not None:
            self.draft.prefill(clip.draft, reserve)
            wait_for(self.draft.device)
        wait_for(self.target.device)
        return first_token

    def __call__(self, clip: BenchClip) -> Run:
        """Answer. The decode clock runs from the end of both prefills to the end of the last round."""
        started = perf_counter()
        first_token = self.prefill(clip)
        prefilled = perf_counter()
        rounds = list(decode(self.target, self.draft, self._options, first_token))
        ended = perf_counter()
        tokens = tuple(token.id for event in rounds for token in event.tokens)
        return Run(tokens, len(rounds), len(tokens), ended - prefilled, clip.input_seconds + ended - started)


def wait_for(device: torch.device) -> None:
    """Let an accelerator catch up, so that the clock does not stop before the work does."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
