"""`lvspec ask`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from lvspec_cli.batch.inputs import looks_like_video
from lvspec_cli.cli.caption import Videos
from lvspec_cli.cli.options import SharedOptions, with_shared_options
from lvspec_cli.errors import UsageError
from lvspec_cli.profiles import CAPTION_ONLY

Question = Annotated[str, typer.Argument(metavar="QUESTION", help="What to ask, in one argument.", show_default=False)]


@with_shared_options(without=CAPTION_ONLY)
def ask(*, videos: Videos = None, question: Question, shared: SharedOptions) -> int:
    """Answer a question about each video."""
    check_question(question)
    from lvspec_cli.cli.run import run

    return run(videos or [], question, shared)


def check_question(question: str) -> None:
    """Raise UsageError if a question is empty, or is a video because the question was forgotten."""
    if not question.strip():
        raise UsageError("the question is empty: write what you want to know about the video")
    one_word = len(question.split()) == 1  # a text of several is a question, also one that ends with a video's name
    if os.path.lexists(question) or (one_word and looks_like_video(question)):
        raise UsageError(f"the last argument must be the question, but {question} is a video: add your question")
