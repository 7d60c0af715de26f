"""One try at one video: a caption, or a failure that costs nothing but this video."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lvspec_cli.caption import Caption, Failure, Progress, Request
from lvspec_cli.errors import ModelError, TraceError, UsageError, VideoError

if TYPE_CHECKING:
    from lvspec_cli.captioner import Captioner


def attempt(
    captioner: Captioner, path: str, question: str | None, heard: Callable[[Progress], object] = lambda step: None
) -> tuple[Caption | Failure, Exception | None]:
    """The result, and the cause if it is a failure. ``heard`` is told of every step.

    Raises what no other video would fare better with: UsageError, ModelError, TraceError, and whatever keeps the models
    from being loaded.
    """
    caption = None
    try:
        for step in captioner.stream(path, question):
            heard(step)
            caption = step.caption
    except (UsageError, ModelError, TraceError):
        raise
    except Exception as error:
        if not (captioner.loaded or isinstance(error, VideoError)):
            raise  # loading failed, and would fail again
        return Failure.of(request_of(captioner, path, question), error), error
    assert caption is not None  # the last step always carries it
    return caption, None


def request_of(captioner: Captioner, path: str, question: str | None) -> Request:
    """What is asked of a video of which there is no caption that could tell."""
    settings = captioner.settings
    return Request(path, None if question else settings.prompt, question, settings.system or None)
