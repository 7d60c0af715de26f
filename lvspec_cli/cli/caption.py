"""`lvspec caption`."""

from __future__ import annotations

from typing import Annotated

import typer

from lvspec_cli.cli.options import SharedOptions, with_shared_options

Videos = Annotated[
    list[str] | None,
    typer.Argument(metavar="VIDEO", help="Video files, or folders of images.", show_default=False),
]


@with_shared_options()
def caption(videos: Videos = None, *, shared: SharedOptions) -> int:
    """Describe each video in words.

    One video gives its caption; several give a line PATH<TAB>CAPTION each. Only results go to stdout.
    """
    from lvspec_cli.cli.run import run

    return run(videos or [], None, shared)
