"""What a run hands out, and what it gets back: tasks, outcomes, and where those come from."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Protocol

from lvspec_cli.batch.video_key import VideoKey
from lvspec_cli.caption import Caption, Failure
from lvspec_cli.output.recorded import RecordedCaption


@dataclass(frozen=True)
class Task:
    """A video that is to be captioned."""

    path: str
    key: VideoKey | None  # None without a journal
    replace: bool  # whether its files are written over those that are there, whoever made these


@dataclass(frozen=True)
class Outcome:
    """What became of a task."""

    task: Task
    result: Caption | RecordedCaption | Failure
    cause: Exception | None = None  # of a failure


class Source(Protocol):
    """Where outcomes come from: this process, or workers elsewhere."""

    def outcomes(self, tasks: Iterator[Task], count: int) -> Generator[Outcome, None, None]:
        """The outcomes, each as soon as it is there, in any order; closing the generator ends the work.

        ``tasks``: are taken when there is somebody to work on them; ``count``: as many as there are at most.

        Raises what concerns all videos, such as a missing model; what is wrong with one is its outcome.
        """
        ...

    @property
    def dropped(self) -> str:
        """What was begun and is lost, if the work ends now, as a sentence without its end; empty: nothing to tell."""
        ...
