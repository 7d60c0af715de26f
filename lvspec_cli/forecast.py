"""What captioning a video would take, told from its header and the models' configurations: nothing is loaded."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lvspec_cli.caption import Failure, Request
from lvspec_cli.models.footprint import ModelFootprint, PairFootprint, estimate_pair
from lvspec_cli.models.room import GIB, Room, free_bytes, rooms
from lvspec_cli.parsing import SCENES
from lvspec_cli.parts import SEGMENTS, quoted
from lvspec_cli.plan import Plan, in_force
from lvspec_cli.preset import Preset
from lvspec_cli.video.clip import VideoFacts
from lvspec_cli.video.limits import OutputBox, output_box
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.segmentation import Span, cut
from lvspec_cli.video.selection import select

SCHEMA = "lvspec.dry_run/1"


@dataclass(frozen=True)
class Forecast:
    """Frames, tokens and memory of one video, as a result that can be written."""

    request: Request
    segments: int | None  # that are captioned one by one, of which the largest counts; None: not cut, or not known
    width: int  # pixels of a frame as it is read
    height: int
    preset: str  # its name
    footprint: PairFootprint
    drafts: bool  # whether the method uses the draft; if not, nothing of it counts
    rooms: tuple[Room, ...]  # of the devices
    too_long: str | None  # why a prompt does not fit into the positions of a model; None if it does

    @property
    def path(self) -> str:
        """The video, as its user named it."""
        return self.request.path

    @property
    def fits(self) -> bool:
        """Whether the memory that is free suffices on every device, and each model has positions enough."""
        return self.too_long is None and all(room.fits for room in self.rooms)

    @property
    def text(self) -> str:
        """All of it in one line."""
        pair = self.footprint
        draft = f" ({pair.draft_video_tokens} to the draft)" if self.drafts else ""
        models = [f"target {_in_words(pair.target)}", *([f"draft {_in_words(pair.draft)}"] if self.drafts else [])]
        each = "" if self.segments is None else f"{self.segments} segments, each of at most "
        return (
            f"{each}{pair.frame_count} frames of {self.width}x{self.height}, {pair.video_tokens} video tokens{draft}, "
            f"{pair.prompt_tokens} prompt tokens; {'; '.join(models)}; {', '.join(map(str, self.rooms))}"
            f"{'' if self.too_long is None else f'; {self.too_long}'}"
        )

    def as_record(self) -> dict[str, Any]:
        """JSON values, schema ``lvspec.dry_run/1``."""
        pair = self.footprint
        return _record(
            self.request,
            preset=self.preset,
            segments=self.segments,
            frames=pair.frame_count,
            frame_width=self.width,
            frame_height=self.height,
            video_tokens=pair.video_tokens,
            draft_video_tokens=pair.draft_video_tokens if self.drafts else None,
            prompt_tokens=pair.prompt_tokens,
            target=_model_record(pair.target),
            draft=_model_record(pair.draft) if self.drafts else None,
            devices=[_room_record(room) for room in self.rooms],
            too_long=self.too_long,
            fits=self.fits,
        )


class FailedForecast(Failure):
    """An input of which nothing can be foretold, in a record of the same shape."""

    def as_record(self) -> dict[str, Any]:
        """The record with `error` set."""
        return _record(self.request, error=asdict(self.trouble))


def forecast(request: Request, facts: VideoFacts, plan: Plan, preset: Preset) -> Forecast:
    """What a video of which the facts are known would take.

    Raises ModelError or PresetError as `estimate_pair` does, and VideoError if the video is not one that could be shown
    in this way.
    """
    spans = _spans(plan, facts)
    asked = request.question or request.prompt or ""
    prompts = [_Prompt(asked, tuple(plan.between(span.start_s, span.end_s).read for span in spans) or (plan.read,))]
    if plan.summarizes:
        prompts.append(_summary(asked, plan, spans) if request.question is None else _Prompt(asked, (plan.read,)))
    seen = [_Seen.of(prompt, request, facts, plan, preset) for prompt in prompts]
    largest = max(seen, key=lambda each: each.footprint.target.total_bytes)
    return Forecast(
        request=request,
        segments=len(spans) or None,
        width=largest.box.width,
        height=largest.box.height,
        preset=preset.name,
        footprint=largest.footprint,
        drafts=plan.drafts,
        rooms=rooms(preset, largest.footprint, free_bytes, with_draft=plan.drafts),
        too_long=next((each.too_long for each in seen if each.too_long is not None), None),
    )


@dataclass(frozen=True)
class _Prompt:
    """What is asked of the video, or of each of its segments."""

    text: str
    reads: tuple[ReadOptions, ...]  # what is shown with it, of which the largest counts
    quoted: int = 0  # captions that it quotes, each as long as it may be


def _summary(asked: str, plan: Plan, spans: list[Span]) -> _Prompt:
    """The prompt of a summary; at scenes nobody knows how many captions it quotes, and none is counted."""
    wanted = plan.settings.summary_prompt or asked
    lines = quoted((span.start_s, span.end_s, "") for span in spans)
    return _Prompt(wanted.replace(SEGMENTS, lines), (plan.read,), wanted.count(SEGMENTS) * len(spans))


@dataclass(frozen=True)
class _Seen:
    """What one prompt takes with what is shown with it."""

    footprint: PairFootprint
    box: OutputBox
    too_long: str | None

    @classmethod
    def of(cls, prompt: _Prompt, request: Request, facts: VideoFacts, plan: Plan, preset: Preset) -> _Seen:
        frames = max(_frame_count(read, facts) for read in prompt.reads)
        box = output_box(request.path, (facts.width, facts.height), frames, plan.read)
        longest = plan.decode.max_tokens
        footprint = estimate_pair(
            in_force(preset, plan, prompt.text),
            frames,
            (box.height, box.width),
            seconds=max(_seconds(read, facts) for read in prompt.reads),
            quoted_tokens=prompt.quoted * longest,
        )
        contexts = footprint.contexts if plan.drafts else footprint.contexts[:1]
        tightest = min(contexts, key=lambda context: context.left)
        if tightest.takes(longest):
            return cls(footprint, box, None)
        worst = f"if every caption has its {longest} tokens, " if prompt.quoted else ""
        return cls(footprint, box, worst + tightest.complaint(longest, quotes=bool(prompt.quoted)))


def _spans(plan: Plan, facts: VideoFacts) -> list[Span]:
    """The segments, as far as a header tells; none if the video is not cut, or at its scenes."""
    segments = plan.segments
    if segments is None or segments.segment is None or segments.segment == SCENES or not facts.duration_s:
        return []
    whole = select(plan.read, facts.duration_s, facts.first_frame_s)
    return cut(whole.start_s, whole.end_s, segments.segment, segments.overlap)


def _seconds(options: ReadOptions, facts: VideoFacts) -> float:
    """The length of what would be shown; 0 if a header does not tell it."""
    if not facts.duration_s:
        return 0.0
    selection = select(options, facts.duration_s, facts.first_frame_s)
    return selection.end_s - selection.start_s


def _frame_count(options: ReadOptions, facts: VideoFacts) -> int:
    """The frames that would be shown: as many as are asked for, if a header that tells the length has as many."""
    if not facts.duration_s:
        return options.frame_count or options.max_frames
    selection = select(options, facts.duration_s, facts.first_frame_s)
    wanted = len(selection.moments)
    if facts.average_frame_rate is None:
        return 1 if facts.decoder == "pillow" else wanted
    return min(wanted, max(1, round((selection.end_s - selection.start_s) * facts.average_frame_rate)))


def _in_words(model: ModelFootprint) -> str:
    parts = f"weights {_gib(model.weight_bytes)}, cache {_gib(model.cache_bytes)}"
    return f"{_gib(model.total_bytes)} GiB ({parts}, activations {_gib(model.activation_bytes)})"


def _gib(count: int) -> str:
    return f"{count / GIB:.2f}"


def _record(request: Request, **known: Any) -> dict[str, Any]:
    """A record with every key there is, null where nothing is known."""
    keys = (
        "preset",
        "segments",
        "frames",
        "frame_width",
        "frame_height",
        "video_tokens",
        "draft_video_tokens",
        "prompt_tokens",
    )
    record = {
        "schema": SCHEMA,
        "path": request.path,
        **dict.fromkeys((*keys, "target", "draft", "devices", "too_long", "fits", "error")),
    }
    return {**record, **known}


def _model_record(model: ModelFootprint) -> dict[str, float]:
    return {
        "weights_gib": model.weight_bytes / GIB,
        "cache_gib": model.cache_bytes / GIB,
        "activations_gib": model.activation_bytes / GIB,
        "total_gib": model.total_bytes / GIB,
    }


def _room_record(room: Room) -> dict[str, Any]:
    free = None if room.present_bytes is None else room.present_bytes / GIB
    return {"device": room.device, "needed_gib": room.needed_bytes / GIB, "free_gib": free, "fits": room.fits}
