"""Loading one model: weights, number format, device, and quantization that keeps to the language model's layers."""

from __future__ import annotations

from collections.abc import Collection
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from lvspec_cli.errors import LvspecError, ModelError, PresetError
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.checkpoint import Checkpoint, first_line
from lvspec_cli.models.prompt import FrameSize
from lvspec_cli.models.quiet import quiet
from lvspec_cli.preset import ModelSpec

BALANCED = "balanced"  # a device that is all GPUs, each with an equal part of the model
_PACKAGES = ("bitsandbytes", "accelerate")


def load_model(
    checkpoint: Checkpoint,
    role: str,
    vocabulary_size: int,
    frame_size: FrameSize,
    compiled_lengths: Collection[int] = (),
) -> VideoLanguageModel:
    """Load weights (safetensors only) and processor of a checked model and put them behind its family's adapter.

    ``compiled_lengths``: numbers of tokens whose passes are compiled, see `VideoLanguageModel`.

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
        "attn_implementation": {"vision_config": attention_backend(checkpoint)},
        "quantization_config": quantization_config(checkpoint),
        "device_map": _device_map(spec, device),
    }
    try:
        with quiet():
            loaded: Any = AutoModelForImageTextToText.from_pretrained(
                folder, trust_remote_code=False, **weights, output_loading_info=True
            )
            model, report = loaded
            processor = AutoProcessor.from_pretrained(folder, trust_remote_code=False)  # type: ignore[no-untyped-call]
            if weights["device_map"] is None:
                model = model.to(device)
        _check_complete(report, role, spec.model)
        if spec.quantization != "none":
            check_quantized(model, checkpoint.adapter.unquantized_modules)
            check_multiplies(model)
        adapter = checkpoint.adapter(model.eval(), processor, vocabulary_size, frame_size, compiled_lengths)
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
    """The device a preset names, the first of several. Raises PresetError if it is absent.

    auto is an accelerator if there is one, and balanced the first of all that share a model.
    """
    if name in ("auto", BALANCED):
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise PresetError(f"there is no device {name!r}: write auto, balanced, cpu, cuda, cuda:1 or mps") from error
    present = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (device.index or 0) >= present.get(device.type, 0):
        raise PresetError(f"this machine has no device {name}: write auto or cpu")
    return device


def _device_map(spec: ModelSpec, device: torch.device) -> Any:
    """Where transformers is to put the weights as it reads them; None: they are moved afterwards."""
    if spec.device == BALANCED and torch.cuda.device_count() > 1:
        return BALANCED
    return {"": device} if spec.quantization != "none" else None


def check_packages(checkpoint: Checkpoint, role: str) -> None:
    """Raise PresetError if packages are missing that the model needs here beside those that lvspec requires."""
    spec = checkpoint.spec
    spread = spec.device == BALANCED and torch.cuda.device_count() > 1
    needed = {
        f"models of type {checkpoint.family}": checkpoint.adapter.packages,
        f"quantization {spec.quantization}": _PACKAGES if spec.quantization != "none" else (),
        f"device {spec.device}": ("accelerate",) if spread else (),
    }
    for what, packages in needed.items():
        missing = [package for package in packages if find_spec(package) is None]
        if missing:
            raise PresetError(f"the {role} {spec.model} cannot be loaded: {what} needs pip install {' '.join(missing)}")


def check_compilable(spec: ModelSpec, wanted: bool) -> None:
    """Raise PresetError if passes are to be compiled over weights that `torch.compile` is not offered for here."""
    if wanted and (spec.quantization != "none" or spec.device == BALANCED):
        raise PresetError(
            f"compile goes with weights that are whole and on one device, which those of {spec.model} are not: leave "
            "out compile, or the quantization and the device balanced"
        )


def attention_backend(checkpoint: Checkpoint) -> str:
    """How the vision tower computes attention, by the name that transformers gives it.

    (The language model always runs over lvspec's own attention.) auto is FlashAttention 2 where its package is
    installed and can serve the number format, or else what PyTorch has built in. Raises PresetError if a backend is
    asked for that this machine lacks.
    """
    from transformers.utils.import_utils import is_flash_attn_2_available

    spec = checkpoint.spec
    usable = is_flash_attn_2_available() and resolve_device(spec.device).type == "cuda" and _is_half(checkpoint)
    if spec.attention == "flash_attention_2" and not usable:
        raise PresetError(
            f"attention flash_attention_2 of {spec.model} needs the package flash-attn, an NVIDIA GPU and a dtype of "
            "16 bits: write auto or sdpa"
        )
    if spec.attention == "auto":
        return "flash_attention_2" if usable else "sdpa"
    return spec.attention


def _is_half(checkpoint: Checkpoint) -> bool:
    dtype = checkpoint.spec.dtype
    saved = getattr(checkpoint.config, "dtype", None)
    return (saved if dtype == "auto" else getattr(torch, dtype)) in (torch.bfloat16, torch.float16)


def quantization_config(checkpoint: Checkpoint) -> Any:
    """The settings under which only the language model's linear layers are quantized; None for no quantization."""
    if checkpoint.spec.quantization == "none":
        return None
    from transformers.utils.quantization_config import BitsAndBytesConfig

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


@torch.inference_mode()
def check_multiplies(model: Any) -> None:
    """Raise ModelError unless quantized layers of every shape that the model has can be multiplied on this machine.

    bitsandbytes has kernels for some shapes only, which differ from processor to processor, and finds out late.
    """
    quantized = [each for each in model.modules() if isinstance(each, nn.Linear) and type(each) is not nn.Linear]
    for layer in {(each.in_features, each.out_features): each for each in quantized}.values():
        try:
            layer(torch.zeros(1, layer.in_features, dtype=model.dtype, device=layer.weight.device))
        except Exception as error:  # what kernels raise has no common type
            size = f"{layer.in_features}x{layer.out_features}"
            raise ModelError(
                f"bitsandbytes cannot multiply quantized weights of {size} on this machine ({first_line(error)}): use "
                "quantization none"
            ) from error


def _check_complete(report: Any, role: str, name: str) -> None:
    """Tensors that a checkpoint lacks are filled with noise by transformers; here that is an error."""
    lacking = sorted((*report.get("missing_keys", ()), *(entry[0] for entry in report.get("mismatched_keys", ()))))
    if lacking:
        raise ModelError(
            f"the weights of the {role} {name} lack {len(lacking)} tensors (first {lacking[0]}): get its files again"
        )
