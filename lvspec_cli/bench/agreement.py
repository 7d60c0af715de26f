"""How near one answer is to another, in tokens and in characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

LONGEST_NGRAM = 6  # characters
BETA = 2.0  # how many times as much recall weighs as precision


def token_agreement(answer: Sequence[Hashable], reference: Sequence[Hashable]) -> float:
    """1 minus the edit distance of two sequences over the length of the longer one: 1 equal, 0 nothing in common."""
    longer = max(len(answer), len(reference))
    return 1 - edit_distance(answer, reference) / longer if longer else 1.0


def edit_distance(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """The fewest insertions, deletions and substitutions that make one sequence the other (Levenshtein)."""
    above = list(range(len(other) + 1))
    for row, item in enumerate(one, start=1):
        current = [row]
        for column, another in enumerate(other, start=1):
            current.append(min(above[column] + 1, current[-1] + 1, above[column - 1] + (item != another)))
        above = current
    return above[-1]


def chrf(answer: str, reference: str) -> float:
    """chrF2 of an answer, 0 to 1 (Popovic 2015): the F-score of its character n-grams, n from 1 to 6, without spaces.

    Precision and recall are averaged over the lengths at which both texts have n-grams, as sacreBLEU does.
    """
    one, other = ("".join(text.split()) for text in (answer, reference))
    if one == other:
        return 1.0
    scores = [_precision_and_recall(one, other, length) for length in range(1, LONGEST_NGRAM + 1)]
    scores = [score for score in scores if score is not None]
    if not scores:
        return 0.0
    precision, recall = (sum(values) / len(scores) for values in zip(*scores, strict=True))
    weighted = BETA**2 * precision + recall
    return (1 + BETA**2) * precision * recall / weighted if weighted else 0.0


def _precision_and_recall(answer: str, reference: str, length: int) -> tuple[float, float] | None:
    """Of the n-grams of one length; None if one of the texts is too short to have any."""
    ours, theirs = _ngrams(answer, length), _ngrams(reference, length)
    if not ours or not theirs:
        return None
    common = (ours & theirs).total()
    return common / ours.total(), common / theirs.total()


def _ngrams(text: str, length: int) -> Counter[str]:
    return Counter(text[start : start + length] for start in range(len(text) - length + 1))
