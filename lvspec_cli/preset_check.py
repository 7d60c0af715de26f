"""Whether a preset is right: what a run would refuse before it loads weights, said with file, line and key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lvspec_cli.errors import LvspecError, PresetError, WeightsMissing
from lvspec_cli.models.architecture import read_architecture
from lvspec_cli.models.calibration_file import read_calibration
from lvspec_cli.models.checkpoint import read_checkpoint
from lvspec_cli.models.loading import resolve_device
from lvspec_cli.models.pair import check_families, check_fit, check_question
from lvspec_cli.models.weights_on_disk import check_weights, files_of
from lvspec_cli.plan import Plan, check_fits
from lvspec_cli.preset import ROLES, ModelSpec, Preset, PromptSpec, user_presets_folder
from lvspec_cli.profiles import settings_for
from lvspec_cli.settings import FIELDS, place_in_preset

_DESCRIPTION = {"config.json", "tokenizer.json"}  # what it takes to tell whether two models fit together


def check_preset(preset: Preset) -> list[str]:
    """Check a preset that could be read, and return what is worth a note, a sentence each.

    Raises PresetError for what is wrong, one sentence.
    """
    _check_settings(preset)
    if preset.calibration is not None and not preset.calibration.is_file():
        raise _wrong(preset, "calibration", f"there is no file {preset.calibration}: run `lvspec calibrate`")
    for role in ROLES:
        _check_model(preset, role, getattr(preset, role))
    missing = {role: files_of(getattr(preset, role)).missing for role in ROLES}
    if _DESCRIPTION.isdisjoint(missing["target"] + missing["draft"]):
        _check_pair(preset)
        notes = []
    else:
        _check_families(preset)
        notes = ["whether target and draft fit together can be told once their files are on this machine"]
    return [*notes, *_lacking(preset), *_other_name(preset)]


def _check_settings(preset: Preset) -> None:
    try:
        check_fits(Plan.of(settings_for(preset, [])), preset)
    except LvspecError as error:
        # The message begins with the setting that is wrong, under the name that settings have everywhere.
        key = str(error).split(" ")[0]
        raise _wrong(preset, place_in_preset(key) if key in FIELDS else "", str(error)) from error


def _check_model(preset: Preset, role: str, spec: ModelSpec) -> None:
    with _blaming(preset, f"{role}.device"):
        resolve_device(spec.device)
    if not spec.is_local:
        return
    if not Path(spec.model).is_dir():
        raise _wrong(preset, f"{role}.model", f"there is no folder {spec.model}: put the model there or correct it")
    if not (Path(spec.model) / "config.json").is_file():
        raise _wrong(preset, f"{role}.model", f"the folder {spec.model} has no config.json: it is no model's folder")


def _check_pair(preset: Preset) -> None:
    """The checks of a run but for the weights."""
    with _blaming(preset, ""):
        pair = check_fit(preset, read_checkpoint(preset.target, "target"), read_checkpoint(preset.draft, "draft"))
    if preset.calibration is not None:
        with _blaming(preset, "calibration"):
            read_calibration(preset.calibration, pair.vocabulary_size, pair.target.layer_count)
    prompts = preset.prompts
    with _blaming(preset, "prompts.system"):
        check_question(pair, PromptSpec.caption, prompts.system)
    for key in ("caption", "summary"):
        with _blaming(preset, f"prompts.{key}"):
            check_question(pair, getattr(prompts, key))


def _check_families(preset: Preset) -> None:
    """As far as the architectures of both models are known without their files."""
    families = []
    for role in ROLES:
        try:
            families.append(read_architecture(getattr(preset, role), role).config.model_type)
        except LvspecError:  # not known, so it shows once the files are here
            return
    with _blaming(preset, "draft.model"):
        check_families(*families)


def _lacking(preset: Preset) -> Iterator[str]:
    for role in ROLES:
        try:
            check_weights(preset, (role,))
        except WeightsMissing as error:
            yield str(error)


def _other_name(preset: Preset) -> Iterator[str]:
    if preset.path.parent == user_presets_folder().resolve() and preset.name != preset.path.stem:
        yield f"records call it {preset.name}, but --preset finds it as {preset.path.stem}"


@contextmanager
def _blaming(preset: Preset, dotted: str) -> Iterator[None]:
    """Say of an error where in the preset it comes from."""
    try:
        yield
    except LvspecError as error:
        raise _wrong(preset, dotted, str(error)) from error


def _wrong(preset: Preset, dotted: str, message: str) -> PresetError:
    """An error about a key, by its dotted name; none, or one that the file does not give, has no line."""
    line = f", line {preset.given[dotted]}" if dotted in preset.given else ""
    key = f"{dotted}: " if line and dotted not in message else ""
    return PresetError(f"{preset.path}{line}: {key}{message}")
