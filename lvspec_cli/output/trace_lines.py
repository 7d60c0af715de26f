"""The lines of a trace as JSON values, schema ``lvspec.trace/1``; docs/trace.md explains every key."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from lvspec_cli.caption import TRACE_SCHEMA, Part, Setup, Sight, with_rounded_times
from lvspec_cli.decoding.events import Fate, Round, Token

if TYPE_CHECKING:
    from lvspec_cli.token_texts import TokenTexts


def line(kind: str, video: int, **known: Any) -> dict[str, Any]:
    """A line of some type about the input number ``video``, counted from 0."""
    return {"schema": TRACE_SCHEMA, "type": kind, "video": video, **known}


def part_line(video: int, part: Part, setup: Setup, sight: Sight) -> dict[str, Any]:
    """What is known when the decoding of a part begins."""
    facts = {**vars(sight.facts)}
    del facts["path"], facts["fingerprint"]
    known = line(
        "part",
        video,
        part=part.index,
        parts=part.count,
        summary=part.summary,
        **vars(setup.request),
        preset=setup.preset,
        method=setup.method,
        lossy=setup.lossy,
        target=vars(setup.target),
        draft=vars(setup.draft) if setup.draft else None,
        settings=dict(setup.settings),
        video_facts=facts,
        start_s=sight.start_s,
        end_s=sight.end_s,
        frame_times_s=sight.frame_times,
        thumbnails=sight.picture_maker.pictures() if sight.picture_maker is not None else [],
        layout=vars(setup.layout) if setup.layout else None,
        signal=setup.signal,
        threshold=setup.threshold,
        grounding=setup.grounding,
    )
    return with_rounded_times(known)


def round_line(
    video: int, part: Part, event: Round, text: str, pieces: Sequence[str], texts: TokenTexts, before: int | None
) -> dict[str, Any]:
    """One round: ``text`` is what it showed, ``pieces`` its tokens' parts of the whole text.

    ``before``: the token that was committed last before the round; None in the first.
    """
    following = event.tokens[-1]
    return line(
        "round",
        video,
        part=part.index,
        index=event.index,
        places=_places(event, texts, before),
        next=None if following.from_draft else _next(event, following, texts, before),
        tokens=[token.id for token in event.tokens],
        texts=pieces,
        text=text,
        draft_seconds=_short(event.draft_seconds),
        verify_seconds=_short(event.verify_seconds),
        round_seconds=_short(event.round_seconds),
        finish_reason=event.finish_reason,
    )


def _places(event: Round, texts: TokenTexts, before: int | None) -> list[dict[str, Any]]:
    """One for each draft token, in order."""
    places: list[dict[str, Any]] = []
    own = _all_short(event.own_log_probabilities or [None] * len(event.draft_tokens))
    of_draft, of_choice = _all_short(event.draft_log_probabilities), _all_short(event.choice_log_probabilities)
    relevance = _all_short(event.relevance)
    for place, (token, fate) in enumerate(zip(event.draft_tokens, event.fates, strict=True)):
        rejected, choice = fate is Fate.REJECTED, event.choices[place]
        places.append(
            {
                "draft": {
                    "id": token,
                    "text": texts.text(token, before),
                    "draft_log_probability": own[place],
                    "target_log_probability": of_draft[place],
                },
                "choice": None if choice == token else _choice(choice, texts, before, of_choice[place]),
                "relevance": relevance[place],
                "filler": event.fillers[place],
                "verdict": fate.value,
                "refusal": event.refusal.value if rejected and event.refusal else None,
                "grounding": _grounding(event, place),
            }
        )
        before = token
    return places


def _next(event: Round, token: Token, texts: TokenTexts, before: int | None) -> dict[str, Any]:
    """The target's own token, behind what was accepted of the draft."""
    place = len(event.tokens) - 1
    before = event.tokens[-2].id if place else before
    return {
        "id": token.id,
        "text": texts.text(token.id, before),
        "origin": token.origin.value,
        "log_probability": _short(token.log_probability),
        "choice": None
        if token.choice == token.id
        else _choice(token.choice, texts, before, _short(token.choice_log_probability)),
        "grounding": _grounding(event, place),
    }


def _choice(token: int, texts: TokenTexts, before: int | None, log_probability: float | None) -> dict[str, Any]:
    return {"id": token, "text": texts.text(token, before), "log_probability": log_probability}


def _grounding(event: Round, place: int) -> dict[str, Any] | None:
    """What the target looked at where it chose the token of a place; None where JSON cannot say it."""
    seen = None if event.groundings is None else event.groundings[place]
    if seen is None or not all(map(isfinite, (seen.share, seen.largest, *(seen.steps or ())))):
        return None
    return {
        "share": _short(seen.share),
        "levels": b64encode(seen.levels).decode("ascii"),
        "largest": _digits(seen.largest),
        "steps": None if seen.steps is None else [_digits(part) for part in seen.steps],
    }


def _digits(number: float) -> float:
    """To six digits: it may be tiny."""
    return float(f"{number:.6g}")


def _short(number: float | None) -> float | None:
    """To six decimals; None for what JSON cannot say, such as the logarithm of 0."""
    return round(number, 6) if number is not None and isfinite(number) else None


def _all_short(numbers: Iterable[float | None]) -> list[float | None]:
    return [round(number, 6) if number is not None and isfinite(number) else None for number in numbers]
