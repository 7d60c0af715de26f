"""Tokens that lossy decoding never touches: numbers, words of logic, and everything that controls the model."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor


@lru_cache(maxsize=8)
def critical_tokens(
    tokenizer: Any, words: tuple[str, ...], vocabulary_size: int, stop_tokens: frozenset[int] = frozenset()
) -> Tensor:
    """bool [vocabulary]: special and stop tokens, and if there are words also those words and whatever has a digit.

    A token counts by its letters: case, spaces and punctuation around it do not matter.
    """
    special = {
        *stop_tokens,
        *tokenizer.all_special_ids,
        *(i for i, t in tokenizer.added_tokens_decoder.items() if t.special),
    }
    known = frozenset(words)
    critical = [
        token in special or (bool(known) and _is_critical(text, known))
        for token, text in enumerate(tokenizer.batch_decode([[token] for token in range(vocabulary_size)]))
    ]
    return torch.tensor(critical)


def _is_critical(text: str, words: frozenset[str]) -> bool:
    if any(character.isdigit() for character in text):
        return True
    return re.sub(r"[^\w]", "", text.lower()) in words
