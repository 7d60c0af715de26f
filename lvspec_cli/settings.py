"""Settings and where each came from: flag > environment > ./lvspec.toml > user configuration > preset > default.

Between the user's and the preset stands the profile, if one is chosen: see `profiles`.

A setting is a field of `Settings`, and that one line gives its flag, its ``LVSPEC_*`` variable and its TOML key. What
a value may be is checked twice: here for its type, and by the part that uses it for its range. No torch is imported.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from lvspec_cli.errors import UsageError
from lvspec_cli.files import read_written, user_folder
from lvspec_cli.parsing import (
    added,
    draft_length,
    layers,
    names,
    number,
    quantizations,
    seconds,
    segment_length,
    switch,
    text,
    trimmed,
    whole_number,
    words,
)

if TYPE_CHECKING:
    from lvspec_cli.preset import Preset

ENVIRONMENT_PREFIX = "LVSPEC_"
PROJECT_FILE = "lvspec.toml"
# Kubernetes injects such variables into every pod beside a service that is called "lvspec".
_INJECTED = re.compile(r"(SERVICE|PORT)(_|$)")
_PRESET = "preset "  # how the origin of a preset's values begins
# Where a preset has what other layers call so; parts of `looseness` and keys at the top have the same names.
_PLACES_IN_PRESET = {
    "preset": "schema",
    "prompt": "prompts.caption",
    "system": "prompts.system",
    "summary_prompt": "prompts.summary",
    "frames": "frames.count",
    "fps": "frames.fps",
    "max_frames": "frames.max_frames",
    "pruning": "draft_video.pruning",
    "pruning_keep": "draft_video.keep",
    "pruning_mass": "draft_video.mass",
    **{key: f"generation.{key}" for key in ("max_tokens", "temperature", "top_p", "top_k", "seed")},
}
# Of these, a value at a higher level takes the place of the other one at a lower level.
_EXCLUSIVE = (("frames", "fps"), ("threshold", "filler_share"), ("prompt", "style"))
_ALTERNATIVES = {one: other for pair in _EXCLUSIVE for one, other in (pair, pair[::-1])}

Parser = Callable[[object], Any]


def _setting(default: object, parse: Parser, metavar: str, panel: str, explanation: str) -> Any:
    metadata = {"parse": parse, "metavar": metavar, "panel": panel, "help": explanation}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """Everything that shapes a caption, and how it is shown. None means that the preset or the reader decides."""

    preset: str = _setting("auto", text, "NAME|FILE", "Model", "The pair of models: a name, a YAML file, or auto.")
    device: str | None = _setting(None, text, "DEVICE", "Model", "Run both models there: cpu, cuda:1, balanced, ...")
    dtype: str | None = _setting(None, text, "DTYPE", "Model", "Number format of both models: float32, bfloat16, ...")
    quantize: tuple[tuple[str, str], ...] | None = _setting(
        None, quantizations, "ROLE=KIND,...", "Model", "Weights in fewer bits: target=nf4, or nf4 for both."
    )
    offline: bool = _setting(False, switch, "", "Model", "Let nothing reach for the network.")

    prompt: str | None = _setting(None, text, "TEXT", "Prompt", "What to ask of every video (caption only).")
    style: str | None = _setting(None, text, "NAME|FILE", "Prompt", "A prompt kept under a name or in a YAML file.")
    system: str | None = _setting(
        None, trimmed, "TEXT", "Prompt", "Say this to the model before the question; nothing if it is empty."
    )
    summary_prompt: str | None = _setting(
        None, text, "TEXT", "Prompt", "What to ask for a summary; {segments} stands for the segments' captions."
    )
    trigger: str | None = _setting(
        None, trimmed, "WORD", "Prompt", "Let every text begin with this word and a comma, unless it already does."
    )
    prefix: str | None = _setting(None, text, "TEXT", "Prompt", "Put this before every text, exactly as it is.")
    suffix: str | None = _setting(None, text, "TEXT", "Prompt", "Put this behind every text, exactly as it is.")

    method: str | None = _setting(None, text, "NAME", "Decoding", "How to decode.")
    draft_tokens: int | Literal["auto"] | None = _setting(
        None, draft_length, "N|auto", "Decoding", "Tokens drafted a round; auto: as many as pay, by the clock."
    )
    max_tokens: int | None = _setting(None, whole_number, "N", "Decoding", "Longest output, in tokens.")
    temperature: float | None = _setting(None, number, "T", "Decoding", "0 takes the likeliest token; above, sample.")
    top_p: float | None = _setting(None, number, "P", "Decoding", "Sample from this share of the probability.")
    top_k: int | None = _setting(None, whole_number, "K", "Decoding", "Sample from the K likeliest tokens; 0 for all.")
    seed: int | None = _setting(None, whole_number, "N", "Decoding", "Seed of the sampling.")

    pruning: str | None = _setting(None, text, "NAME", "Decoding", "Which of the video tokens the draft sees.")
    pruning_keep: float | None = _setting(None, number, "K", "Decoding", "Share of the video tokens that stay.")
    pruning_mass: float | None = _setting(None, number, "M", "Decoding", "Share of the attention to follow first.")

    profile: str = _setting("default", text, "NAME", "Looseness", "Settings that belong together.")
    relevance: str | None = _setting(None, text, "NAME", "Looseness", "What tells anchors from fillers.")
    judged: str | None = _setting(None, text, "NAME", "Looseness", "Judge the draft's token alone, or both.")
    threshold: float | None = _setting(None, number, "R", "Looseness", "Relevance from which a token is an anchor.")
    filler_share: float | None = _setting(None, number, "L", "Looseness", "Share of fillers, instead of a threshold.")
    min_probability: float | None = _setting(None, number, "P", "Looseness", "Keep no token that is less probable.")
    shift_window: int | None = _setting(None, whole_number, "W", "Looseness", "Positions an anchor may be off by.")
    critical_words: tuple[str, ...] | None = _setting(
        None, words, "WORD,...", "Looseness", "Never loosen these; +WORD adds."
    )
    attention_layers: tuple[int, ...] | None = _setting(None, layers, "N,...", "Looseness", "Layers of attention.")
    state_layer: int | None = _setting(None, whole_number, "N", "Looseness", "Layer of the states of cosine.")
    nearest: int | None = _setting(None, whole_number, "N", "Looseness", "Video tokens that cosine averages over.")
    fly_window: int | None = _setting(None, whole_number, "W", "Looseness", "Tokens that must match after a mismatch.")
    fly_entropy: float | None = _setting(None, number, "NATS", "Looseness", "Entropy from which fly hesitates.")
    fly_top_k: int | None = _setting(None, whole_number, "K", "Looseness", "Tokens whose entropy fly looks at.")
    random_share: float | None = _setting(None, number, "P", "Looseness", "Share of mismatches that random keeps.")

    frames: int | None = _setting(None, whole_number, "N", "Video", "Show N frames, spread evenly over the time.")
    fps: float | None = _setting(None, number, "F", "Video", "Show F frames a second instead of a fixed number.")
    start: float | None = _setting(None, seconds, "TIME", "Video", "Begin there: seconds or [HH:]MM:SS.")
    end: float | None = _setting(None, seconds, "TIME", "Video", "End there: seconds or [HH:]MM:SS.")
    max_frames: int | None = _setting(
        None, whole_number, "N", "Video", "Most frames that --fps or the preset may ask for."
    )
    decoder: str | None = _setting(None, text, "NAME", "Video", "Who decodes the video.")
    source_fps: float | None = _setting(None, number, "F", "Video", "Frames a second of a folder of images.")
    timeout: float | None = _setting(None, number, "SECONDS", "Video", "Longest time to read one video.")
    on_oom: str | None = _setting(
        None, text, "NAME", "Video", "When memory does not suffice: leave the video out, or try half of its frames."
    )

    segment: float | Literal["scenes"] | None = _setting(
        None,
        segment_length,
        "SECONDS|scenes|none",
        "Segments",
        "Caption segments of this length, or scenes, one by one.",
    )
    overlap: float | None = _setting(None, seconds, "SECONDS", "Segments", "Begin each so long before the last ends.")
    summary: bool = _setting(False, switch, "", "Segments", "Then caption the whole video too.")

    format: tuple[str, ...] = _setting(
        ("text",), names, "NAME,...", "Output", "How to write the results; several go to a folder or beside the videos."
    )
    ui: str = _setting("auto", text, "NAME", "Output", "What people see on stderr.")

    origins: Mapping[str, str] = field(default_factory=dict, compare=False)  # key -> where its value came from

    def name_of(self, key: str) -> str:
        """A setting as its user wrote it: ``--frames``, ``LVSPEC_FRAMES`` or ``frames in lvspec.toml``."""
        origin = self.origins.get(key, "default")
        names = (flag_name(key), variable_name(key), key)
        return origin if origin in names else f"{key} in {origin}"

    def given(self, key: str) -> bool:
        """Whether its user gave a setting; what the preset says, and a default, nobody gave."""
        return key in self.origins and not self.origins[key].startswith(_PRESET)

    def values(self) -> dict[str, Any]:
        """Every setting by its key, the origins left out."""
        return {key: getattr(self, key) for key in FIELDS}


FIELDS: Mapping[str, Field[Any]] = MappingProxyType({f.name: f for f in fields(Settings) if f.name != "origins"})


@dataclass(frozen=True)
class Layer:
    """Settings from one place."""

    values: Mapping[str, Any]  # key -> parsed value
    origins: Mapping[str, str]  # key -> how the place is called in messages


def flag_name(key: str) -> str:
    """``draft_tokens`` -> ``--draft-tokens``."""
    return "--" + key.replace("_", "-")


def variable_name(key: str) -> str:
    """``draft_tokens`` -> ``LVSPEC_DRAFT_TOKENS``."""
    return ENVIRONMENT_PREFIX + key.upper()


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint such as ``; did you mean 'frames'?``, or nothing if no known name comes near."""
    matches = get_close_matches(name, list(known), n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def layer(values: Mapping[str, object], name: Callable[[str], str]) -> Layer:
    """Parse raw values; `name(key)` tells where a key stands, for messages. A wrong one raises UsageError."""
    parsed, origins = {}, {}
    for key, value in values.items():
        try:
            parsed[key] = FIELDS[key].metadata["parse"](value)
        except ValueError as error:
            raise UsageError(f"{name(key)} {error}, not {value!r}") from None
        origins[key] = name(key)
    for one, other in _EXCLUSIVE:
        if {one, other} <= parsed.keys():
            raise UsageError(f"{name(one)} and {name(other)} exclude each other: keep one of them")
    return Layer(parsed, origins)


def argument_layer(arguments: Mapping[str, object]) -> Layer:
    """The settings given as arguments of a call; None marks one that was not given. Unknown ones raise UsageError."""
    for key in arguments:
        if key not in FIELDS:
            raise UsageError(f"unknown option {key!r}{nearest(key, FIELDS)}")
    return layer({key: value for key, value in arguments.items() if value is not None}, str)


def flag_layer(flags: Mapping[str, object]) -> Layer:
    """The settings given on the command line; None marks a flag that was not given."""
    return layer({key: value for key, value in flags.items() if value is not None}, flag_name)


def environment_layer(environment: Mapping[str, str]) -> Layer:
    """The settings of the ``LVSPEC_*`` variables; an empty one counts as unset."""
    values: dict[str, object] = {}
    for variable, value in environment.items():
        name = variable.removeprefix(ENVIRONMENT_PREFIX)
        if name == variable or not value or _INJECTED.match(name):
            continue
        if name.lower() not in FIELDS or name != name.upper():
            known = [variable_name(key) for key in FIELDS]
            raise UsageError(f"the environment variable {variable} is no setting of lvspec{nearest(variable, known)}")
        values[name.lower()] = value
    return layer(values, variable_name)


def file_layer(path: Path, label: str) -> Layer:
    """The settings of a TOML file that is called `label` in messages; none if there is no such file."""
    values: dict[str, object] = {}
    for written, value in _read_toml(path, label).items():
        key = written.replace("-", "_")
        if key not in FIELDS:
            raise UsageError(f"{label}: unknown key {written!r}{nearest(key, FIELDS)}")
        if isinstance(value, dict):
            raise UsageError(f"{label}: {written!r} must be a value, not a table")
        values[key] = value
    parsed = layer(values, lambda key: f"{label}: {key}")
    return Layer(parsed.values, dict.fromkeys(parsed.values, label))


def _read_toml(path: Path, label: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        values: dict[str, Any] = tomllib.loads(read_written(path))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UsageError(f"{label} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{label} is no valid TOML: {error}") from error
    return values


def user_file() -> Path:
    """The user's own configuration file."""
    return user_folder() / "config.toml"


def gather(flags: Mapping[str, object]) -> list[Layer]:
    """The layers above the preset, highest first: flags, environment, ./lvspec.toml, the user's configuration."""
    own = user_file()
    return [
        flag_layer(flags),
        environment_layer(os.environ),
        file_layer(Path(PROJECT_FILE), PROJECT_FILE),
        file_layer(own, str(own)),
    ]


def place_in_preset(key: str) -> str:
    """The dotted name by which a preset has a setting: ``pruning_keep`` -> ``draft_video.keep``."""
    if FIELDS[key].metadata["panel"] == "Looseness":
        return f"looseness.{key}"
    return _PLACES_IN_PRESET.get(key, key)


def preset_layer(preset: Preset) -> Layer:
    """What a preset says where nobody says otherwise."""
    frames, generation, draft_video = preset.frames, preset.generation, preset.draft_video
    values: dict[str, Any] = {
        "preset": preset.name,
        "prompt": preset.prompts.caption,
        "system": preset.prompts.system,
        "summary_prompt": preset.prompts.summary,
        "method": preset.method,
        "draft_tokens": preset.draft_tokens,
        "max_tokens": generation.max_tokens,
        "temperature": generation.temperature,
        "top_p": generation.top_p,
        "top_k": generation.top_k,
        "seed": generation.seed,
        "max_frames": frames.max_frames,
        "pruning": draft_video.pruning,
        "pruning_keep": draft_video.keep,
        "pruning_mass": draft_video.mass,
        "on_oom": preset.on_oom,
        **({"frames": frames.count} if frames.fps is None else {"fps": frames.fps}),
        **preset.looseness,
    }
    given = {key for key in values if place_in_preset(key) in preset.given}
    return Layer(values, {key: f"{_PRESET}{preset.name if key in given else 'default'}" for key in values})


def resolve(layers: Iterable[Layer]) -> Settings:
    """Take every setting from the first layer that has it, and from the defaults if none has."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for current in layers:
        taken = set(values)
        for key, value in current.values.items():
            if key == "critical_words" and key in taken:
                values[key] = added(values[key], value)
            elif (
                key not in taken
                and _ALTERNATIVES.get(key) not in taken
                and not _of_another_signal(key, current, values)
            ):
                values[key], origins[key] = value, current.origins[key]
    return replace(Settings(), **values, origins=MappingProxyType(origins))


def _of_another_signal(key: str, current: Layer, values: Mapping[str, Any]) -> bool:
    """Whether this is a preset's threshold, which is in the unit of its signal, and a higher layer has another one."""
    if key != "threshold" or not current.origins[key].startswith(_PRESET):
        return False
    own = current.values.get("relevance")
    return bool(values.get("relevance", own) != own)
