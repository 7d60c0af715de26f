"""From tokens to text as they come, in whole characters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

# What a decoder puts where bytes do not yet make a character.
INCOMPLETE = "\N{REPLACEMENT CHARACTER}"


class TextStream:
    """Decodes tokens piece by piece; the pieces, joined, are the text of all tokens.

    Only the tokens since the last but one piece are decoded again: enough for decoders in which the first token of a
    text looks different (a leading space), and independent of how long the text has become.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._window: list[int] = []  # tokens that are decoded together
        self._shown = 0  # how many of them have been given out

    def push(self, tokens: Iterable[int]) -> str:
        """Take the next tokens; return the text they complete, which may be empty."""
        self._window.extend(tokens)
        text = self._decode(self._window)
        if text.endswith(INCOMPLETE):
            return ""
        return self._give_out(text)

    def finish(self) -> str:
        """Return what is left, bytes that never became a character included."""
        return self._give_out(self._decode(self._window))

    def _give_out(self, text: str) -> str:
        piece = text[len(self._decode(self._window[: self._shown])) :]
        if not piece:  # tokens without a text of their own cannot stand at the head of the window
            return ""
        del self._window[: self._shown]
        self._shown = len(self._window)
        return piece
