"""Captions in Ray Data pipelines: one stateful class for `ray.data.Dataset.map_batches`. docs/ray.md shows its use.

Ray itself is not imported here: the class is one that Ray makes and calls, as anybody may.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from lvspec_cli.batch.attempt import attempt, request_of
from lvspec_cli.caption import Caption, Failure, Trouble
from lvspec_cli.captioner import Captioner
from lvspec_cli.errors import UsageError
from lvspec_cli.output.json_text import json_text

PATH = "path"  # the column that holds the videos, unless another one is named
RESULT_COLUMNS = ("text", "error_type", "error_message", "record")


class VideoCaptioner:
    """Maps a batch of videos to the same batch with what is said of them; the models are loaded once for each worker.

    Every value in the new columns is a string, so that all blocks and files have one schema:

    - ``text``: the caption or answer; empty if the video failed
    - ``error_type``, ``error_message``: what went wrong; empty if nothing did. With ``segment``, a video may have both
      a text and an error: then some of its segments failed
    - ``record``: the whole ``lvspec.caption/1`` record as JSON text, the same that ``--format jsonl`` writes

    A video that cannot be captioned never raises. What concerns all of them does, such as wrong options and missing
    weights.
    """

    def __init__(
        self,
        preset: str | os.PathLike[str] = "auto",
        question: str | None = None,
        *,
        column: str = PATH,
        ignore_memory: bool = False,
        **options: Any,
    ) -> None:
        """Load the models.

        ``question``: what to ask of every video; None: describe it. ``column``: where the paths are, absolute ones, for
        workers run in folders of their own. ``options``: the settings of `lvspec_cli.Captioner`.

        Raises:
            UsageError: an option or the preset is wrong.
            ModelError: the weights are missing or cannot be loaded.
        """
        self._use(Captioner.from_preset(preset, ignore_memory=ignore_memory, **options), question, column)

    @classmethod
    def of(cls, captioner: Captioner, question: str | None, *, column: str = PATH) -> VideoCaptioner:
        """The same with a captioner that is made already; its models are loaded now. Raises as the constructor does."""
        made = cls.__new__(cls)
        made._use(captioner, question, column)
        return made

    def _use(self, captioner: Captioner, question: str | None, column: str) -> None:
        self._captioner, self._question, self._column = captioner, question, column
        captioner.load()

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of the batch, and those of the results in place of any that have their names.

        ``batch``: column -> array of n values. Raises UsageError if it has no column of videos.
        """
        if self._column not in batch:
            raise UsageError(f"the batch has no column {self._column!r} of videos: name it with column=")
        results = [self.result(path)[0] for path in batch[self._column]]
        values = zip(*map(_columns, results), strict=True) if results else ((),) * len(RESULT_COLUMNS)
        return {**batch, **{name: _strings(of_all) for name, of_all in zip(RESULT_COLUMNS, values, strict=True)}}

    def result(self, path: Any) -> tuple[Caption | Failure, Exception | None]:
        """What becomes of one video, and the cause if it failed. Raises what concerns all videos."""
        if not isinstance(path, str | bytes | os.PathLike):  # what tables have where a value is missing
            trouble = Trouble("not_a_video", f"there is no path, but {path!r}")
            return Failure(request_of(self._captioner, str(path), self._question), trouble), None
        return attempt(self._captioner, str(os.fsdecode(path)), self._question)


def _columns(result: Caption | Failure) -> tuple[str, ...]:
    trouble = result.trouble or Trouble("", "")
    # Arrow, in which Ray keeps tables, takes no text that is not UTF-8; names of files may be none.
    message = trouble.message.encode(errors="backslashreplace").decode()
    return result.text or "", trouble.type, message, json_text(result.as_record())


def _strings(values: Any) -> Any:
    import numpy as np

    return np.array(values, dtype=object)
