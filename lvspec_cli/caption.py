"""What captioning a video gives: a `Caption`, or a `Failure`; and `Progress` on the way there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from lvspec_cli import __version__
from lvspec_cli.errors import LvspecError

if TYPE_CHECKING:
    from lvspec_cli.decoding.events import FinishReason, Round, Token
    from lvspec_cli.decoding.stats import DecodingStats
    from lvspec_cli.models.grounding import GroundingKind
    from lvspec_cli.models.prompt import VideoLayout
    from lvspec_cli.token_texts import TokenTexts
    from lvspec_cli.video.clip import VideoFacts

SCHEMA = "lvspec.caption/1"
TRACE_SCHEMA = "lvspec.trace/1"


@dataclass(frozen=True)
class Request:
    """What is asked of one video; exactly one of `prompt` and `question` is set."""

    path: str  # the video, as its user named it
    prompt: str | None  # the instruction of a caption
    question: str | None  # the question to answer
    system: str | None = None  # what is said to the model before it; None: what its chat template says by itself


@dataclass(frozen=True)
class ModelIdentity:
    """Which weights spoke, and how they were loaded."""

    id: str  # hub id, or the path in the preset
    revision: str | None  # commit of the hub, where it is known
    dtype: str  # float32, bfloat16, ...
    quantization: str  # none, nf4 or int8
    device: str  # cpu, cuda:0, ...


@dataclass(frozen=True)
class Trouble:
    """What went wrong."""

    type: str  # stable machine-readable name
    message: str  # one sentence for people

    @classmethod
    def of(cls, error: Exception) -> Trouble:
        """Describe any error; one that lvspec does not know is a defect and of type ``internal``."""
        if isinstance(error, LvspecError):
            return cls(error.type_name, str(error))
        return cls("internal", f"{type(error).__name__}: {error}; --debug shows where")


@dataclass(frozen=True)
class Segment:
    """A part of the video and what was said about it."""

    start_s: float  # s into the video
    end_s: float  # s into the video
    text: str  # empty if it failed
    finish_reason: FinishReason | None  # None if it failed
    frame_times_s: tuple[float, ...]  # s into the video, one for each frame that was shown
    error: Trouble | None = None  # why there is no caption of it


@dataclass(frozen=True)
class Durations:
    """Wall clock of the work around decoding; loading the models is in none of them."""

    read_seconds: float  # s, waiting for the frames to be chosen and decoded; what was read ahead is waited for less
    prepare_seconds: float  # s, turning prompt and frames into the inputs of both models
    end_to_end_seconds: float  # s, from when the video was asked for to the finished text


@dataclass(frozen=True)
class Setup:
    """What is asked, of whom, and by what rule: all that is known when decoding begins."""

    request: Request
    preset: str  # its name
    target: ModelIdentity
    draft: ModelIdentity | None  # None if the method uses no draft
    method: str
    lossy: bool  # whether the text may differ from the target's own
    settings: Mapping[str, Any]  # every setting that shapes the text, as JSON values
    signal: str | None  # what tells anchors from fillers; None if the method does not ask
    threshold: float | None  # relevance from which a token is an anchor; None: a share of tokens decides, or nothing
    layout: VideoLayout | None  # how the target's video tokens lie in the frames; None: they make no grid
    grounding: GroundingKind | None  # what the groundings of rounds are; None: rounds have none


@dataclass(frozen=True)
class Caption(Setup):
    """A caption or an answer, with everything that is known of how it came to be."""

    text: str
    tokens: tuple[Token, ...]  # committed, a final stop token included
    finish_reason: FinishReason
    stats: DecodingStats
    durations: Durations
    facts: VideoFacts
    frame_times: tuple[float, ...]  # s into the video, one for each frame that was shown
    shrunk_from: int | None  # frames for which there was not enough memory; None if there was
    segments: tuple[Segment, ...]  # in order of time
    summary: str | None  # what was said of the whole of a video in segments; None: that was not asked for, or failed
    trouble: (
        Trouble | None
    )  # with some of the segments or the summary; what was said of the others is here all the same

    @property
    def path(self) -> str:
        """The video, as its user named it."""
        return self.request.path

    @property
    def drafting_did_not_pay(self) -> bool:
        """Whether the engine, free to choose the draft length, left most rounds to the target alone."""
        free = self.draft is not None and self.settings["draft_tokens"] == "auto"
        return free and self.stats.mostly_plain

    def as_record(self) -> dict[str, Any]:
        """The record of this caption: schema ``lvspec.caption/1``, JSON values, units in the keys."""
        video = {**vars(self.facts)}
        del video["path"]
        return _record(
            self.request,
            fingerprint=video.pop("fingerprint"),
            video=video,
            frame_times_s=list(self.frame_times),
            shrunk_frames=self.shrunk_from and {"from": self.shrunk_from, "to": len(self.frame_times)},
            text=self.text,
            segments=[asdict(segment) for segment in self.segments],
            summary=self.summary,
            error=vars(self.trouble) if self.trouble else None,
            finish_reason=self.finish_reason,
            preset=self.preset,
            target=vars(self.target),
            draft=vars(self.draft) if self.draft else None,
            method=self.method,
            lossy=self.lossy,
            settings=dict(self.settings),
            stats={**self.stats.as_dict(), **vars(self.durations)},
        )


@dataclass(frozen=True)
class Failure:
    """An input of which there is no caption, and why."""

    request: Request
    trouble: Trouble

    @classmethod
    def of(cls, request: Request, error: Exception) -> Failure:
        """Describe any error, as `Trouble.of` does."""
        return cls(request, Trouble.of(error))

    @property
    def path(self) -> str:
        """The video, as its user named it."""
        return self.request.path

    @property
    def text(self) -> None:
        """There is none."""
        return

    def as_record(self) -> dict[str, Any]:
        """A record with `error` set and nothing said about the video."""
        return _record(self.request, error=vars(self.trouble))


def _record(request: Request, **known: Any) -> dict[str, Any]:
    """A record with every key there is, null where nothing is known."""
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "lvspec_version": __version__,
        **vars(request),
        **dict.fromkeys(("fingerprint", "video", "frame_times_s", "shrunk_frames")),
        **dict.fromkeys(("text", "segments", "summary", "finish_reason")),
        **dict.fromkeys(("preset", "target", "draft", "method", "lossy", "settings", "stats", "error")),
    }
    return with_rounded_times({**record, **known})


def with_rounded_times(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON values in which times are whole microseconds: the numbers under keys that end in ``_s`` or ``_seconds``.

    Arithmetic leaves 0.15 as 0.15000000000000002, which says nothing and looks like a defect.
    """
    return {key: _rounded(value, key.endswith(("_s", "_seconds"))) for key, value in values.items()}


def _rounded(value: Any, is_time: bool) -> Any:
    if isinstance(value, dict):
        return with_rounded_times(value)
    if isinstance(value, list | tuple):
        nested = bool(value) and (is_time or isinstance(value[0], dict | list | tuple))  # all are of one kind
        return [_rounded(each, is_time) for each in value] if nested else list(value)
    return round(value, 6) if is_time and isinstance(value, float) else value


@dataclass(frozen=True)
class Part:
    """One piece of work on a video that is captioned in several: a segment, or at last the summary of them all."""

    index: int  # 0 for the first
    count: int  # of all parts, the summary included
    summary: bool = False


class PictureMaker(Protocol):
    """Makes small pictures of the frames that were read last."""

    def pictures(self) -> Sequence[str]:
        """These pictures as ``data:`` URIs, once."""
        ...


@dataclass(frozen=True)
class Sight:
    """What the models are shown of a video, or of one segment of it."""

    facts: VideoFacts
    frame_times: tuple[float, ...]  # s into the video, one a frame
    start_s: float  # s into the video
    end_s: float  # s into the video
    # Of the frames, while the next part is not read yet; None where nobody traces.
    picture_maker: PictureMaker | None = field(default=None, repr=False, compare=False)


Stage = Literal["waiting", "reading", "loading", "prefilling", "decoding", "done"]


@dataclass(frozen=True)
class Progress:
    """One step on the way to a caption.

    The stages come in their order; `waiting` stands alone: others caption, and only their results are seen. A video
    that is captioned in several parts goes through them all, but for `done`, once for each part. The texts of the
    steps of a part, joined, are what the model says in it, without prefix, trigger and suffix. If memory runs out and
    fewer frames are to be tried, the part begins again with another step of `reading`, and what was said of it before
    is void.
    """

    stage: Stage
    text: str = ""  # what this round adds, whole characters only
    round: Round | None = None  # set while decoding
    caption: Caption | None = field(default=None, repr=False)  # set when done
    part: Part | None = None  # None: the video is captioned as a whole
    sight: Sight | None = field(default=None, repr=False)  # set from `prefilling` on
    stats: DecodingStats | None = field(default=None, repr=False)  # so far in this part, still adding up; as `round`
    texts: TokenTexts | None = field(default=None, repr=False)  # what the ids of tokens say; set as `round` is
    setup: Setup | None = field(default=None, repr=False)  # set as `round` is
