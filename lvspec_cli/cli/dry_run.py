"""A run that tells what every video would take, and loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lvspec_cli.caption import Request
from lvspec_cli.cli.exit_codes import FAILED, OK
from lvspec_cli.errors import VideoError
from lvspec_cli.output.sink import Sink
from lvspec_cli.ui import View

if TYPE_CHECKING:
    from lvspec_cli.captioner import Captioner


def dry_run(captioner: Captioner, view: View, sink: Sink, paths: Sequence[str], question: str | None) -> int:
    """Write a forecast for every video and return the exit code.

    A video that does not fit into memory is no failure: to tell so is what was asked for.
    """
    from lvspec_cli.forecast import FailedForecast

    failed = 0
    try:
        for index, path in enumerate(paths):
            view.begin(path, index, len(paths))
            try:
                told = captioner.forecast(path, question)
            except VideoError as error:
                failure = FailedForecast.of(Request(path, None, question), error)
                failed += 1
                view.make_way()
                sink.write(failure)
                view.failed(failure)
            else:
                view.make_way()
                sink.write(told)
    finally:
        sink.close()
    return FAILED if failed else OK
