"""From settings to options: everything that is decided, and checked, before a video is read."""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from lvspec_cli.decoding.looseness import CALIBRATED_SIGNALS, CRITICAL_WORDS, Looseness
from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.dressing import Dressing
from lvspec_cli.errors import UsageError
from lvspec_cli.parsing import added
from lvspec_cli.preset import DTYPES, ON_OOM, ModelSpec, Preset, PruningSpec
from lvspec_cli.settings import Settings, flag_name
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.segmentation import SegmentOptions
from lvspec_cli.video.selection import rate_count

_DECODING = ("method", "draft_tokens", "max_tokens", "temperature", "top_p", "top_k", "seed")
_PRUNING = {"pruning": "pruning", "keep": "pruning_keep", "mass": "pruning_mass"}  # field -> setting
_LOOSENESS = tuple(field.name for field in fields(Looseness))
_READING = {
    "frames": "frame_count",
    "fps": "frames_per_second",
    "start": "start_s",
    "end": "end_s",
    "max_frames": "max_frames",
    "decoder": "decoder",
    "source_fps": "source_fps",
    "timeout": "deadline_seconds",
}
_OF_WEIGHTS = ("revision", "dtype", "quantization")  # what makes the same model another one
_LONGEST_TIMEOUT = 86_400.0  # s; a clock that is set for centuries overflows


@dataclass(frozen=True)
class Plan:
    """What to do with every video of a run."""

    settings: Settings
    read: ReadOptions
    decode: DecodingOptions  # without stop tokens: the tokenizer knows them
    pruning: PruningSpec  # of the draft's video tokens; what the method implies is in it
    dressing: Dressing  # of every text
    shrinks: bool  # whether a video that does not fit into memory is tried again with half of its frames
    segments: SegmentOptions | None = None  # how to cut a video into segments that are captioned one by one
    summarizes: bool = False  # whether the whole of such a video is captioned too

    @classmethod
    def of(cls, settings: Settings) -> Plan:
        """Check all settings. A wrong one raises UsageError that names it as its user wrote it."""
        decode = _decoding_options(settings)
        pruning = _pruning_for(decode.method, settings)
        segments = _segment_options(settings)
        summarizes = settings.summary and segments is not None
        read = _read_options(settings)
        return cls(settings, read, decode, pruning, _dressing(settings), _shrinks(settings), segments, summarizes)

    @property
    def drafts(self) -> bool:
        """Whether the method needs a draft."""
        return METHODS[self.decode.method].drafts

    def traced(self, trace: bool) -> Plan:
        """The same, with or without what explains the rounds."""
        return replace(self, decode=replace(self.decode, trace=trace))

    def between(self, start_s: float, end_s: float) -> Plan:
        """The same for a segment of the video, captioned by itself; its text is not dressed yet."""
        read = replace(self.read, start_s=start_s, end_s=end_s)
        return replace(self, read=read, dressing=Dressing(), segments=None, summarizes=False)

    def read_for(self, shrunk: Shrunk | None) -> ReadOptions:
        """How to read the frames that are shown; None: all of them."""
        return self.read if shrunk is None else replace(self.read, frame_count=shrunk.shown, frames_per_second=None)

    @property
    def system(self) -> str | None:
        """What is said to the model before the question, None for nothing."""
        return self.settings.system or None

    def dressed(self, text: str) -> str:
        """What the model said as it goes into the results."""
        return self.dressing.around(text)

    def as_record(self) -> dict[str, Any]:
        """Every setting that shapes the text, as JSON values with units in the keys."""
        read = self.read
        return {
            **{key: getattr(self.decode, key) for key in (*_DECODING, "detect_repetition")},
            "frames": read.frame_count,
            "fps": read.frames_per_second,
            "start_s": read.start_s,
            "end_s": read.end_s,
            "max_frames": read.max_frames,
            "max_frame_pixels": read.max_frame_pixels,
            "decoder": read.decoder,
            "source_fps": read.source_fps,
            "segment": self.settings.segment,
            "overlap_s": self.settings.overlap,
            "summary": self.settings.summary and self.settings.segment is not None,
            "summary_prompt": self.settings.summary_prompt if self.summarizes else None,
            **{key: getattr(self.pruning, name) for name, key in _PRUNING.items()},
            **{key: getattr(self.settings, key) for key in ("style", "prefix", "trigger", "suffix")},
            **(asdict(self.decode.looseness) if METHODS[self.decode.method].lossy else {}),
        }


def shaping(plan: Plan, preset: Preset, question: str | None) -> dict[str, Any]:
    """All that makes captions of one video differ, as JSON values: the plan, what is asked, and of which weights.

    Where they lie and on what device they run is left out.
    """
    models = {"target": preset.target, **({"draft": preset.draft} if plan.drafts else {})}
    named = {role: Path(spec.model).name if spec.is_local else spec.model for role, spec in models.items()}
    how = {f"{role}_{key}": getattr(spec, key) for role, spec in models.items() for key in _OF_WEIGHTS}
    asked = {"question": question} if question is not None else {"prompt": plan.settings.prompt}
    calibration = preset.calibration
    return {
        **asked,
        "system": plan.system,
        **plan.as_record(),
        "min_pixels": preset.frames.min_pixels,
        "max_pixels": preset.frames.max_pixels,
        "on_oom": "shrink" if plan.shrinks else "fail",
        "preset": preset.name,
        **named,
        **how,
        "calibration": calibration and hashlib.sha256(calibration.read_bytes()).hexdigest()[:16],
    }


@dataclass(frozen=True)
class Shrunk:
    """Fewer frames than were asked for, because memory does not suffice."""

    wanted: int  # frames
    shown: int  # frames

    @classmethod
    def of(cls, read: ReadOptions, most_frames: int | None) -> Shrunk | None:
        """What is left where memory suffices for so many frames (None: nothing is known of that); None if it does."""
        wanted = frames_asked(read)
        return None if wanted is None or most_frames is None or wanted <= most_frames else cls(wanted, most_frames)


def frames_asked(read: ReadOptions) -> int | None:
    """The frames that are asked for; None if that depends on the length of the video."""
    if read.frame_count is not None or read.frames_per_second is None:
        return read.frame_count
    if read.end_s is None:
        return None
    return min(rate_count(read.start_s or 0.0, read.end_s, read.frames_per_second), read.max_frames)


def check_fits(plan: Plan, preset: Preset) -> None:
    """Raise UsageError if the plan's method needs a calibration and the preset has none."""
    signal = plan.decode.looseness.relevance
    if METHODS[plan.decode.method].judges and signal in CALIBRATED_SIGNALS and preset.calibration is None:
        raise UsageError(
            f"{plan.settings.name_of('relevance')} {signal} needs a calibrated preset, which {preset.name} is not: "
            "run `lvspec calibrate`, or choose attention or cosine"
        )


def placed(preset: Preset, settings: Settings) -> Preset:
    """The preset with both models on the device, in the number format and in as few bits as the settings ask for."""
    if settings.dtype is not None and settings.dtype not in DTYPES:
        raise UsageError(f"{settings.name_of('dtype')} must be one of {', '.join(DTYPES)}, not {settings.dtype!r}")

    kinds = dict(settings.quantize or ())

    def place(role: str, spec: ModelSpec) -> ModelSpec:
        return replace(
            spec,
            device=settings.device or spec.device,
            dtype=settings.dtype or spec.dtype,
            quantization=kinds.get(role, spec.quantization),
        )

    return replace(preset, target=place("target", preset.target), draft=place("draft", preset.draft))


def in_force(preset: Preset, plan: Plan, prompt: str) -> Preset:
    """The preset with all that the settings change in it of what a video takes, and with the prompt that is asked."""
    return replace(
        preset,
        method=plan.decode.method,
        draft_tokens=plan.decode.draft_tokens,
        draft_video=plan.pruning,
        generation=replace(preset.generation, max_tokens=plan.decode.max_tokens),
        prompts=replace(preset.prompts, caption=prompt, system=plan.system),
    )


def _dressing(settings: Settings) -> Dressing:
    try:
        return Dressing(settings.prefix or "", settings.trigger or "", settings.suffix or "")
    except ValueError as error:
        key, _, complaint = str(error).partition(" ")
        raise UsageError(f"{settings.name_of(key)} {complaint}") from error


def _shrinks(settings: Settings) -> bool:
    if settings.on_oom is not None and settings.on_oom not in ON_OOM:
        raise UsageError(f"{settings.name_of('on_oom')} must be one of {', '.join(ON_OOM)}, not {settings.on_oom!r}")
    return settings.on_oom == "shrink"


def _segment_options(settings: Settings) -> SegmentOptions | None:
    for key in ("overlap", "summary"):
        asked_now = settings.name_of(key) in (flag_name(key), key)  # in a file or a variable, it waits for segments
        if getattr(settings, key) and settings.segment is None and asked_now:
            raise UsageError(f"{settings.name_of(key)} needs {flag_name('segment')}: say how long a segment is")
    if settings.segment is None:
        return None
    try:
        return SegmentOptions(settings.segment, settings.overlap or 0.0)
    except UsageError as error:
        raise type(error)(_as_written(str(error), settings)) from error


def _read_options(settings: Settings) -> ReadOptions:
    if settings.timeout is not None and settings.timeout > _LONGEST_TIMEOUT:
        name = settings.name_of("timeout")
        raise UsageError(f"{name} must be at most {_LONGEST_TIMEOUT:g} s, a day, not {settings.timeout:g}")
    given = {name: value for key, name in _READING.items() if (value := getattr(settings, key)) is not None}
    try:
        return ReadOptions(**given | {"frame_count": _frame_count(settings)})
    except UsageError as error:
        raise UsageError(_as_written(str(error), settings)) from error


def _frame_count(settings: Settings) -> int | None:
    """How many frames to show, None if a rate decides; a number that nobody asked for yields to --max-frames."""
    if settings.fps is not None:
        return settings.frames
    count = ReadOptions.frame_count if settings.frames is None else settings.frames
    if count is None or settings.max_frames is None or settings.given("frames"):
        return count
    return min(count, settings.max_frames)


def _as_written(message: str, settings: Settings) -> str:
    """A message about flags, with each setting under the name that its user wrote."""

    def name(flag: re.Match[str]) -> str:
        key = flag[1].replace("-", "_")
        return settings.name_of(key) if settings.given(key) else flag[0]

    return re.sub(r"--([a-z]+(?:-[a-z]+)*)", name, message)


def _decoding_options(settings: Settings) -> DecodingOptions:
    given = {key: value for key in _DECODING if (value := getattr(settings, key)) is not None}
    loose = {key: value for key in _LOOSENESS if (value := getattr(settings, key)) is not None}
    if "critical_words" in loose:
        loose["critical_words"] = added(loose["critical_words"], CRITICAL_WORDS)
    try:
        options = DecodingOptions(**given, looseness=Looseness(**loose))
    except ValueError as error:
        key, _, complaint = str(error).partition(" ")
        raise UsageError(f"{settings.name_of(key)} {complaint}") from error
    window = options.looseness.fly_window
    if options.method == "fly" and window is not None and window >= options.most_draft_tokens:
        raise UsageError(
            f"{settings.name_of('fly_window')} must be below the {options.most_draft_tokens} draft tokens of a round, "
            f"not {window}"
        )
    return options


def _pruning_for(method: str, settings: Settings) -> PruningSpec:
    """How the draft's video tokens are pruned; a method that lives by pruning brings its own kind where none is set."""
    given = {name: value for name, key in _PRUNING.items() if (value := getattr(settings, key)) is not None}
    try:
        spec = PruningSpec(**given)
    except ValueError as error:
        name, _, complaint = str(error).partition(" ")
        raise UsageError(f"{settings.name_of(_PRUNING[name])} {complaint}") from error
    return replace(spec, pruning=METHODS[method].pruning) if spec.pruning == "none" else spec
