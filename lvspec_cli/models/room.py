"""Whether a pair fits the memory of the devices it is to run on."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from lvspec_cli.errors import UsageError
from lvspec_cli.models.footprint import ModelFootprint, PairFootprint, estimate_pair
from lvspec_cli.models.loading import BALANCED, resolve_device
from lvspec_cli.preset import ModelSpec, Preset

GIB = 2**30  # bytes
USABLE = 0.95  # of a device's memory; the rest is left to its driver and to the gaps between an allocator's blocks
_MEMORY_OF_LINUX = Path("/proc/meminfo")
_MEMORY_OF_PROCESS = Path("/proc/self/statm")


@dataclass(frozen=True)
class Room:
    """The memory of one device, and what a pair takes of it."""

    device: str  # cpu, cuda:0, ...
    needed_bytes: int
    present_bytes: int | None  # None if the system does not say

    @property
    def fits(self) -> bool:
        """Whether there is enough, with something to spare."""
        return self.present_bytes is None or self.needed_bytes <= USABLE * self.present_bytes

    def __str__(self) -> str:
        if self.present_bytes is None:
            return f"{self.needed_bytes / GIB:.2f} GiB of {self.device}, which does not say how much it has"
        verdict = "fits" if self.fits else "does not fit"
        return f"{self.needed_bytes / GIB:.2f} of {self.present_bytes / GIB:.2f} GiB of {self.device}: {verdict}"


def rooms(
    preset: Preset,
    footprint: PairFootprint,
    present: Callable[[torch.device], int | None],
    *,
    with_draft: bool = True,
) -> tuple[Room, ...]:
    """What a pair takes of each device that it uses.

    ``present``: a device's memory, `free_bytes` or `total_bytes`; ``with_draft``: whether the method drafts. Raises
    PresetError if there is no such device.
    """
    models = [(preset.target, footprint.target), *([(preset.draft, footprint.draft)] if with_draft else [])]
    by_device: dict[torch.device, list[ModelFootprint]] = {}
    for spec, model in models:
        devices = _devices(spec)
        for device in devices:
            by_device.setdefault(device, []).append(_share(model, len(devices)))
    return tuple(Room(str(device), _together(those), present(device)) for device, those in by_device.items())


def _devices(spec: ModelSpec) -> list[torch.device]:
    if spec.device == BALANCED and torch.cuda.device_count() > 1:
        return [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    return [resolve_device(spec.device)]


def _share(model: ModelFootprint, count: int) -> ModelFootprint:
    """What each of so many devices has of a model that is spread over them; a prefill passes through them in turn."""
    return replace(model, weight_bytes=-(-model.weight_bytes // count), cache_bytes=-(-model.cache_bytes // count))


def _together(models: list[ModelFootprint]) -> int:
    """Bytes of models that share a device: they prefill one after the other."""
    lasting = sum(model.weight_bytes + model.cache_bytes for model in models)
    return lasting + max(model.activation_bytes for model in models)


def check_room(preset: Preset, *, with_draft: bool = True) -> None:
    """Raise UsageError if not even a video of one frame fits into the memory that is free."""
    for room in rooms(preset, estimate_pair(preset, frame_count=1), free_bytes, with_draft=with_draft):
        if room.present_bytes is not None and room.needed_bytes > room.present_bytes:
            packed = "" if preset.target.quantization == "nf4" else "4-bit weights (--quantize target=nf4), "
            raise UsageError(
                f"the pair {preset.name} needs at least {room.needed_bytes / GIB:.1f} GiB of {room.device}, of which "
                f"{room.present_bytes / GIB:.1f} GiB are free: take {packed}a smaller pair or another device, or try "
                "all the same with --ignore-memory"
            )


def total_bytes(device: torch.device) -> int | None:
    """The memory of a device; of main memory for one that has none of its own."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def free_bytes(device: torch.device) -> int | None:
    """What of a device's memory is free; where main memory does not say, all of it."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = _MEMORY_OF_LINUX.read_text(encoding="ascii").splitlines()
    except OSError:
        return total_bytes(device)
    kibibytes = dict(line.split(":", 1) for line in lines)["MemAvailable"].split()[0]
    return 1024 * int(kibibytes)


def used_bytes(device: torch.device) -> int | None:
    """What this process holds of a device's memory, or of main memory; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    try:
        pages = int(_MEMORY_OF_PROCESS.read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
