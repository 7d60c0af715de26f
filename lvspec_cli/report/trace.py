"""Traces as the report reads them: schema ``lvspec.trace/1``, keys that are not known left alone."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from lvspec_cli.report.fields import Fields
from lvspec_cli.report.record import Run

KEPT = ("exact", "loose", "shifted")  # verdicts of draft tokens that are in the text
VERDICTS = (*KEPT, "rejected", "discarded", "beyond")
OWN = ("recovered", "bonus", "target")  # origins of the target's own tokens
REFUSALS = ("anchor", "critical", "guard", "mismatch", "chance")


@dataclass(frozen=True)
class Layout:
    """Where the video tokens lie: step by step, in each row by row."""

    steps: int
    rows: int
    columns: int
    frames_per_step: int  # consecutive frames that a step shows

    @classmethod
    def of(cls, fields: Fields | None) -> Layout | None:
        """The layout that an object describes. Raises LvspecError."""
        if fields is None:
            return None
        layout = cls(*map(fields.whole, ("steps", "rows", "columns", "frames_per_step")))
        if not layout.size or not layout.frames_per_step:
            fields.refuse("steps, rows, columns and frames_per_step must be at least 1")
        return layout

    @property
    def size(self) -> int:
        """Video tokens."""
        return self.steps * self.cells

    @property
    def cells(self) -> int:
        """Video tokens of a step."""
        return self.rows * self.columns


@dataclass(frozen=True)
class Grounding:
    """What a token is grounded in."""

    share: float  # part of the attention that goes to the video, or the largest cosine
    levels: bytes  # one a video token, 255 is the largest; empty if there is no layout
    largest: float  # what 255 stands for
    steps: tuple[float, ...]  # parts of the attention on the video, one a step of the layout; empty: not known

    @classmethod
    def of(cls, fields: Fields | None, layout: Layout | None) -> Grounding | None:
        """The grounding that an object describes; None also where its numbers are not known. Raises LvspecError."""
        if fields is None:
            return None
        share, largest = fields.number_or_none("share"), fields.number_or_none("largest")
        if share is None or largest is None:
            return None
        if layout is None:
            return cls(share, b"", largest, ())
        steps = fields.numbers("steps")
        if steps and len(steps) != layout.steps:
            fields.refuse(f"steps must be as many as the layout has, {layout.steps}, not {len(steps)}")
        return cls(share, _levels(fields, layout.size), largest, steps)


@dataclass(frozen=True)
class Choice:
    """A token and how probable the target finds it, before temperature."""

    text: str
    log_probability: float | None  # nats; None for the logarithm of 0

    @classmethod
    def of(cls, fields: Fields) -> Choice:
        """The token that an object describes. Raises LvspecError."""
        return cls(fields.text("text"), fields.number_or_none("log_probability"))


@dataclass(frozen=True)
class Place:
    """A draft token and what became of it."""

    text: str
    draft_log_probability: float | None  # nats; None for the logarithm of 0, or if it is not known
    target_log_probability: float | None  # nats; likewise
    choice: Choice | None  # the target's, where it is another token
    relevance: float | None  # in the unit of the method's signal; None where it was not judged
    filler: bool | None  # None where it was not judged
    verdict: str  # one of VERDICTS
    refusal: str | None  # one of REFUSALS, of the rejected token
    grounding: Grounding | None

    @classmethod
    def of(cls, fields: Fields, layout: Layout | None) -> Place:
        """The place that an object describes. Raises LvspecError."""
        draft, choice = fields.object("draft"), fields.object_or_none("choice")
        return cls(
            text=draft.text("text"),
            draft_log_probability=draft.number_or_none("draft_log_probability"),
            target_log_probability=draft.number_or_none("target_log_probability"),
            choice=Choice.of(choice) if choice else None,
            relevance=fields.number_or_none("relevance"),
            filler=fields.truth("filler"),
            verdict=_one_of(fields, "verdict", VERDICTS),
            refusal=None if fields.text_or_none("refusal") is None else _one_of(fields, "refusal", REFUSALS),
            grounding=Grounding.of(fields.object_or_none("grounding"), layout),
        )


@dataclass(frozen=True)
class OwnToken:
    """The target's own token at the end of a round."""

    text: str
    origin: str  # one of OWN
    log_probability: float | None  # nats
    choice: Choice | None  # the target's most probable token there, where it is another one
    grounding: Grounding | None

    @classmethod
    def of(cls, fields: Fields, layout: Layout | None) -> OwnToken:
        """The token that an object describes. Raises LvspecError."""
        choice = fields.object_or_none("choice")
        return cls(
            text=fields.text("text"),
            origin=_one_of(fields, "origin", OWN),
            log_probability=fields.number_or_none("log_probability"),
            choice=Choice.of(choice) if choice else None,
            grounding=Grounding.of(fields.object_or_none("grounding"), layout),
        )


@dataclass(frozen=True)
class Round:
    """One draft-then-verify step."""

    places: tuple[Place, ...]  # one a draft token, in order
    next: OwnToken | None  # None if the output ended within the draft
    texts: tuple[str, ...]  # of the committed tokens: the places that were kept, then `next`
    draft_seconds: float
    verify_seconds: float
    round_seconds: float
    finish_reason: str | None  # set in the last round only

    @classmethod
    def of(cls, fields: Fields, layout: Layout | None) -> Round:
        """The round that a line describes. Raises LvspecError."""
        places = tuple(Place.of(each, layout) for each in fields.objects("places"))
        own = fields.object_or_none("next")
        texts = fields.texts("texts")
        kept = sum(place.verdict in KEPT for place in places)
        if len(texts) != kept + (own is not None):
            fields.refuse(f"texts has {len(texts)} pieces for {kept} kept draft tokens and {int(own is not None)} more")
        return cls(
            places=places,
            next=OwnToken.of(own, layout) if own else None,
            texts=texts,
            draft_seconds=fields.number("draft_seconds"),
            verify_seconds=fields.number("verify_seconds"),
            round_seconds=fields.number("round_seconds"),
            finish_reason=fields.text_or_none("finish_reason"),
        )

    @property
    def kept(self) -> Iterator[Place]:
        """The draft tokens that are in the text, in order."""
        return (place for place in self.places if place.verdict in KEPT)

    @property
    def refused(self) -> Place | None:
        """The draft token that was rejected; what follows it was discarded."""
        return next((place for place in self.places if place.verdict == "rejected"), None)

    @property
    def discarded(self) -> tuple[Place, ...]:
        """The draft tokens after the rejected one."""
        return tuple(place for place in self.places if place.verdict == "discarded")


@dataclass(frozen=True)
class PartHead:
    """What is known of a part before its first round."""

    run: Run
    part: int  # 0 for the first part of the video
    parts: int
    summary: bool  # whether it sums the other parts up
    start_s: float | None  # s into the video
    end_s: float | None  # s into the video
    frame_times_s: tuple[float, ...]  # s into the video
    thumbnails: tuple[str, ...]  # data URLs, one a frame, or none
    layout: Layout | None  # None if the family has no such grid
    signal: str | None  # what relevance is judged by
    threshold: float | None  # of relevance; fillers are below
    grounding: str | None  # what the heat maps show: attention or cosine

    @classmethod
    def of(cls, fields: Fields) -> PartHead:
        """The part that a line describes. Raises LvspecError."""
        return cls(
            run=Run.of(fields, "video_facts"),
            part=fields.whole("part"),
            parts=fields.whole("parts"),
            summary=bool(fields.truth("summary")),
            start_s=fields.number_or_none("start_s"),
            end_s=fields.number_or_none("end_s"),
            frame_times_s=fields.numbers("frame_times_s"),
            thumbnails=fields.texts("thumbnails"),
            layout=Layout.of(fields.object_or_none("layout")),
            signal=fields.text_or_none("signal"),
            threshold=fields.number_or_none("threshold"),
            grounding=fields.text_or_none("grounding"),
        )


@dataclass(frozen=True)
class Part:
    """One piece of work on a video: the whole, a segment, or the summary of them all."""

    head: PartHead
    rounds: tuple[Round, ...]

    @property
    def text(self) -> str:
        """All that was said in it."""
        return "".join(text for each in self.rounds for text in each.texts)


def _one_of(fields: Fields, key: str, names: tuple[str, ...]) -> str:
    value = fields.text(key)
    if value not in names:
        fields.refuse(f"{key} must be one of {', '.join(names)}, not {value!r}")
    return value


def _levels(fields: Fields, size: int) -> bytes:
    try:
        levels = base64.b64decode(fields.text("levels"), validate=True)
    except (binascii.Error, ValueError):
        fields.refuse("levels must be base64")
    if len(levels) != size:
        fields.refuse(f"levels must be as many as the layout has video tokens, {size}, not {len(levels)}")
    return levels
