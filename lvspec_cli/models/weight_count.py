"""How many weights a model has and what they take, counted on the real model class without any memory.

On PyTorch's meta device tensors have shapes and nothing else, so the class that transformers would fill with weights
is built as it is, in a moment, and its parameters are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lvspec_cli.models.quiet import quiet

# bitsandbytes' 4-bit format with double quantization (Dettmers et al. 2023, QLoRA, section 3): half a byte a weight, a
# scale of one byte for every 64 weights, and a float32 for every 256 of these scales, besides one offset a matrix. That
# is 4.127 bits a weight. Its tables of the 16 and 256 values are left out: about a kilobyte a matrix.
_NF4_BLOCK = 64
_NF4_SCALES = 256


@dataclass(frozen=True)
class WeightCount:
    """The weights of one model."""

    parameters: int  # numbers, tied ones counted once
    bytes: int  # of all parameters and buffers as they are loaded


def count_weights(config: Any, dtype: torch.dtype, quantization: str, unquantized: tuple[str, ...]) -> WeightCount:
    """Count the weights of the model that a transformers configuration describes.

    ``dtype``: of what is not quantized; ``quantization``: none, nf4 or int8, of the linear layers whose names do not
    begin with one of ``unquantized`` (see `lvspec_cli.models.loading.check_quantized`).
    """
    model = _empty_model(config)
    packed = {} if quantization == "none" else _packed_weights(model, unquantized)
    plain = [parameter for parameter in model.parameters() if id(parameter) not in packed]
    return WeightCount(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        bytes=sum(parameter.numel() for parameter in plain) * dtype.itemsize
        + sum(buffer.nbytes for buffer in model.buffers())
        + sum(_packed_bytes(weight, quantization) for weight in packed.values()),
    )


def _empty_model(config: Any) -> nn.Module:
    from transformers import AutoModelForImageTextToText

    with quiet(), torch.device("meta"):
        model: nn.Module = AutoModelForImageTextToText.from_config(config)  # type: ignore[no-untyped-call]
    return model


def _packed_weights(model: nn.Module, unquantized: tuple[str, ...]) -> dict[int, torch.Tensor]:
    """The matrices that a quantization covers, by their identity."""
    return {
        id(module.weight): module.weight
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and not name.startswith(unquantized)
    }


def _packed_bytes(weight: torch.Tensor, quantization: str) -> int:
    """Bytes of a matrix [out, in] once it is quantized."""
    count = weight.numel()
    if quantization == "int8":
        return count + 4 * weight.shape[0]  # a float32 scale for each row
    blocks = -(-count // _NF4_BLOCK)
    return -(-count // 2) + blocks + 4 * -(-blocks // _NF4_SCALES) + 4
