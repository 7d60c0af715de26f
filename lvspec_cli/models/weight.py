"""A weight matrix, kept in the order of memory that suits the few rows it is multiplied with on a CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

# Bytes of a model's layers up to which a second copy is made: what makes small models quick is too dear for large ones.
PACKING_LIMIT = 256 * 2**20
# Bytes of a matrix from which the packed copy is faster for one row too: oneDNN reads it on all threads, and PyTorch's
# own product of a matrix and one row reads it on one.
_LARGE = 2**19


class Weight:
    """A matrix [out, in] with an optional bias [out]; multiplies rows [n, in] as `torch.nn.functional.linear` does.

    In float32 on a CPU one row is multiplied fastest with a small matrix that is stored column by column. Several rows,
    and one row with a large matrix, are fastest with oneDNN's own blocked order, for which a packed second copy is kept
    if it was asked for.
    """

    def __init__(self, matrix: Tensor, bias: Tensor | None, *, packed: bool = False) -> None:
        """``packed``: keep the second copy, where this machine has a use for it."""
        self.matrix = matrix
        self.bias = bias
        self.packed = _pack(matrix) if packed and can_pack(matrix) else None

    def multiply(self, rows: Tensor) -> Tensor:
        """[n, in] to [n, out]."""
        if self.packed is None or (rows.shape[0] == 1 and self.matrix.nbytes < _LARGE):
            return linear(rows, self.matrix, self.bias)
        product: Tensor = _operations()._linear_pointwise(rows, self.packed, self.bias, "none", [], "")
        return product


def by_columns(matrices: list[Tensor]) -> Tensor:
    """Matrices [out, in] of one input on top of each other, stored column by column where that is faster."""
    if matrices[0].device.type == "cpu" and matrices[0].dtype == torch.float32:
        return torch.cat([matrix.t() for matrix in matrices], dim=1).contiguous().t()
    return torch.cat(matrices) if len(matrices) > 1 else matrices[0]


def can_pack(matrix: Tensor) -> bool:
    """Whether this build of PyTorch has oneDNN's packed products, which `torch.compile` uses too, for such a matrix."""
    return (
        matrix.device.type == "cpu"
        and matrix.dtype == torch.float32
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(_operations(), "_linear_pointwise")
        and hasattr(_operations(), "_reorder_linear_weight")
    )


def _pack(matrix: Tensor) -> Tensor | None:
    try:
        packed: Tensor = _operations()._reorder_linear_weight(matrix.detach().contiguous(), None)
    except RuntimeError:  # this build has the operation and this processor has not
        return None
    return packed


def _operations() -> Any:
    return torch.ops.mkldnn
