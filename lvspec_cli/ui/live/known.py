"""What is known of a run at one moment: all that the panels show, and nothing that changes while they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lvspec_cli.caption import Part, Sight, Stage
from lvspec_cli.decoding.events import FinishReason, Origin, Refusal

Fate = Literal["accepted", "rejected", "discarded", "beyond", "own"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the growing caption; joined, the pieces are the text."""

    text: str  # line feeds and all
    origin: Origin | None  # of its token; None for what no model said


@dataclass(frozen=True, slots=True)
class Link:
    """A token of the last round."""

    text: str
    fate: Fate  # "beyond": accepted, but after the end of the output; "own": the target's, after the draft's
    origin: Origin | None = None  # set if it was committed


@dataclass(frozen=True)
class Chain:
    """The last round."""

    number: int  # 1 for the first round
    links: tuple[Link, ...]  # the draft's tokens in order, then the target's own, if there is one
    num_drafted: int
    num_accepted: int
    refusal: Refusal | None  # why the first draft token that was not kept was not
    finish_reason: FinishReason | None  # set if it was the last one of the caption


@dataclass(frozen=True)
class Figures:
    """The numbers so far, of this part of the video."""

    num_tokens: int  # committed
    speed_now: float | None  # tokens a second of decoding, over its last second or so
    speed_mean: float | None  # tokens a second of decoding
    acceptance_length: float | None  # tokens a round, the target's own included; None without a draft
    speedup: float | None  # estimated, over the target alone
    tokens_by_origin: Mapping[Origin, int]
    video_tokens: int  # that the target sees
    draft_video_tokens: int | None  # that the draft sees; None without a draft
    memory_bytes: int | None  # in use for the target's device


@dataclass(frozen=True)
class Videos:
    """How far a run over several videos is."""

    index: int  # of the current one, 0 for the first
    count: int  # of those that are to be captioned
    captioned: int
    failed: int
    remaining_seconds: float | None  # s, at the mean pace of those that were captioned; None before there is one


@dataclass(frozen=True)
class RunSetup:
    """What is decided before the first video is read; the layout depends on it, so that it stays as it is."""

    method: str
    drafts: bool  # whether there is a draft
    kinds: tuple[Origin, ...]  # origins that tokens can have, in the order in which they are shown
    max_tokens: int | None  # of a caption


@dataclass(frozen=True)
class Known:
    """All that a screen shows."""

    setup: RunSetup
    path: str  # of the video, as its user named it
    videos: Videos
    stage: Stage
    stage_seconds: float  # s, since the stage began
    video_seconds: float  # s, since the video's turn came
    part: Part | None
    sight: Sight | None  # None before the video is read
    pieces: tuple[Piece, ...]  # the caption so far, earlier parts of the video included
    chain: Chain | None  # None before the first round
    figures: Figures | None  # None before the first round
    accepted: tuple[int, ...]  # draft tokens committed in each round, the last some hundred rounds
    longest_draft: int  # draft tokens of a round, the most there were
