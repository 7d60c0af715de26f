"""What an answer is worth: against the truth where it is known, and against what the target says by itself."""

from __future__ import annotations

from dataclasses import dataclass

from lvspec_cli.bench.agreement import chrf, token_agreement
from lvspec_cli.demo.extraction import named_attributes, right_attributes
from lvspec_cli.demo.scene import Truth


@dataclass(frozen=True)
class Answer:
    """One contender's answer about one clip."""

    tokens: tuple[int, ...]  # vocabulary indices, a final stop token included
    text: str


@dataclass(frozen=True)
class Quality:
    """How good one answer is."""

    right: dict[str, bool] | None  # attribute -> whether it is named right; None where the truth is not known
    same: dict[str, bool] | None  # attribute -> whether it is named as the reference names it; None likewise
    token_agreement: float  # with the reference, 0 to 1: see `lvspec_cli.bench.agreement`
    chrf: float  # against the reference, 0 to 1
    equal: bool  # whether it is the reference's, token for token


def judge(answer: Answer, reference: Answer, truth: Truth | None) -> Quality:
    """Judge an answer by the reference's answer about the same clip, and by the truth if there is one."""
    return Quality(
        right=None if truth is None else right_attributes(answer.text, truth),
        same=None if truth is None else _same_attributes(answer.text, reference.text),
        token_agreement=token_agreement(answer.tokens, reference.tokens),
        chrf=chrf(answer.text, reference.text),
        equal=answer.tokens == reference.tokens,
    )


def _same_attributes(text: str, reference: str) -> dict[str, bool]:
    named, expected = named_attributes(text), named_attributes(reference)
    return {name: named[name] == expected[name] for name in named}
