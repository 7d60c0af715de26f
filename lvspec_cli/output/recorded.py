"""Results of an earlier run, made from their records: every format can be written of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from lvspec_cli.caption import Durations, Failure, ModelIdentity, Request, Segment, Trouble
from lvspec_cli.decoding.stats import DecodingStats

if TYPE_CHECKING:
    from lvspec_cli.video.clip import VideoFacts


@dataclass(frozen=True)
class RecordedCaption:
    """A caption of which the record is all that is left."""

    record: Mapping[str, Any]  # schema ``lvspec.caption/1``

    @property
    def request(self) -> Request:
        """What was asked."""
        return _request(self.record)

    @property
    def path(self) -> str:
        """The video, as its user named it."""
        return str(self.record["path"])

    @property
    def text(self) -> str:
        """What was said about the video."""
        return str(self.record["text"])

    @property
    def preset(self) -> str:
        """Its name."""
        return str(self.record["preset"])

    @property
    def target(self) -> ModelIdentity:
        """Which weights spoke."""
        return ModelIdentity(**self.record["target"])

    @property
    def method(self) -> str:
        """By what rule it was decoded."""
        return str(self.record["method"])

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every setting that shaped the text."""
        return cast("Mapping[str, Any]", self.record["settings"])

    @property
    def finish_reason(self) -> Any:
        """Why it ended."""
        return self.record["finish_reason"]

    @property
    def segments(self) -> tuple[Segment, ...]:
        """In order of time."""
        return tuple(
            Segment(**{**segment, "frame_times_s": tuple(segment["frame_times_s"]), "error": _trouble(segment)})
            for segment in self.record["segments"]
        )

    @property
    def summary(self) -> str | None:
        """What was said of the whole of a video in segments."""
        return cast("str | None", self.record["summary"])

    @property
    def trouble(self) -> Trouble | None:
        """With some of the segments or the summary."""
        return _trouble(self.record)

    @property
    def lossy(self) -> bool:
        """Whether the text may differ from the target's own."""
        return bool(self.record["lossy"])

    @property
    def stats(self) -> DecodingStats:
        """What decoding did, as far as the record tells."""
        return DecodingStats.of_dict(self.record["stats"])

    @property
    def durations(self) -> Durations:
        """Wall clock of the work around decoding."""
        stats = self.record["stats"]
        return Durations(stats["read_seconds"], stats["prepare_seconds"], stats["end_to_end_seconds"])

    @property
    def facts(self) -> VideoFacts:
        """What is known of the video."""
        from lvspec_cli.video.clip import VideoFacts

        known = {**self.record["video"], "warnings": tuple(self.record["video"]["warnings"])}
        return VideoFacts(path=self.path, fingerprint=self.record["fingerprint"], **known)

    @property
    def frame_times(self) -> tuple[float, ...]:
        """Seconds into the video, one for each frame that was shown."""
        return tuple(self.record["frame_times_s"])

    @property
    def shrunk_from(self) -> int | None:
        """Frames for which there was not enough memory; None if there was."""
        shrunk = self.record["shrunk_frames"]
        return None if shrunk is None else int(shrunk["from"])

    @property
    def drafting_did_not_pay(self) -> bool:
        """Whether the engine, free to choose the draft length, left most rounds to the target alone."""
        free = self.record["draft"] is not None and self.settings["draft_tokens"] == "auto"
        return free and self.stats.mostly_plain

    def as_record(self) -> dict[str, Any]:
        """The record."""
        return dict(self.record)


def recorded(record: Mapping[str, Any]) -> RecordedCaption | Failure:
    """The result that a record is of. Raises ValueError if it is none of schema ``lvspec.caption/1``.

    What it says is looked at as far as writers of results need it.
    """
    try:
        trouble = _trouble(record)
        if record["text"] is None and trouble is not None:
            return Failure(_request(record), trouble)
        caption = RecordedCaption(record)
        _read_what_writers_do(caption)
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no record of a caption: {type(error).__name__}: {error}") from error
    return caption


def _read_what_writers_do(caption: RecordedCaption) -> None:
    """Raise what they would raise over something that is missing; what they never tell, older versions may lack."""
    for name in ("request", "text", "segments", "summary", "finish_reason"):
        getattr(caption, name)
    dict(caption.settings)


def _request(record: Mapping[str, Any]) -> Request:
    return Request(record["path"], record["prompt"], record["question"], record["system"])


def _trouble(record: Mapping[str, Any]) -> Trouble | None:
    return None if record["error"] is None else Trouble(**record["error"])
