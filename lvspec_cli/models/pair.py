"""A draft and a target that fit together, checked before any weight is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np

from lvspec_cli.decoding.looseness import WatchedLayers
from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.relevance import (
    NOTHING_KNOWN,
    Calibration,
    PairKnowledge,
    check_calibrated,
    upper_layers,
    watched_layers,
)
from lvspec_cli.errors import PairError, PresetError, UsageError
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.architecture import read_processor
from lvspec_cli.models.calibration_file import read_calibration
from lvspec_cli.models.checkpoint import Checkpoint, read_checkpoint
from lvspec_cli.models.context import ContextUse, context_use
from lvspec_cli.models.critical import critical_tokens
from lvspec_cli.models.grounding import GroundingSource
from lvspec_cli.models.loading import (
    attention_backend,
    check_compilable,
    check_packages,
    load_model,
    resolve_device,
)
from lvspec_cli.models.prompt import (
    FrameSize,
    PreparedPrompt,
    check_prompt,
    check_takes_system,
    without_control_tokens,
)
from lvspec_cli.models.room import check_room
from lvspec_cli.models.weights_on_disk import check_weights
from lvspec_cli.preset import Preset


@dataclass(frozen=True)
class CheckedPair:
    """What is known about a pair before its weights are loaded."""

    target: Checkpoint
    draft: Checkpoint
    vocabulary_size: int  # of the tokenizer both share; each model's output matrix may have more rows

    @property
    def family(self) -> str:
        """The ``model_type`` of both."""
        return self.target.family


@dataclass(frozen=True)
class Pair:
    """A loaded pair, ready to read videos."""

    target: VideoLanguageModel
    draft: VideoLanguageModel | None  # None if it was not asked for
    tokenizer: Any
    family: str  # the configurations' model_type
    vocabulary_size: int  # of the tokenizer both share
    stop_tokens: frozenset[int]  # ids that end an answer
    target_id: str  # hub id or folder
    draft_id: str
    target_revision: str | None  # commit on the hub, None for a folder
    draft_revision: str | None
    calibration: Calibration | None = None  # what was measured of the pair
    calibration_digest: str | None = None  # of the calibration's file: SHA-256, its first 16 digits

    def ready_for(self, options: DecodingOptions) -> PairKnowledge:
        """Let the target watch what the method reads from its passes, and return what the method must know.

        Raises UsageError if the method watches a layer that the target does not have.
        """
        watched = _watched(options, self.calibration, self.target.layer_count)
        self.target.watch(watched, _grounded(watched, self.target.layer_count) if options.trace else None)
        if not METHODS[options.method].spares:
            return NOTHING_KNOWN
        words = options.looseness.critical_words
        critical = critical_tokens(self.tokenizer, words, self.vocabulary_size, self.stop_tokens)
        return PairKnowledge(self.calibration, critical)

    def check_prompt(self, prompt: str, system: str | None = None) -> None:
        """Raise UsageError if this cannot be asked, as `prepare` would."""
        check_prompt(prompt, self.tokenizer, self.target.placeholders, system)

    def without_control_tokens(self, text: str) -> str:
        """A text that a model has made, without anything that `prepare` would refuse in a prompt which quotes it."""
        return without_control_tokens(text, self.tokenizer, self.target.placeholders)

    def prepare(
        self, frames: np.ndarray[Any, Any], times: Sequence[float], prompt: str, system: str | None = None
    ) -> tuple[PreparedPrompt, PreparedPrompt | None]:
        """The inputs of target and draft (see `VideoLanguageModel.prepare`); made once if both prepare alike."""
        prepared = self.target.prepare(frames, times, prompt, system)
        if self.draft is None:
            return prepared, None
        if self.draft.prepares_like(self.target):
            return prepared, prepared
        return prepared, self.draft.prepare(frames, times, prompt, system)

    def context_uses(self, target: PreparedPrompt, draft: PreparedPrompt | None) -> tuple[ContextUse, ...]:
        """What the prompts of `prepare` take of the positions of both models; None: the draft is not used."""
        use = context_use(self.target, "target", self.target_id, target)
        if self.draft is None or draft is None:
            return (use,)
        return use, context_use(self.draft, "draft", self.draft_id, draft)


def check_pair(preset: Preset) -> CheckedPair:
    """Check that the preset's models exist, are of one known family and share a tokenizer, without loading weights.

    Raises PairError if they do not fit together, PresetError if the preset asks for what they or this machine cannot
    do, ModelError if files are unreadable, and WeightsMissing, a ModelError too, if they are not all here.
    """
    check_weights(preset)
    return check_fit(preset, read_checkpoint(preset.target, "target"), read_checkpoint(preset.draft, "draft"))


def check_fit(preset: Preset, target: Checkpoint, draft: Checkpoint) -> CheckedPair:
    """Check that a preset's models, as they were read, are of one family and share a tokenizer.

    Raises PairError if not, and PresetError if the preset asks for what they or this machine cannot do.
    """
    check_families(target.family, draft.family)
    _check_tokenizers(target.tokenizer, draft.tokenizer)
    vocabulary_size = max(target.tokenizer.get_vocab().values()) + 1
    for role, checkpoint in (("target", target), ("draft", draft)):
        if checkpoint.padded_vocabulary_size < vocabulary_size:
            raise PairError(
                f"the tokenizer has {vocabulary_size} tokens but the {role} {checkpoint.spec.model} only "
                f"{checkpoint.padded_vocabulary_size} outputs: choose models that belong to their tokenizer"
            )
        resolve_device(checkpoint.spec.device)
        check_packages(checkpoint, role)
        check_compilable(checkpoint.spec, preset.compile)
        attention_backend(checkpoint)
    if not target.adapter.any_frame_size and (preset.frames.min_pixels or preset.frames.max_pixels):
        raise PresetError(
            f"frames.min_pixels and frames.max_pixels mean nothing to {target.family}, which takes one frame size: "
            "remove them"
        )
    return CheckedPair(target, draft, vocabulary_size)


def check_families(target: str, draft: str) -> None:
    """Raise PairError unless target and draft are of one family, by their ``model_type``."""
    if target != draft:
        raise PairError(f"the target is of family {target} and the draft of family {draft}: choose two of one family")


def check_question(pair: CheckedPair, prompt: str, system: str | None = None) -> None:
    """Raise UsageError if a pair cannot be asked this, with this message before it.

    Why, see `VideoLanguageModel.prepare`.
    """
    check_prompt(prompt, pair.target.tokenizer, pair.target.adapter.placeholders, system)
    for checkpoint in (pair.target, pair.draft) if system is not None else ():
        processor = read_processor(checkpoint.spec)
        if processor is not None:  # else loading tells what is wrong with its files
            check_takes_system(processor)


def load_pair(
    preset: Preset,
    *,
    with_draft: bool = True,
    prompts: Sequence[str] = (),
    system: str | None = None,
    options: DecodingOptions | None = None,
    ignore_memory: bool = False,
) -> Pair:
    """Check a pair and load it; the draft too unless the method needs none.

    ``prompts``, ``system`` and ``options``: the first that will be asked and decoded with, to be refused (UsageError)
    before any weights are loaded; so is a pair for which there is too little memory, unless ``ignore_memory``. Raises
    as `check_pair` and `load_model`.
    """
    checked = check_pair(preset)
    for prompt in prompts:
        check_question(checked, prompt, system)
    calibration = digest = None
    if preset.calibration is not None:
        calibration = read_calibration(preset.calibration, checked.vocabulary_size, checked.target.layer_count)
        digest = sha256(preset.calibration.read_bytes()).hexdigest()[:16]
    if options is not None:
        _watched(options, calibration, checked.target.layer_count)
    if not ignore_memory:
        check_room(preset, with_draft=with_draft)
    chain = preset.draft_tokens if options is None else options.draft_tokens
    target = _load(checked.target, "target", checked, replace(preset, draft_tokens=chain))
    draft = _load(checked.draft, "draft", checked, preset) if with_draft else None
    return Pair(
        target=target,
        draft=draft,
        tokenizer=checked.target.tokenizer,
        family=checked.family,
        vocabulary_size=checked.vocabulary_size,
        stop_tokens=checked.target.stop_tokens,
        target_id=checked.target.spec.model,
        draft_id=checked.draft.spec.model,
        target_revision=checked.target.revision,
        draft_revision=checked.draft.revision,
        calibration=calibration,
        calibration_digest=digest,
    )


def load_draft(pair: Pair, preset: Preset) -> Pair:
    """The same pair with its preset's draft, for one that was loaded without. Raises as `load_pair`."""
    checked = check_pair(preset)
    return replace(pair, draft=_load(checked.draft, "draft", checked, preset))


def _load(checkpoint: Checkpoint, role: str, checked: CheckedPair, preset: Preset) -> VideoLanguageModel:
    frame_size = FrameSize(preset.frames.min_pixels, preset.frames.max_pixels)
    lengths = _pass_lengths(role, preset) if preset.compile else ()
    return load_model(checkpoint, role, checked.vocabulary_size, frame_size, lengths)


def _pass_lengths(role: str, preset: Preset) -> tuple[int, ...]:
    """The numbers of tokens of a model's usual passes: the draft's steps, and the target's alone and over a chain."""
    if role == "draft":
        return (1, 2)  # two after a fully accepted chain
    return (1,) if preset.draft_tokens == "auto" else (1, preset.draft_tokens + 1)


def _watched(options: DecodingOptions, calibration: Calibration | None, layer_count: int) -> WatchedLayers | None:
    """What a target of so many layers must note for the method, None for nothing; UsageError if it lacks a layer."""
    if not METHODS[options.method].judges:
        return None
    try:
        check_calibrated(options.looseness, calibration or Calibration())
    except ValueError as error:
        raise UsageError(str(error)) from error
    watched = watched_layers(options.looseness, calibration, layer_count)
    if watched is not None and max((*watched.attention, watched.states or 0)) >= layer_count:
        raise UsageError(f"the target has {layer_count} layers: watch layers from 0 to {layer_count - 1}")
    return watched


def _grounded(watched: WatchedLayers | None, layer_count: int) -> GroundingSource:
    """Where a trace reads what a target looks at: what is watched anyway, or else the attention of upper layers."""
    if watched is not None and watched.states is not None:
        return GroundingSource("cosine")
    layers = () if watched is None else watched.attention
    return GroundingSource("attention", tuple(sorted(set(layers))) or upper_layers(layer_count))


def _check_tokenizers(target: Any, draft: Any) -> None:
    """Raise PairError unless both map the same tokens to the same ids and hold the same tokens to be special."""
    ours, theirs = target.get_vocab(), draft.get_vocab()
    advice = "choose two models that share a tokenizer"
    if ours != theirs:
        token = min((token for token in ours.keys() | theirs.keys() if ours.get(token) != theirs.get(token)), key=str)
        raise PairError(
            f"the tokenizers differ: {token!r} is token {ours.get(token, 'none')} of the target and "
            f"{theirs.get(token, 'none')} of the draft; {advice}"
        )
    special = set(target.all_special_tokens) ^ set(draft.all_special_tokens)
    if special or target.eos_token_id != draft.eos_token_id:
        names = ", ".join(sorted(special)) or "the end of a text"
        raise PairError(f"the tokenizers differ in their special tokens ({names}): {advice}")
