"""Loading one model: weights, number format, device, and quantization that keeps to the language model's layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from lvspec_cli.errors import LvspecError, ModelError, PresetError
from lvspec_cli.models.adapter import FrameSize, VideoLanguageModel
from lvspec_cli.models.checkpoint import Checkpoint, first_line
from lvspec_cli.models.quiet import quiet


def load_model(checkpoint: Checkpoint, role: str, vocabulary_size: int, frame_size: FrameSize) -> VideoLanguageModel:
    """Load weights (safetensors only) and processor of a checked model and put them behind its family's adapter.

    Raises PresetError for a device or quantization that this machine lacks, ModelError for weights that are missing,
    incomplete, unreadable or too large.
    """
    from transformers import AutoModelForImageTextToText, AutoProcessor

    spec = checkpoint.spec
    device = resolve_device(spec.device)
    folder = str(checkpoint.folder)
    weights = {
        "dtype": "auto" if spec.dtype == "auto" else getattr(torch, spec.dtype),
        "use_safetensors": True,
        "quantization_config": quantization_config(checkpoint),
        "device_map": {"": device} if spec.quantization != "none" else None,
    }
    try:
        with quiet():
            loaded: Any = AutoModelForImageTextToText.from_pretrained(
                folder, trust_remote_code=False, **weights, output_loading_info=True
            )
            model, report = loaded
            processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False)  # type: ignore[no-untyped-call]
            if spec.quantization == "none":
                model = model.to(device)
        _check_complete(report, role, spec.model)
        if spec.quantization != "none":
            check_quantized(model, checkpoint.adapter.unquantized_modules)
        adapter = checkpoint.adapter(model.eval(), processor, vocabulary_size, frame_size)
    except LvspecError:
        raise
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"the {role} {spec.model} does not fit into the memory of {device}: choose a smaller preset or nf4"
        ) from error
    except Exception as error:  # what the libraries raise for unreadable weights has no common type
        raise ModelError(f"cannot load the {role} {spec.model}: {first_line(error)}; get its files again") from error
    if device.type == "cuda":
        torch.cuda.empty_cache()  # fusing weights leaves as much memory reserved and unused
    return adapter


def resolve_device(name: str) -> torch.device:
    """The device a preset names; auto is an accelerator if there is one. Raises PresetError if it is absent."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise PresetError(f"there is no device {name!r}: write auto, cpu, cuda, cuda:1 or mps") from error
    present = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (device.index or 0) >= present.get(device.type, 0):
        raise PresetError(f"this machine has no device {name}: write auto or cpu")
    return device


def quantization_config(checkpoint: Checkpoint) -> Any:
    """The settings under which only the language model's linear layers are quantized; None for no quantization."""
    if checkpoint.spec.quantization == "none":
        return None
    from importlib.util import find_spec

    from transformers.utils.quantization_config import BitsAndBytesConfig

    if find_spec("bitsandbytes") is None or find_spec("accelerate") is None:
        raise PresetError(
            f"quantization {checkpoint.spec.quantization} needs two more packages: pip install bitsandbytes accelerate"
        )
    skip = list(checkpoint.adapter.unquantized_modules)
    if checkpoint.spec.quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=skip)  # type: ignore[no-untyped-call]
    dtype = torch.bfloat16 if checkpoint.spec.dtype == "auto" else getattr(torch, checkpoint.spec.dtype)
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=skip,
    )


def check_quantized(model: nn.Module, unquantized: tuple[str, ...]) -> None:
    """Raise ModelError unless every linear layer below the language model is quantized and no other is."""
    for name, module in model.named_modules():
        if not isinstance(module, nn.Linear):
            continue
        quantized = type(module) is not nn.Linear
        if quantized == name.startswith(unquantized):
            state = "quantized" if quantized else "not quantized"
            raise ModelError(
                f"{name} came out {state}, which would cost quality or memory: use quantization none or other versions "
                "of transformers and bitsandbytes"
            )


def _check_complete(report: Any, role: str, name: str) -> None:
    """Tensors that a checkpoint lacks are filled with noise by transformers; here that is an error."""
    lacking = sorted((*report.get("missing_keys", ()), *(entry[0] for entry in report.get("mismatched_keys", ()))))
    if lacking:
        raise ModelError(
            f"the weights of the {role} {name} lack {len(lacking)} tensors (first {lacking[0]}): get its files again"
        )
