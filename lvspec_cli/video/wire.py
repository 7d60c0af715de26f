"""What the video worker and its parent say to each other: lines of JSON, and raw bytes for the frames.

A request is one line; so is the head of an answer, which bytes [n, height, width, 3] follow where it carries a clip.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

import numpy as np

from lvspec_cli import errors
from lvspec_cli.video.clip import Clip, VideoFacts
from lvspec_cli.video.options import ReadOptions

READY = {"ready": True}


@dataclass(frozen=True)
class Request:
    """One thing to do for the parent."""

    action: str  # "read", "inspect", "measure" or "scenes"
    path: str  # as the caller gave it
    folder: str | None  # the parent's working directory if the path starts from it: it is relative
    options: ReadOptions
    pictures: bool = False  # of a read: a line with small pictures of its frames follows the clip


def write_line(stream: BinaryIO, message: dict[str, Any]) -> None:
    """Send one JSON object and flush."""
    stream.write(json.dumps(message).encode("ascii") + b"\n")
    stream.flush()


def read_line(stream: BinaryIO) -> dict[str, Any]:
    """Receive one JSON object.

    Raises:
        EOFError: the other side is gone.
    """
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    message = json.loads(line)
    assert isinstance(message, dict)
    return message


def request_message(request: Request) -> dict[str, Any]:
    """A request as a JSON object."""
    return asdict(request)


def request_of(message: dict[str, Any]) -> Request:
    """The request in a JSON object."""
    return Request(**{**message, "options": ReadOptions(**message["options"])})


def send_clip(stream: BinaryIO, clip: Clip) -> None:
    """Send a clip: its head, then its frames."""
    frames = np.ascontiguousarray(clip.frames)
    head = {"shape": frames.shape, "times": clip.times, "start_s": clip.start_s, "end_s": clip.end_s}
    write_line(stream, {"clip": head, "facts": asdict(clip.facts)})
    stream.write(frames.reshape(-1).data)
    stream.flush()


def receive_clip(stream: BinaryIO, message: dict[str, Any]) -> Clip:
    """The clip whose head is ``message``; its frames are read straight into their array.

    Raises:
        EOFError: the other side is gone.
    """
    head = message["clip"]
    frames = np.empty(head["shape"], np.uint8)
    room = frames.reshape(-1).data
    while room:
        count = stream.readinto(room)  # type: ignore[attr-defined]  # typing's BinaryIO lacks it
        if not count:
            raise EOFError
        room = room[count:]
    return Clip(frames, tuple(head["times"]), head["start_s"], head["end_s"], facts_of(message))


def facts_of(message: dict[str, Any]) -> VideoFacts:
    """The facts in an answer."""
    return VideoFacts(**{**message["facts"], "warnings": tuple(message["facts"]["warnings"])})


def error_message(error: errors.LvspecError) -> dict[str, Any]:
    """A typed error as a JSON object."""
    return {"error": type(error).__name__, "message": str(error)}


def error_of(message: dict[str, Any]) -> errors.LvspecError:
    """The typed error in an answer, of the very class that was raised."""
    error_class: type[errors.LvspecError] = getattr(errors, message["error"])
    return error_class(message["message"])
