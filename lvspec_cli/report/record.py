"""Records as the report reads them: schema ``lvspec.caption/1``, keys that are not known left alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lvspec_cli.report.fields import Fields

# Settings that a segment tells differently from the whole video: its span, and what the pair settles at run time.
_OF_A_PART = frozenset({"start_s", "end_s", "summary_prompt", "calibration"})
_OF_A_PART |= {"threshold", "filler_share", "attention_layers", "state_layer"}


@dataclass(frozen=True)
class Model:
    """Which weights spoke."""

    id: str  # hub id, or the path in the preset
    revision: str | None  # commit of the hub, where it is known
    dtype: str | None  # float32, bfloat16, ...
    quantization: str | None  # none, nf4 or int8
    device: str | None  # cpu, cuda:0, ...

    @classmethod
    def of(cls, fields: Fields | None) -> Model | None:
        """The model that an object describes. Raises LvspecError."""
        if fields is None:
            return None
        return cls(fields.text("id"), *map(fields.text_or_none, ("revision", "dtype", "quantization", "device")))


@dataclass(frozen=True)
class Run:
    """What was asked of a video, and of whom: what records and traces have in common."""

    path: str  # the video, as its user named it
    prompt: str | None
    question: str | None
    system: str | None
    preset: str | None
    method: str | None
    lossy: bool | None  # None if it is not known
    target: Model | None
    draft: Model | None
    settings: Mapping[str, Any]  # JSON values
    facts: Mapping[str, Any]  # of the video, JSON values

    @classmethod
    def of(cls, fields: Fields, facts_key: str) -> Run:
        """The run that a record or a part of a trace tells of. Raises LvspecError."""
        return cls(
            path=fields.text("path"),
            prompt=fields.text_or_none("prompt"),
            question=fields.text_or_none("question"),
            system=fields.text_or_none("system"),
            preset=fields.text_or_none("preset"),
            method=fields.text_or_none("method"),
            lossy=fields.truth("lossy"),
            target=Model.of(fields.object_or_none("target")),
            draft=Model.of(fields.object_or_none("draft")),
            settings=fields.object("settings").values,
            facts=fields.object(facts_key).values,
        )

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for two documents on the same video, asked the same in the same way."""
        return self._key(frozenset())

    @property
    def rough_key(self) -> tuple[object, ...]:
        """The same, but equal for a segment and the whole video, too: without what they tell differently."""
        return self._key(_OF_A_PART if self.settings.get("segment") is not None else frozenset())

    def _key(self, left_out: frozenset[str]) -> tuple[object, ...]:
        settings = tuple(sorted((name, repr(value)) for name, value in self.settings.items() if name not in left_out))
        return self.path, self.prompt, self.question, self.system, self.preset, self.method, settings


@dataclass(frozen=True)
class Segment:
    """A part of the video and what was said about it."""

    start_s: float | None  # s into the video
    end_s: float | None  # s into the video
    text: str
    finish_reason: str | None
    frame_times_s: tuple[float, ...]  # s into the video; empty if they are not known
    error: str | None  # why it was not captioned

    @classmethod
    def of(cls, fields: Fields) -> Segment:
        """The segment that an object describes. Raises LvspecError."""
        error = fields.object_or_none("error")
        return cls(
            fields.number_or_none("start_s"),
            fields.number_or_none("end_s"),
            fields.text("text"),
            fields.text_or_none("finish_reason"),
            fields.numbers("frame_times_s"),
            error.text("message") if error else None,
        )


@dataclass(frozen=True)
class Record:
    """What captioning one video gave."""

    run: Run
    text: str | None  # None if the input failed
    segments: tuple[Segment, ...]  # in order of time
    summary: str | None  # of the whole of a video in segments
    finish_reason: str | None
    frame_times_s: tuple[float, ...]  # s into the video
    fingerprint: str | None  # of the video's content
    stats: Fields  # numbers, units in the keys
    error_type: str | None  # stable name of what went wrong; None if nothing did
    error_message: str | None

    @classmethod
    def of(cls, fields: Fields) -> Record:
        """The record that an object holds. Raises LvspecError."""
        error = fields.object_or_none("error")
        return cls(
            run=Run.of(fields, "video"),
            text=fields.text_or_none("text"),
            segments=tuple(map(Segment.of, fields.objects("segments"))),
            summary=fields.text_or_none("summary"),
            finish_reason=fields.text_or_none("finish_reason"),
            frame_times_s=fields.numbers("frame_times_s"),
            fingerprint=fields.text_or_none("fingerprint"),
            stats=fields.object("stats"),
            error_type=error.text("type") if error else None,
            error_message=error.text("message") if error else None,
        )
