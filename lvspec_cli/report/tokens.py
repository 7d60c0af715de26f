"""A caption as the page shows it: its tokens in order, and what the page's script tells of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lvspec_cli.report.heat import heat
from lvspec_cli.report.trace import Choice, Grounding, OwnToken, Part, Place, Round

# Characters without an ink of their own, and what stands for a token that is nothing else.
_SIGNS = str.maketrans(
    {"\n": "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}", "\t": "\N{RIGHTWARDS ARROW}", " ": "\N{OPEN BOX}"}
)
_WHITE = " \n\t"
_NOTHING = "\N{DOTTED CIRCLE}"  # stands for a token without any text: a part of a character


@dataclass(frozen=True)
class Item:
    """A token of the caption, a draft token that was rejected, or the draft tokens that were discarded after it."""

    kind: str  # an origin, `rejected` or `discarded`
    text: str  # what is styled
    before: str = ""  # white space in front of it
    after: str = ""  # line breaks behind it
    ends: bool = False  # whether it is the stop token
    blank: bool = False  # whether it is nothing but white space, and a sign is shown for it


@dataclass(frozen=True)
class TokenData:
    """What the script is given: as JSON values, absent where nothing is known."""

    items: tuple[Item, ...]  # in order
    payload: tuple[dict[str, Any], ...]  # one an item that is not `discarded`, in order
    counts: tuple[tuple[str, int], ...]  # tokens by kind, those that occur


def token_data(part: Part) -> TokenData:
    """The tokens of a part, in order."""
    found = [pair for number, each in enumerate(part.rounds, 1) for pair in _of_round(number, each, part)]
    counts = Counter(item.kind for item, _ in found)
    return TokenData(
        tuple(item for item, _ in found),
        tuple(payload for _, payload in found if payload is not None),
        tuple(counts.items()),
    )


def _of_round(number: int, each: Round, part: Part) -> Iterator[tuple[Item, dict[str, Any] | None]]:
    texts = iter(each.texts)
    kept = list(each.kept)
    stops = each.finish_reason == "stop"
    for at, place in enumerate(kept, 1):
        ends = stops and each.next is None and at == len(kept)
        yield _item(place.verdict, next(texts), ends), _of_place(place, number, part)
    if each.next is None:  # the output ended within the draft: what follows was never weighed against a text
        return
    if each.refused is not None:
        yield Item("rejected", _unbroken(each.refused.text)), _of_place(each.refused, number, part)
    if each.discarded:
        yield Item("discarded", _unbroken("".join(place.text for place in each.discarded))), None
    yield _item(each.next.origin, next(texts), stops), _of_own(each.next, each.refused, number, part)


def _item(kind: str, text: str, ends: bool) -> Item:
    inner = text.strip(_WHITE)
    if not inner:
        return Item(kind, text.translate(_SIGNS) or _NOTHING, "", "\n" * text.count("\n"), ends, blank=True)
    at = text.index(inner)
    return Item(kind, inner, text[:at], text[at + len(inner) :], ends)


def _unbroken(text: str) -> str:
    """What is not in the text as it is seen in it: it moves nothing."""
    return (text.strip(" ") or text).translate({ord("\n"): _SIGNS[ord("\n")]}) or _NOTHING


def _of_place(place: Place, number: int, part: Part) -> dict[str, Any]:
    return _known(
        round=number,
        refusal=place.refusal,
        draft=_draft(place),
        choice=_choice(place.choice),
        relevance=place.relevance,
        filler=place.filler,
        grounding=_grounding(place.grounding, part),
    )


def _of_own(own: OwnToken, refused: Place | None, number: int, part: Part) -> dict[str, Any]:
    """The target's own token; one that replaces a draft token tells of that too."""
    return _known(
        round=number,
        refusal=refused and refused.refusal,
        draft=refused and _draft(refused),
        own=_known(text=own.text, target=own.log_probability),
        choice=_choice(own.choice),
        relevance=refused and refused.relevance,
        filler=refused and refused.filler,
        grounding=_grounding(own.grounding, part),
    )


def _draft(place: Place) -> dict[str, Any]:
    return _known(text=place.text, draft=place.draft_log_probability, target=place.target_log_probability)


def _choice(choice: Choice | None) -> dict[str, Any] | None:
    return None if choice is None else _known(text=choice.text, target=choice.log_probability)


def _grounding(grounding: Grounding | None, part: Part) -> dict[str, Any] | None:
    return None if grounding is None else heat(grounding, part.head)


def _known(**values: Any) -> dict[str, Any]:
    """The values that are known; log-probabilities and the like to five digits, which is more than is shown."""
    rounded = {key: float(f"{value:.5g}") if isinstance(value, float) else value for key, value in values.items()}
    return {key: value for key, value in rounded.items() if value is not None}
