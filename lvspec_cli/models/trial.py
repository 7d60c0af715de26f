"""Whether the libraries that load and run models work on this machine: tried, not looked up."""

from __future__ import annotations

import torch
from torch import nn

from lvspec_cli.models.quiet import quiet

_SIZE = 64  # NF4 scales weights in blocks of 64
# NF4 moves the output of a layer of normal weights by a tenth of its size; a kernel that is wrong, by all of it.
_TOLERANCE = 0.25


def transformers_version() -> str:
    """The version of transformers, once all that loading needs of it is imported. Raises what the imports raise."""
    import transformers
    from transformers import AutoModelForImageTextToText, AutoProcessor, AutoTokenizer

    assert all((AutoModelForImageTextToText, AutoProcessor, AutoTokenizer))  # lazy names, resolved by now
    return str(transformers.__version__)


def nf4_failure(device: torch.device) -> str | None:
    """Why 4-bit weights (NF4, double quantization) cannot be used on a device; None if they can.

    A small layer is quantized, and must give nearly what it gave before.
    """
    generator = torch.Generator().manual_seed(0)
    weight, inputs = (torch.randn(_SIZE, _SIZE, generator=generator) for _ in range(2))
    try:
        with quiet(), torch.inference_mode():
            outputs = _nf4_layer(weight, device)(inputs.to(device)).cpu()
    except Exception as error:  # a build for other hardware can fail in any way
        return " ".join(f"{type(error).__name__}: {error}".split())
    expected = inputs @ weight.T
    change = float((outputs - expected).norm() / expected.norm())
    return None if change < _TOLERANCE else f"a layer's output changes by {change:.0%}"


def _nf4_layer(weight: torch.Tensor, device: torch.device) -> nn.Module:
    from bitsandbytes.nn.modules import Linear4bit

    options = {"bias": False, "compute_dtype": torch.float32, "quant_type": "nf4"}
    layer: nn.Module = Linear4bit(_SIZE, _SIZE, **options)  # type: ignore[no-untyped-call]
    layer.load_state_dict({"weight": weight})
    return layer.to(device).eval()  # weights are quantized when they are moved
