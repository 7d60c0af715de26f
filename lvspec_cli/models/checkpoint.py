"""What a model's files say about it, read without its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvspec_cli.errors import ModelError, PresetError
from lvspec_cli.models.families import family_class
from lvspec_cli.models.quiet import quiet
from lvspec_cli.models.weights_on_disk import folder_of
from lvspec_cli.preset import ModelSpec

if TYPE_CHECKING:
    from lvspec_cli.models.adapter import VideoLanguageModel


@dataclass(frozen=True)
class Checkpoint:
    """One model of a pair, before its weights are loaded."""

    spec: ModelSpec
    folder: Path  # where its files are; for a model of the hub, in the cache
    family: str  # the configuration's model_type
    adapter: type[VideoLanguageModel]
    config: Any  # the transformers configuration
    tokenizer: Any
    stop_tokens: frozenset[int]  # token ids that end an answer

    @property
    def revision(self) -> str | None:
        """The commit on the hub, by which the cache names folders; None for a folder of its user's."""
        return None if self.spec.is_local else self.folder.name

    @property
    def padded_vocabulary_size(self) -> int:
        """Rows of the output matrix; some belong to no token."""
        return int(self.config.get_text_config().vocab_size)

    @property
    def layer_count(self) -> int:
        """Layers of the language model."""
        return int(self.config.get_text_config().num_hidden_layers)


def read_checkpoint(spec: ModelSpec, role: str) -> Checkpoint:
    """Read configuration and tokenizer of the ``role`` (target or draft) of a pair, from this machine's disk alone.

    Raises ModelError if they are missing or unreadable, PresetError if the model is of no known family.
    """
    from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig

    folder = folder_of(spec)
    try:
        with quiet():
            # Of a folder, transformers asks the hub nothing; of a name it would, for optional files too.
            found, _ = PreTrainedConfig.get_config_dict(str(folder))
            family = str(found.get("model_type"))
            adapter = family_class(family)
            config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
            tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
            stop_tokens = _stop_tokens(folder, config, tokenizer)
    except PresetError as error:
        raise PresetError(f"the {role} {spec.model} cannot be used: {error}") from error
    except Exception as error:  # what the libraries raise for unreadable files has no common type
        advice = f"check the files in {folder}"
        raise ModelError(f"cannot read the {role} {spec.model}: {first_line(error)}; {advice}") from error
    _check_attention(config, role, spec)
    return Checkpoint(spec, folder, family, adapter, config, tokenizer, stop_tokens)


def first_line(error: BaseException) -> str:
    """What an exception of a library says, on one line and without its full stop."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].strip().rstrip(".:")


def _check_attention(config: Any, role: str, spec: ModelSpec) -> None:
    kinds = set(getattr(config.get_text_config(), "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"}:
        other = ", ".join(sorted(kinds - {"full_attention"}))
        raise PresetError(f"the {role} {spec.model} has layers of {other}: choose a model with full attention only")


def _stop_tokens(folder: Path, config: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer, from the generation settings, the configuration and the tokenizer together."""
    from transformers import GenerationConfig

    try:
        generation = GenerationConfig.from_pretrained(str(folder))
    except OSError:  # a model need not have one
        generation = None
    found = (
        getattr(generation, "eos_token_id", None),
        getattr(config.get_text_config(), "eos_token_id", None),
        tokenizer.eos_token_id,
    )
    ids = (token for entry in found for token in (entry if isinstance(entry, list) else [entry]))
    return frozenset(token for token in ids if token is not None)
