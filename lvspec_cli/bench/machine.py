"""The machine and the software that the figures belong to."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch


@dataclass(frozen=True)
class Machine:
    """Where a measurement was made."""

    processor: str
    cores: int  # that this process may use
    threads: int  # that torch uses for one operation
    device: str  # of the target's weights
    python: str
    torch: str
    transformers: str
    load: float | None  # runnable processes over the last minute when measuring began; None where unknown

    def __str__(self) -> str:
        load = "" if self.load is None else f", load {self.load:.1f} at the start"
        return (
            f"{self.processor}, {self.cores} cores, {self.threads} threads, models on {self.device}{load}; "
            f"Python {self.python}, torch {self.torch}, transformers {self.transformers}"
        )


def this_machine(device: torch.device) -> Machine:
    """Describe the machine as it is now."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        python=platform.python_version(),
        torch=torch.__version__,
        transformers=version("transformers"),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )


def _processor() -> str:
    """The processor's own name; `platform` knows it on few systems only."""
    facts = Path("/proc/cpuinfo")
    if facts.is_file():
        for line in facts.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
