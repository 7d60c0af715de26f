"""Python, torch, and the devices that torch can use."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator

from lvspec_cli import __version__
from lvspec_cli.doctor.finding import Finding

_DRIVER_SECONDS = 10.0  # s; nvidia-smi hangs where a driver is ill


def python_finding() -> Finding:
    """The interpreter, the system, and lvspec itself."""
    facts = {
        "lvspec": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
    }
    return Finding("python", "ok", f"{facts['python']} on {facts['platform']}, lvspec {__version__}", facts)


def torch_finding() -> Finding:
    """The build of torch, and how many threads it takes."""
    import torch

    facts = {
        "version": torch.__version__,
        "cuda": torch.version.cuda,
        "rocm": torch.version.hip,
        "threads": torch.get_num_threads(),
    }
    build = next((f"for {kind.upper()} {facts[kind]}" for kind in ("cuda", "rocm") if facts[kind]), "without CUDA")
    return Finding("torch", "ok", f"{torch.__version__}, built {build}, {facts['threads']} threads", facts)


def device_findings() -> Iterator[Finding]:
    """The accelerators, and the processor with main memory."""
    import torch

    from lvspec_cli.models.room import GIB, total_bytes

    for index in range(torch.cuda.device_count()):
        yield _accelerator(index)
    if torch.backends.mps.is_available():
        yield Finding("mps", "ok", "Apple's GPU, which shares main memory", {"bfloat16": True})
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = total_bytes(torch.device("cpu"))
    facts = {"cores": cores, "memory_gib": None if memory is None else round(memory / GIB, 2), "bfloat16": True}
    size = "main memory of unknown size" if memory is None else f"{memory / GIB:.1f} GiB of main memory"
    yield Finding("cpu", "ok", f"{cores} cores, {size}, bfloat16", facts)


def _accelerator(index: int) -> Finding:
    import torch

    from lvspec_cli.models.room import GIB

    free, total = torch.cuda.mem_get_info(index)
    with torch.cuda.device(index):
        bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    name = torch.cuda.get_device_name(index)
    facts = {
        "name": name,
        "memory_gib": round(total / GIB, 2),
        "free_gib": round(free / GIB, 2),
        "bfloat16": bfloat16,
    }
    format_text = "bfloat16" if bfloat16 else "no bfloat16: give --dtype float16"
    text = f"{name}, {total / GIB:.1f} GiB, {free / GIB:.1f} GiB of them free, {format_text}"
    return Finding(f"cuda:{index}", "ok" if bfloat16 else "note", text, facts)


def driver_finding() -> Finding:
    """The driver of NVIDIA's cards, and whether torch gets along with it."""
    import torch

    version = nvidia_driver()
    usable = torch.cuda.is_available()
    facts = {"nvidia_driver": version, "usable": usable}
    if version is None:
        text = "no NVIDIA driver" if not usable else "not told by nvidia-smi"
        return Finding("driver", "ok", text, facts)
    if usable:
        return Finding("driver", "ok", f"NVIDIA {version}", facts)
    advice = "install a torch that is built for CUDA and suits the driver: https://pytorch.org/get-started"
    return Finding("driver", "note", f"NVIDIA {version} is here, but this torch cannot use it: {advice}", facts)


def nvidia_driver() -> str | None:
    """The driver's version as nvidia-smi tells it; None if it does not, in time."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    command = [program, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_DRIVER_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter(done.stdout.split()), None)
