"""`lvspec demo screen`: a picture of the live view, for documentation."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from lvspec_cli.errors import UsageError
from lvspec_cli.files import check_output, replace_text


def screen(
    video: Annotated[str, typer.Argument(metavar="VIDEO", help="What to caption, such as a clip of lvspec demo clip.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE.svg", help="The picture to write.")],
    width: Annotated[int, typer.Option("--width", metavar="N", min=60, max=400, help="Columns.")] = 100,
    height: Annotated[int, typer.Option("--height", metavar="N", min=12, max=200, help="Rows, at most.")] = 30,
    light: Annotated[bool, typer.Option("--light", help="Dark text on white.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Caption a video with the embedded pair and draw the live view as it was half-way, as an SVG file."""
    path = _checked(output)
    from lvspec_cli.captioner import Captioner
    from lvspec_cli.ui import say
    from lvspec_cli.ui.live.picture import half_way, picture

    with Captioner.from_preset("demo") as captioner:
        captioner.caption(video)  # the first one warms up, and would be shown slower than a pair is
        steps = [(monotonic(), step) for step in captioner.stream(video)]
        known = half_way(captioner.settings, Path(video).name, steps)
    replace_text(path, picture(known, width, height, f"lvspec caption {Path(video).name}", light=light))
    say(f"wrote {path}")


def _checked(output: str) -> Path:
    """The path of the picture; one that cannot be right raises UsageError before anything is loaded."""
    if not output.lower().endswith(".svg"):
        raise UsageError(f"-o {output} must end in .svg: that is what is written")
    return check_output("-o", output)
