"""What single tokens say, for those who show them one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lvspec_cli.text_stream import INCOMPLETE


def speller(tokenizer: Any) -> Callable[[Sequence[int]], str]:
    """What ids say, special tokens included: transformers' `decode`, without its detours where they lead nowhere."""
    if getattr(tokenizer, "clean_up_tokenization_spaces", True) or not hasattr(tokenizer, "backend_tokenizer"):
        return lambda tokens: str(tokenizer.decode(tokens))
    decode = tokenizer.backend_tokenizer.decode
    return lambda tokens: str(decode(tokens, skip_special_tokens=False))


class TokenTexts:
    """Texts of tokens by what stands before them, remembered: the same few tokens are asked for again and again."""

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        """``decode``: ids to text, special tokens included."""
        self._decode = decode
        self._alone: dict[int, str] = {}
        self._behind: dict[tuple[int, int], str] = {}

    def text(self, token: int, before: int | None = None) -> str:
        """What a token says behind another one; a part of a character is shown as a replacement character."""
        if before is None:
            return self._text_alone(token)
        known = self._behind.get((before, token))
        if known is None:
            known = self._decode((before, token))[len(self._text_alone(before)) :]
            self._behind[before, token] = known
        return known

    def pieces(self, tokens: Sequence[int], before: int | None = None) -> list[str]:
        """One text for each token; joined, they are the text of all.

        Tokens that make a character together have it at the last of them and nothing at the others.
        """
        pieces: list[str] = []
        waiting: list[int] = []  # tokens whose bytes are not a whole character yet
        for token in tokens:
            text = self.text(token, before)
            if waiting or text.endswith(INCOMPLETE):
                waiting.append(token)
                text = self._decode(waiting)
                if text.endswith(INCOMPLETE):
                    pieces.append("")
                    before = token
                    continue
                waiting.clear()
            pieces.append(text)
            before = token
        if waiting:
            pieces[-1] = self._decode(waiting)
        return pieces

    def _text_alone(self, token: int) -> str:
        known = self._alone.get(token)
        if known is None:
            known = self._alone[token] = self._decode((token,))
        return known
