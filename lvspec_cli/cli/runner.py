"""`--runner` and `--workers`: who captions the videos of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lvspec_cli.cli.options import RUNNERS, SharedOptions
from lvspec_cli.errors import UsageError
from lvspec_cli.settings import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from lvspec_cli.batch.task import Source
    from lvspec_cli.captioner import Captioner
    from lvspec_cli.output.trace import TraceWriter
    from lvspec_cli.ui import View


def check_runner(shared: SharedOptions) -> None:
    """Raise UsageError if the runner is unknown, is not installed, or does not go with the rest of the call."""
    if shared.runner not in RUNNERS:
        raise UsageError(
            f"--runner must be one of {', '.join(RUNNERS)}, not {shared.runner!r}{nearest(shared.runner, RUNNERS)}"
        )
    if shared.runner == "local":
        if shared.workers is not None:
            raise UsageError("--workers is for the workers of --runner ray: give that option too")
        return
    if shared.trace is not None:
        raise UsageError("--trace needs the models in this process: leave out --runner ray")
    if not shared.dry_run:
        from lvspec_cli.batch.ray_cluster import import_ray

        import_ray(verbose=shared.verbose)


def source_of(
    captioner: Captioner,
    make_captioner: Callable[[], Captioner],
    question: str | None,
    view: View,
    trace: TraceWriter | None,
    shared: SharedOptions,
) -> Source:
    """Where captions come from. ``make_captioner``: one such as `captioner`, wherever it is called."""
    if shared.runner == "ray":
        from lvspec_cli.batch.ray_source import RaySource, Recipe

        return RaySource(Recipe(make_captioner, question), view, shared.workers, shared.verbose)
    from lvspec_cli.batch.local import LocalSource

    return LocalSource(captioner, question, view, trace, shared.trace)
