"""What other processes are asked of videos: one interface, whoever hands the requests on."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any, TypeAlias, TypeVar

from lvspec_cli.errors import VideoNotFound
from lvspec_cli.video.clip import Clip, VideoFacts
from lvspec_cli.video.options import ReadOptions
from lvspec_cli.video.segmentation import check_scene_detector
from lvspec_cli.video.source import VideoPath, shown
from lvspec_cli.video.wire import Request, facts_of

Answer: TypeAlias = tuple[dict[str, Any], Clip | None]  # its head, and the clip if it has one
Reader = TypeVar("Reader", bound="RemoteReader")


class RemoteReader(ABC):
    """Reads videos in child processes. A context manager: leaving it ends them."""

    @abstractmethod
    def ask(self, request: Request) -> Answer:
        """The answer to a request; raises what the methods below say."""

    @abstractmethod
    def pictures(self) -> list[str]:
        """`thumbnails` of the frames that were read last, if `read` was told so and nothing else was asked since.

        [] also where the child ended over them: they are not worth an error.
        """

    @abstractmethod
    def close(self) -> None:
        """End every child. The reader may be used again: it starts others."""

    def __enter__(self: Reader) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, path: VideoPath, options: ReadOptions | None = None, *, pictures: bool = False) -> Clip:
        """``read_clip`` in the child, which remembers the index of the last video for reading more of it.

        ``pictures``: let the child make those that `pictures` hands out, when it has handed over the clip.

        Raises:
            LvspecError: what ``read_clip`` raises.
            VideoTimeout: it took longer than ``options.deadline_seconds``.
            VideoWorkerCrashed: the decoder crashed on both attempts.
            VideoWorkerNotStarted: the child cannot start.
        """
        clip = self.ask(request_for("read", path, options, pictures))[1]
        assert clip is not None
        return clip

    def inspect(self, path: VideoPath, options: ReadOptions | None = None) -> VideoFacts:
        """``inspect_video`` in the child; raises as ``read`` does."""
        return facts_of(self.ask(request_for("inspect", path, options))[0])

    def measure(self, path: VideoPath, options: ReadOptions | None = None) -> VideoFacts:
        """``measure_video`` in the child; raises as ``read`` does."""
        return facts_of(self.ask(request_for("measure", path, options))[0])

    def scenes(self, path: VideoPath, options: ReadOptions | None = None) -> tuple[float, ...]:
        """``find_scenes`` in the child; raises as ``read`` does.

        Raises:
            SceneDetectorUnavailable: what finds scenes is not installed; nothing is started then.
        """
        check_scene_detector()
        return tuple(self.ask(request_for("scenes", path, options))[0]["scenes"])


def request_for(action: str, path: VideoPath, options: ReadOptions | None, pictures: bool = False) -> Request:
    """A request as whoever stands here means it. Raises VideoNotFound if that is nowhere."""
    return Request(action, os.fspath(path), _starting_folder(path), options or ReadOptions(), pictures)


def _starting_folder(path: VideoPath) -> str | None:
    """The folder from which the path starts; None of an absolute path, which needs none to be there."""
    if os.path.isabs(path):
        return None
    try:
        return os.getcwd()
    except OSError as error:
        raise VideoNotFound(
            f"{shown(path)} starts from the working directory, which is gone: give an absolute path"
        ) from error
