"""The libraries around torch: tried where that is quick, looked up where it is not needed by everybody."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lvspec_cli.doctor.finding import Finding

if TYPE_CHECKING:
    import torch


def transformers_finding() -> Finding:
    """What loads models."""
    from lvspec_cli.models.trial import transformers_version

    found = transformers_version()
    return Finding("transformers", "ok", found, {"version": found})


def quantization_finding() -> Finding:
    """Whether 4-bit weights work on the device that models get by themselves."""
    from lvspec_cli.models.loading import resolve_device

    device, found = resolve_device("auto"), installed_version("bitsandbytes")
    obstacle = quantization_obstacle(device)
    facts = {"version": found, "device": str(device), "nf4": obstacle is None}
    text = obstacle or f"{found}, 4-bit weights (NF4) work on {device}"
    return Finding("bitsandbytes", "note" if obstacle else "ok", text, facts)


def quantization_obstacle(device: torch.device) -> str | None:
    """What keeps models in 4 bits off a device, and what to do about it; None if nothing does."""
    lacking = [name for name in ("bitsandbytes", "accelerate") if find_spec(name) is None]
    if lacking:
        return f"presets in 4 or 8 bits need more packages: pip install {' '.join(lacking)}"
    from lvspec_cli.models.trial import nf4_failure

    failure = nf4_failure(device)
    return failure and f"4-bit weights (NF4) do not work on {device} ({failure}): take a preset in 16 bits"


def pyav_finding() -> Finding:
    """What reads videos, and which codecs it knows."""
    from lvspec_cli.video.codecs import decodable, pyav_versions

    pyav, ffmpeg = pyav_versions()
    codecs = decodable()
    lacking = [name for name, known in codecs.items() if not known]
    text = f"{pyav} with FFmpeg {ffmpeg}, decodes {', '.join(name for name, known in codecs.items() if known)}"
    facts = {"version": pyav, "ffmpeg": ffmpeg, "codecs": codecs}
    if not lacking:
        return Finding("PyAV", "ok", text, facts)
    advice = f"{text}, but not {', '.join(lacking)}: install PyAV's own wheel, with `pip install --force-reinstall av`"
    return Finding("PyAV", "problem" if "h264" in lacking else "note", advice, facts)


def decord_finding() -> Finding:
    """The other reader of videos. It is not imported: nobody needs it who does not ask for it."""
    return _optional("decord", "decord", "only --decoder decord needs it")


def num2words_finding() -> Finding:
    """What the processor of SmolVLM spells numbers with."""
    return _optional("num2words", "num2words", "only presets of SmolVLM need it")


def _optional(module: str, package: str, purpose: str) -> Finding:
    if find_spec(module) is None:
        text = f"not installed, and {purpose}: pip install {package}"
        return Finding(module, "note", text, {"version": None})
    found = installed_version(package)
    return Finding(module, "ok", found or "installed", {"version": found})


def installed_version(package: str) -> str | None:
    """A package's version; None if none is known."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
