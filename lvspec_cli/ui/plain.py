"""The view for logs and pipes: one line for each finished video, nothing that moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from lvspec_cli.ui.console import PREFIX, line
from lvspec_cli.ui.view import View

if TYPE_CHECKING:
    from lvspec_cli.caption import Caption
    from lvspec_cli.output.recorded import RecordedCaption
    from lvspec_cli.settings import Settings


class PlainView(View):
    """One line a video; with `verbose`, the settings and the whole statistics too."""

    def __init__(self, console: Console, verbose: bool) -> None:
        super().__init__(console)
        self._verbose = verbose

    def settings(self, settings: Settings) -> None:
        """Every setting and where it came from, if asked for."""
        if self._verbose:
            for key, value in settings.values().items():
                shown = "not set" if value is None else f"{value}  ({settings.origins.get(key, 'default')})"
                line(self._console, f"{key}: {shown}", "dim")

    def finished(self, caption: Caption | RecordedCaption) -> None:
        """What it cost, and what was odd about the video."""
        line(self._console, f"{caption.path}: {summary_line(caption)}")
        super().finished(caption)
        if caption.drafting_did_not_pay:
            self.note(f"{caption.path}: {_does_not_pay(caption)}")
        if self._verbose:
            for text in detail_lines(caption):
                line(self._console, f"  {text}", "dim")

    def summary(self, captioned: int, failed: int, skipped: int = 0) -> None:
        """How many inputs went well, if there were several or there was nothing to do."""
        if captioned + failed + skipped > 1 or skipped:  # who skips a single one has nothing else to say of it
            left_out = f", {skipped} skipped" if skipped else ""
            line(self._console, f"{PREFIX}{captioned} captioned, {failed} failed{left_out}")


def summary_line(caption: Caption | RecordedCaption) -> str:
    """Tokens, tokens a second, mean acceptance length and end-to-end time."""
    stats = caption.stats
    parts = [f"{stats.num_generated_tokens} tokens"]
    if stats.tokens_per_second is not None:
        parts.append(f"{stats.tokens_per_second:.1f} tokens/s")
    if stats.num_draft_tokens and stats.mean_acceptance_length is not None:
        parts.append(f"mean acceptance length {stats.mean_acceptance_length:.2f}")
    parts.append(f"{caption.durations.end_to_end_seconds:.1f} s")
    if caption.finish_reason != "stop":
        parts.append(f"ended by {caption.finish_reason}")
    if caption.lossy:
        parts.append("lossy")
    return ", ".join(parts)


def detail_lines(caption: Caption | RecordedCaption) -> list[str]:
    """All numbers of a caption, one each."""
    facts = caption.facts
    size = f"{facts.width}x{facts.height}, {facts.duration_s:.2f} s"
    return [
        f"video: {facts.container}, {facts.codec}, {size}, {len(caption.frame_times)} frames shown",
        *(f"{key}: {_human(value)}" for key, value in caption.as_record()["stats"].items()),
    ]


def _does_not_pay(caption: Caption | RecordedCaption) -> str:
    ratio = caption.stats.draft_cost_ratio
    cost = "" if ratio is None else f", whose draft steps take {ratio:.2f} of the target's"
    return f"drafting does not pay for this pair here{cost}: decoded by the target alone"


def _human(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
