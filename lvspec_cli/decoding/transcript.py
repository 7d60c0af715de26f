"""The committed tokens of one decode, and where they end."""

from __future__ import annotations

from collections.abc import Iterable

from lvspec_cli.decoding.events import FinishReason, Token
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.repetition import RepetitionDetector


class Transcript:
    """Commits tokens until one of them ends the output.

    Every token is judged by itself and those before it, never by the round it came in: methods that commit the same
    tokens end at the same one, for the same reason.
    """

    def __init__(self, options: DecodingOptions) -> None:
        self._stop_tokens = options.stop_tokens
        self._repetition = RepetitionDetector() if options.detect_repetition else None
        self.room = options.max_tokens  # tokens that may still be committed
        self.finish_reason: FinishReason | None = None

    def commit(self, candidates: Iterable[Token]) -> tuple[Token, ...]:
        """Append candidates up to the one that ends the output, if any; return those appended."""
        committed = []
        for token in candidates:
            committed.append(token)
            self.room -= 1
            self.finish_reason = self._judge(token.id)
            if self.finish_reason is not None:
                break
        return tuple(committed)

    def _judge(self, token: int) -> FinishReason | None:
        repeats = self._repetition is not None and self._repetition.observe(token)
        if token in self._stop_tokens:
            return "stop"
        if repeats:
            return "repetition"
        return "length" if self.room == 0 else None
