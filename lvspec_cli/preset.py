"""Presets: which pair of models, how many frames, which method. The schema, and finding and reading the YAML files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lvspec_cli.errors import PresetError
from lvspec_cli.named_files import NamedFile, Shelf

SCHEMA = "lvspec.preset/1"
DTYPES = ("auto", "float32", "bfloat16", "float16")
QUANTIZATIONS = ("none", "nf4", "int8")
ATTENTIONS = ("auto", "sdpa", "flash_attention_2", "eager")
ROLES = ("target", "draft")
PRUNINGS = ("none", "uniform", "attention")
ON_OOM = ("fail", "shrink")
# {segments} stands for the captions of the parts, one a line.
SUMMARY_PROMPT = (
    "These are captions of the parts of this video, in order, each behind its time in seconds:\n"
    "{segments}\n"
    "Describe the whole video in one paragraph, from its beginning to its end. Rely on what you see and on these "
    "captions, keep their order, say nothing twice, and do not mention parts, captions or times."
)
LARGEST_FRAME_PIXELS = 1_638_400  # pixels; larger frames are scaled down to this as a video is read


@dataclass(frozen=True)
class ModelSpec:
    """One model of a pair."""

    model: str  # hub id, or the absolute path of a folder
    is_local: bool  # whether `model` is a folder
    revision: str | None = None  # branch, tag or commit on the hub; None: its default branch
    dtype: str = "auto"  # one of DTYPES; auto: as saved
    quantization: str = "none"  # one of QUANTIZATIONS; of the language model's linear layers only
    # auto (an accelerator if there is one), balanced (over all of them), or as torch names it: cpu, cuda, cuda:1, mps
    device: str = "auto"
    attention: str = "auto"  # one of ATTENTIONS, of the vision tower; auto: the fastest that this machine has


@dataclass(frozen=True)
class FrameSpec:
    """Which frames the models see."""

    count: int | None = 8  # frames a video; None: by `fps`
    fps: float | None = None  # frames a second; None: by `count`
    max_frames: int = 768  # frames a video at most, whatever fps says
    min_pixels: int | None = None  # pixels a frame; None: as the models' processors say
    max_pixels: int | None = None  # pixels a frame; None: as the models' processors say


@dataclass(frozen=True)
class PruningSpec:
    """Which of the video tokens the draft sees. A wrong value raises ValueError with a sentence naming its field."""

    pruning: str = "none"  # one of PRUNINGS; attention: the target's, as in SpecVLM
    keep: float = 0.1  # share of the video tokens that stay, above 0 and at most 1
    mass: float = 0.4  # share of the attention on the video that the first tokens chosen by it make up, 0 to 1

    def __post_init__(self) -> None:
        if self.pruning not in PRUNINGS:
            raise ValueError(f"pruning must be one of {', '.join(PRUNINGS)}, not {self.pruning!r}")
        if not 0 < self.keep <= 1:
            raise ValueError(f"keep must be above 0 and at most 1, not {self.keep}")
        if not 0 <= self.mass <= 1:
            raise ValueError(f"mass must be from 0 to 1, not {self.mass}")


@dataclass(frozen=True)
class GenerationSpec:
    """How text is generated."""

    max_tokens: int = 256  # new tokens at most
    temperature: float = 0.0  # 0: greedy
    top_p: float = 1.0  # probability mass kept when sampling
    top_k: int = 0  # tokens kept when sampling; 0: all
    seed: int = 0


@dataclass(frozen=True)
class PromptSpec:
    """What is asked when the user does not ask."""

    caption: str = "Describe this video in detail."
    system: str | None = None  # said to the model before the question; None: what its chat template says by itself
    summary: str = SUMMARY_PROMPT  # asked about a video whose parts have captions


@dataclass(frozen=True)
class Preset:
    """A draft/target pair and everything that has a default with it."""

    name: str
    target: ModelSpec
    draft: ModelSpec
    path: Path  # the file it was read from
    description: str = ""
    notice: str | None = None  # said on stderr whenever the preset is used
    licence: str | None = None  # under which its models may be used
    frames: FrameSpec = FrameSpec()
    draft_video: PruningSpec = PruningSpec()
    method: str = "strict"
    draft_tokens: int | Literal["auto"] = 5  # proposed a round; auto: as many as pay
    looseness: Mapping[str, Any] = field(default_factory=dict, hash=False)  # settings of the lossy methods, if given
    compile: bool = False  # whether the usual passes of both language models are compiled
    calibration: Path | None = None  # what `lvspec calibrate` measured of the pair
    generation: GenerationSpec = GenerationSpec()
    prompts: PromptSpec = PromptSpec()
    on_oom: str = "fail"  # one of ON_OOM; shrink: a video that does not fit into memory is tried with half its frames
    # Dotted names of the keys in its file, each with its line, counted from 1; the rest are defaults.
    given: Mapping[str, int] = field(default_factory=dict, compare=False)


def load_preset(name_or_path: str | os.PathLike[str]) -> Preset:
    """Read a preset: one of the user's or a built-in one by its name, or any by the path of its .yaml file.

    Raises PresetError if there is none, or if something in it is wrong: the message names file, line, key and what was
    expected.
    """
    from lvspec_cli.preset_reader import read_preset

    return read_preset(*_shelf().read(name_or_path))


def preset_files() -> tuple[NamedFile, ...]:
    """Every preset that has a name, sorted by it."""
    return _shelf().files()


def list_presets() -> tuple[str, ...]:
    """The names of the presets that are built in and of the user's own, sorted."""
    return tuple(file.name for file in preset_files())


def built_in_folder() -> Path:
    """Where built-in presets are: inside the package once installed, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "presets"
    return inside if inside.is_dir() else package.parent / "presets"


def user_presets_folder() -> Path:
    """Where the user's own presets are; it need not exist."""
    from lvspec_cli.files import user_folder

    return user_folder() / "presets"


def _shelf() -> Shelf:
    return Shelf("preset", built_in_folder(), user_presets_folder(), PresetError)
