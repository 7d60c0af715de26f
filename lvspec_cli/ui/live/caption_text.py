"""The caption as it grows: a piece for every token, so that each can be shown in its own colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lvspec_cli.decoding.events import FinishReason, Token
from lvspec_cli.text_stream import INCOMPLETE
from lvspec_cli.ui.live.known import Piece

if TYPE_CHECKING:
    from lvspec_cli.token_texts import TokenTexts

_TOKENS_OF_A_CHARACTER = 4  # bytes that are no character after so many tokens will never be one


class CaptionText:
    """Tokens whose bytes are no whole character yet are kept back; the parts of a video stand below each other."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._part_began = 0  # pieces before the current part
        self._waiting: list[Token] = []
        self._settled: int | None = None  # id of the last token before those that wait
        self.last_token: int | None = None  # id of the last token of all

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All there is."""
        return tuple(self._pieces)

    def next_part(self) -> None:
        """What was said so far stays, whatever becomes of the next part."""
        if self._pieces:
            self._pieces.append(Piece("\n", None))
        self._part_began = len(self._pieces)
        self._forget_tokens()

    def begin_part(self, label: str) -> None:
        """The current part begins, perhaps once more; what was said in it is void."""
        del self._pieces[self._part_began :]
        if label:
            self._pieces.append(Piece(f"{label} ", None))
        self._forget_tokens()

    def _forget_tokens(self) -> None:
        self._waiting.clear()
        self._settled = self.last_token = None

    def add(self, tokens: tuple[Token, ...], finish_reason: FinishReason | None, texts: TokenTexts) -> None:
        """Take the tokens of a round; the one that ends the caption is no part of it."""
        first = self.last_token is None
        self.last_token = tokens[-1].id
        self._waiting += tokens[:-1] if finish_reason == "stop" else tokens
        shown = texts.pieces([token.id for token in self._waiting], self._settled)
        whole = len(shown) if finish_reason else _whole(shown)
        for token, text in zip(self._waiting[:whole], shown[:whole], strict=True):
            said = text.lstrip() if first else text
            if said:
                self._pieces.append(Piece(said, token.origin))
                first = False
        if whole:
            self._settled = self._waiting[whole - 1].id
            del self._waiting[:whole]


def _whole(shown: list[str]) -> int:
    """How many of the texts, from the first on, are there to stay."""
    whole = len(shown)
    while whole and (not shown[whole - 1] or shown[whole - 1].endswith(INCOMPLETE)):
        whole -= 1
    return whole if len(shown) - whole <= _TOKENS_OF_A_CHARACTER else len(shown)
