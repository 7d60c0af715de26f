"""Real children that misbehave: the boot script of the child is the seam by which they stop or kill themselves."""

from pathlib import Path

import pytest

from lvspec_cli.video import child

_MISBEHAVE = """
import os, signal
from lvspec_cli.video import worker_process
well_behaved = worker_process.read_clip
def misbehaving(path, options, cache):
    deeds = os.path.join(os.path.dirname(path), "deeds")
    with open(deeds, "a") as file:
        file.write("read\\n")
    if "hangs" in path:
        os.kill(os.getpid(), signal.SIGSTOP)
    if "crashes-always" in path or "crashes-once" in path and open(deeds).read().count("read") == 1:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "bug" in path:
        raise KeyError("a bug of ours")
    if "prints" in path:
        os.write(1, b"noise on standard output")
    return well_behaved(path, options, cache)
worker_process.read_clip = misbehaving
"""


def misbehave(patch: pytest.MonkeyPatch) -> None:
    """Let children that are started from now on do what the name of the video says."""
    head, tail = child.BOOT.split("from lvspec_cli.video.worker_process", 1)
    patch.setattr(child, "BOOT", head + _MISBEHAVE + "from lvspec_cli.video.worker_process" + tail)


def named(name: str, video: Path, folder: Path) -> Path:
    """A copy of the video under a name that says what is to happen."""
    path = folder / f"{name}.mp4"
    path.write_bytes(video.read_bytes())
    return path


def attempts(folder: Path) -> int:
    """How often a video in the folder was read."""
    return (folder / "deeds").read_text().count("read")
