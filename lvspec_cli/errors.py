"""What can go wrong for a user, as types.

Every message is one sentence that names what is wrong and what to do about it; the command line prints it as it is and
ends with the error's exit code: 1 when an input failed, 2 when the call or the configuration is wrong.
"""

from __future__ import annotations


class LvspecError(Exception):
    """Anything lvspec reports to its user without a traceback."""

    exit_code = 1

    @property
    def type_name(self) -> str:
        """The error's type as a record names it."""
        return type(self).__name__


class UsageError(LvspecError):
    """A wrong option or configuration, found before any model is loaded."""

    exit_code = 2


class PresetError(UsageError):
    """A preset that cannot be found, read or understood."""


class StyleError(UsageError):
    """A style that cannot be found, read or understood."""


class PairError(UsageError):
    """A draft and a target that do not fit together."""


class DecoderUnavailable(UsageError):
    """A video decoder that was asked for and is not installed."""


class SceneDetectorUnavailable(UsageError):
    """Segments at scenes were asked for, and what finds scenes is not installed."""


class ModelError(LvspecError):
    """Model weights that are missing, unreadable or not what their folder says."""


class WeightsMissing(ModelError):
    """A model whose files are not all on this machine, found before anything is loaded."""

    exit_code = 2


class OutOfMemory(LvspecError):
    """A video whose tokens do not fit into memory beside the models."""

    def __init__(self, message: str, frame_count: int | None = None) -> None:
        """``frame_count``: of the video, if it is known."""
        super().__init__(message)
        self.frame_count = frame_count

    @property
    def type_name(self) -> str:
        return "out_of_memory"


class TraceError(LvspecError):
    """A trace that cannot be written, which ends the run: no other video would fare better."""


class JournalError(LvspecError):
    """A journal that cannot be written, which ends the run: what it did would be done again."""


class ClusterError(LvspecError):
    """A Ray cluster that does not go on, which ends the run."""


class VideoError(LvspecError):
    """A video that cannot be read; ``kind`` is its stable machine-readable name."""

    kind = "video"

    @property
    def type_name(self) -> str:
        return self.kind


class VideoNotFound(VideoError):
    kind = "not_found"


class VideoEmpty(VideoError):
    kind = "empty"


class VideoUnreadable(VideoError):
    kind = "unreadable"


class NotAVideo(VideoError):
    kind = "not_a_video"


class NoVideoStream(VideoError):
    kind = "no_video_stream"


class VideoTooLarge(VideoError):
    kind = "too_large"


class VideoTooLong(VideoError):
    kind = "too_long"


class NoFrames(VideoError):
    kind = "no_frames"


class SelectionOutsideVideo(VideoError):
    kind = "selection_outside_video"


class VideoTimeout(VideoError):
    kind = "timeout"


class VideoWorkerCrashed(VideoError):
    kind = "worker_crashed"


class RayWorkerDied(VideoError):
    """A video over which one worker after another died: killed from outside, or for the memory it took."""

    kind = "ray_worker_died"


class FramesRefused(VideoError):
    kind = "frames_refused"


class PromptTooLong(VideoError):
    """A video and a question, or the captions that a summary quotes, for which a model has not enough positions."""

    kind = "prompt_too_long"


class VideoWorkerNotStarted(VideoError):
    """No fault of the video's; a VideoError all the same, since the next video starts another worker."""

    kind = "worker_not_started"
