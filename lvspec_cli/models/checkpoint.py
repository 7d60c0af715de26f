"""What a model's folder or hub page says about it, read without its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvspec_cli.errors import ModelError, PresetError
from lvspec_cli.models.families import family_class
from lvspec_cli.models.quiet import quiet
from lvspec_cli.preset import ModelSpec

if TYPE_CHECKING:
    from lvspec_cli.models.adapter import VideoLanguageModel


@dataclass(frozen=True)
class Checkpoint:
    """One model of a pair, before its weights are loaded."""

    spec: ModelSpec
    family: str  # the configuration's model_type
    adapter: type[VideoLanguageModel]
    config: Any  # the transformers configuration
    tokenizer: Any
    stop_tokens: frozenset[int]  # token ids that end an answer
    revision: str | None  # commit on the hub, None for a folder

    @property
    def padded_vocabulary_size(self) -> int:
        """Rows of the output matrix; some belong to no token."""
        return int(self.config.get_text_config().vocab_size)

    @property
    def layer_count(self) -> int:
        """Layers of the language model."""
        return int(self.config.get_text_config().num_hidden_layers)


def read_checkpoint(spec: ModelSpec, role: str) -> Checkpoint:
    """Read configuration and tokenizer of the ``role`` (target or draft) of a pair.

    Raises ModelError if they or the weights are missing or unreadable, PresetError if the model is of no known family.
    """
    from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig

    if spec.is_local:
        _check_folder(Path(spec.model), role)
    try:
        with quiet():
            found, _ = PreTrainedConfig.get_config_dict(spec.model, revision=spec.revision)
            family = str(found.get("model_type"))
            adapter = family_class(family)
            config = AutoConfig.from_pretrained(spec.model, revision=spec.revision, trust_remote_code=False)
            tokenizer = AutoTokenizer.from_pretrained(spec.model, revision=spec.revision, trust_remote_code=False)
            stop_tokens = _stop_tokens(spec, config, tokenizer)
    except PresetError as error:
        raise PresetError(f"the {role} {spec.model} cannot be used: {error}") from error
    except Exception as error:  # what the libraries raise for unreadable files has no common type
        raise ModelError(f"cannot read the {role} {spec.model}: {first_line(error)}{_advice(spec)}") from error
    _check_attention(config, role, spec)
    revision = None if spec.is_local else getattr(config, "_commit_hash", None) or spec.revision
    return Checkpoint(spec, family, adapter, config, tokenizer, stop_tokens, revision)


def first_line(error: BaseException) -> str:
    """What an exception of a library says, on one line and without its full stop."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].strip().rstrip(".:")


def _advice(spec: ModelSpec) -> str:
    return "; check the files in the folder" if spec.is_local else "; check the name and the network, or give a folder"


def _check_folder(folder: Path, role: str) -> None:
    if not folder.is_dir():
        raise ModelError(f"the folder {folder} of the {role} does not exist: put the model there or correct the preset")
    if not (folder / "config.json").is_file():
        raise ModelError(f"the folder {folder} of the {role} has no config.json: it is not a model folder")
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"the folder {folder} of the {role} has no weights: put its .safetensors files there (nothing else is read)"
        )


def _check_attention(config: Any, role: str, spec: ModelSpec) -> None:
    kinds = set(getattr(config.get_text_config(), "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"}:
        other = ", ".join(sorted(kinds - {"full_attention"}))
        raise PresetError(f"the {role} {spec.model} has layers of {other}: choose a model with full attention only")


def _stop_tokens(spec: ModelSpec, config: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer, from the generation settings, the configuration and the tokenizer together."""
    from transformers import GenerationConfig

    try:
        generation = GenerationConfig.from_pretrained(spec.model, revision=spec.revision or "main")
    except OSError:  # a model need not have one
        generation = None
    found = (
        getattr(generation, "eos_token_id", None),
        getattr(config.get_text_config(), "eos_token_id", None),
        tokenizer.eos_token_id,
    )
    ids = (token for entry in found for token in (entry if isinstance(entry, list) else [entry]))
    return frozenset(token for token in ids if token is not None)
