"""What a trace costs: the same videos captioned with one and without, in turn, from the file to the finished text."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from lvspec_cli.bench.comparison import interleave, median_ratio
from lvspec_cli.bench.report import Goal, Line, Subject
from lvspec_cli.caption import Caption, Progress
from lvspec_cli.captioner import Captioner
from lvspec_cli.demo.clip import write_clip
from lvspec_cli.output.trace import TraceWriter
from lvspec_cli.preset import Preset
from lvspec_cli.settings import argument_layer

TURNS = 3  # over all clips
EXTRA_TIME = Goal("at most", 0.03)
_PLAIN, _TRACED = "without", "with a trace"
_NOTHING = "without, again"  # measured as the trace is: what the clock cannot tell apart


@dataclass(frozen=True)
class CaptionTimes:
    """Where the time of one caption went."""

    total: float  # s, from the path to the last line
    decoding: float  # s, thereof all that comes behind the prefill, the writing of a trace included
    trace_bytes: int  # 0 without one


def trace_subject(preset: Preset, seeds: range, max_tokens: int) -> Subject:
    """Write the synthetic clips of the seeds and let captions of them with and without a trace take turns."""
    layers = [argument_layer({"max_tokens": max_tokens})]
    with tempfile.TemporaryDirectory(prefix="lvspec-") as folder, Captioner(preset, layers) as captioner:
        paths = [Path(folder) / f"{seed}.mp4" for seed in seeds]
        for seed, path in zip(seeds, paths, strict=True):
            write_clip(seed, path)
        trace = Path(folder) / "trace.jsonl"
        plain = _captioning(captioner, None)
        contenders = {_PLAIN: plain, _TRACED: _captioning(captioner, trace), _NOTHING: plain}
        interleave(contenders, paths[:1])
        found = interleave(contenders, TURNS * paths)
    base = found.pop(_PLAIN)
    return Subject(
        "What a trace adds to captioning",
        tuple(line for name, times in found.items() for line in _lines(name, times, base)),
        f"Median over all clips, {TURNS} times each, of the time with a trace over that without, less 1. What is called"
        " without, again, is noise.",
    )


def _captioning(captioner: Captioner, trace: Path | None) -> Callable[[Path], CaptionTimes]:
    def caption(path: Path) -> CaptionTimes:
        captioner.trace = trace is not None
        started = perf_counter()
        finished = _last(captioner.stream(path)) if trace is None else _traced(captioner.stream(path), trace)
        total = perf_counter() - started
        prefilled = (
            finished.durations.read_seconds + finished.durations.prepare_seconds + finished.stats.prefill_seconds
        )
        return CaptionTimes(total, total - prefilled, 0 if trace is None else trace.stat().st_size)

    return caption


def _last(steps: Iterator[Progress]) -> Caption:
    for step in steps:
        caption = step.caption
    assert caption is not None  # the last step always carries it
    return caption


def _traced(steps: Iterator[Progress], trace: Path) -> Caption:
    with open(trace, "w", encoding="utf-8") as file:
        writer = TraceWriter(file)

        def told() -> Iterator[Progress]:
            for step in steps:
                writer.progress(step)
                yield step

        caption = _last(told())
        writer.result(caption)
    return caption


def _lines(name: str, times: Sequence[CaptionTimes], base: Sequence[CaptionTimes]) -> tuple[Line, Line]:
    totals = [each.total for each in times], [each.total for each in base]
    decoding = [each.decoding for each in times], [each.decoding for each in base]
    size = median(each.trace_bytes for each in times)
    goal = EXTRA_TIME if size else None
    note = f"{1000 * median(totals[0]):.0f} / {1000 * median(totals[1]):.0f} ms"
    written = f"{size / 1000:.0f} kB" if size else ""
    return (
        Line(f"{name}, end to end", median_ratio(*totals) - 1, "%", goal, note),
        Line(f"{name}, behind the prefill", median_ratio(*decoding) - 1, "%", note=written),
    )
