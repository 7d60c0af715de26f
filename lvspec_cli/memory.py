"""Lack of memory as an error of its own, so that it costs a clip or a row and not the whole measurement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lvspec_cli.errors import OutOfMemory

# How PyTorch says of the host, in a plain RuntimeError, that there is none left: on Windows, and elsewhere.
_OF_THE_HOST = ("DefaultCPUAllocator: not enough memory", "DefaultCPUAllocator: can't allocate memory")


@contextmanager
def explained_memory(message: str) -> Iterator[None]:
    """Turn an accelerator's or the host's lack of memory into OutOfMemory with a message."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory(message) from error
    except RuntimeError as error:
        if not any(text in str(error) for text in _OF_THE_HOST):
            raise
        raise OutOfMemory(message) from error
