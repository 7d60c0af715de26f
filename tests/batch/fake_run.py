"""The real command line with a captioner that needs no model: run as a program, it is a run that tests can kill.

What a video's file holds decides what becomes of it: its first word is a deed below, and its text is told of what
follows, so that tests see which version of a file was captioned.
"""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path

from lvspec_cli.caption import Progress
from lvspec_cli.captioner import Captioner
from lvspec_cli.cli import main
from lvspec_cli.errors import ModelError, NotAVideo, OutOfMemory, VideoNotFound, VideoUnreadable
from tests.output.captions import made


def stream(captioner, video, question=None, **_):
    """A caption after `SECONDS`, or what the file asks for."""
    yield Progress("reading")
    try:
        word, _, rest = Path(video).read_text(errors="replace").partition(" ")
    except FileNotFoundError as error:
        raise VideoNotFound(f"there is no file {video!r}") from error
    if word == "damaged":
        raise NotAVideo(f"{video!r} is no video")
    if word == "locked":
        raise VideoUnreadable(f"{video!r} cannot be read: check its permissions")
    if word == "large":
        raise OutOfMemory(f"{video!r} does not fit")
    if word == "defect":
        raise KeyError("a defect of ours")
    if word == "stops":
        raise ModelError("the weights are gone")
    if word == "interrupts":
        raise KeyboardInterrupt
    if word == "waits":
        pass_gate("gate")
    if word == "clings":
        try:
            pass_gate("gate")
        finally:
            pass_gate("other gate")
    time.sleep(float(os.environ.get("SECONDS_A_VIDEO", "0")))
    with open(os.environ.get("CAPTIONED", os.devnull), "ab") as file:  # what a model was troubled with
        file.write(os.fsencode(video) + b"\0")
    yield Progress("done", caption=made(video, f"seen: {rest}", question=question))


def pass_gate(name):
    """Wait until a test has opened a named pipe and closed it again."""
    with open(name) as gate:
        # A signal that comes just before a process waits is seen only when it has waited.
        while not select.select([gate], [], [], 0.02)[0]:
            pass


def with_tests():
    """The environment for a program that imports from `tests`, wherever it is started."""
    root, before = str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, before] if before else [root])}


def replace_captioner(patch=setattr):
    """Put it in the place of the real one; ``patch``: how, as `setattr` does."""
    patch(Captioner, "stream", stream)
    patch(Captioner, "load", lambda captioner: None)
    patch(Captioner, "loaded", True)


if __name__ == "__main__":
    replace_captioner()
    sys.exit(main())
