"""What can be known of a model without its weights: its configuration and family, and its processor if it is here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from lvspec_cli.errors import ModelError
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.families import family_class
from lvspec_cli.models.published import published_config
from lvspec_cli.models.quiet import quiet
from lvspec_cli.models.weights_on_disk import folder_of
from lvspec_cli.preset import ModelSpec


@dataclass(frozen=True)
class Architecture:
    """One model of a pair as its files, or what is written here of published ones, describe it."""

    spec: ModelSpec
    config: Any  # the transformers configuration
    adapter: type[VideoLanguageModel]

    @property
    def dtype(self) -> torch.dtype:
        """The number format of what is not quantized, as `lvspec_cli.models.loading` has transformers choose it."""
        if self.spec.dtype != "auto":
            return getattr(torch, self.spec.dtype)  # type: ignore[no-any-return]
        saved: torch.dtype | None = self.config.dtype
        return saved or torch.float32

    @property
    def text(self) -> Any:
        """The configuration of the language model."""
        return self.config.get_text_config()


def read_architecture(spec: ModelSpec, role: str) -> Architecture:
    """Find out about the ``role`` (target or draft) of a pair; nothing is asked of the network.

    Raises ModelError if its configuration is neither on this machine nor known, PresetError if it is of no known
    family.
    """
    config = _read("AutoConfig", spec) or published_config(spec.model)
    if config is None:
        raise ModelError(
            f"nothing is known of the {role} {spec.model}, since its config.json is not on this machine: get its files "
            "first"
        )
    return Architecture(spec, config, family_class(config.model_type))


def read_processor(spec: ModelSpec) -> Any:
    """Transformers' processor of a model, its tokenizer in it; None if its files are not all on this machine."""
    return _read("AutoProcessor", spec)


def _read(auto_class: str, spec: ModelSpec) -> Any:
    """What an Auto class of transformers makes of a model's folder; None if it can make nothing of it."""
    import transformers

    folder = folder_of(spec)
    if not (folder / "config.json").is_file():
        return None
    try:
        with quiet():
            return getattr(transformers, auto_class).from_pretrained(str(folder), trust_remote_code=False)
    except Exception:  # what the libraries raise for missing and unreadable files has no common type
        return None
