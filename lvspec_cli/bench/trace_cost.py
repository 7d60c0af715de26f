"""What a trace costs: the same videos captioned with one and without, in turn, from the file to the finished text."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TextIO

from lvspec_cli.bench.comparison import interleave, median_ratio
from lvspec_cli.bench.report import Goal, Line, Subject
from lvspec_cli.caption import Caption, Progress
from lvspec_cli.captioner import Captioner
from lvspec_cli.demo.clip import write_clip
from lvspec_cli.output.trace import TraceWriter
from lvspec_cli.preset import Preset
from lvspec_cli.settings import argument_layer

TURNS = 10  # over all clips
EXTRA_TIME = Goal("at most", 0.03)
_BEFORE, _TRACED, _AFTER = "before", "traced", "after"  # who goes first moves on, so the names are no order


@dataclass(frozen=True)
class CaptionTimes:
    """Where the time of one caption went."""

    total: float  # s, from the path to the last line
    decoding: float  # s, thereof all that comes behind the prefill, the writing of a trace included
    trace_bytes: int  # 0 without one


def trace_subject(preset: Preset, seeds: range, max_tokens: int) -> Subject:
    """Write the synthetic clips of the seeds and let captions of them with and without a trace take turns.

    Each has copies of its own, or whoever comes later would gain by what the reader remembers of a file.
    """
    layers = [argument_layer({"max_tokens": max_tokens})]
    with tempfile.TemporaryDirectory(prefix="lvspec-") as folder, Captioner(preset, layers) as captioner:
        names = [f"{seed}.mp4" for seed in seeds]
        places = {contender: Path(folder) / contender for contender in (_BEFORE, _TRACED, _AFTER)}
        for place in places.values():
            place.mkdir()
        for seed, name in zip(seeds, names, strict=True):
            write_clip(seed, places[_BEFORE] / name)
            for place in (places[_TRACED], places[_AFTER]):
                shutil.copyfile(places[_BEFORE] / name, place / name)
        with open(Path(folder) / "trace.jsonl", "w", encoding="utf-8") as file:  # one for all, as in a run
            contenders = {
                contender: _captioning(captioner, place, file if contender == _TRACED else None)
                for contender, place in places.items()
            }
            interleave(contenders, names[:1])
            return _subject(interleave(contenders, TURNS * names))


def _subject(found: Mapping[str, Sequence[CaptionTimes]]) -> Subject:
    before, traced, after = (found[name] for name in (_BEFORE, _TRACED, _AFTER))
    plain = [
        CaptionTimes((one.total + other.total) / 2, (one.decoding + other.decoding) / 2, 0)
        for one, other in zip(before, after, strict=True)
    ]
    milliseconds = [1000 * median(each.total for each in times) for times in (traced, plain)]
    size = median(each.trace_bytes for each in traced)
    return Subject(
        "What a trace adds to captioning",
        (
            Line("end to end", _added(traced, plain), "%", EXTRA_TIME, "{:.0f} / {:.0f} ms".format(*milliseconds)),
            Line("behind the prefill", _added(traced, plain, "decoding"), "%", note=f"{size / 1000:.0f} kB"),
            Line("nothing again, end to end", _added(before, after), "%"),
        ),
        f"Median over {TURNS} turns of all clips of the time with a trace over the mean of two without, less 1. Nothing"
        " again is one without over the other: noise.",
    )


def _added(above: Sequence[CaptionTimes], below: Sequence[CaptionTimes], part: str = "total") -> float:
    return median_ratio([getattr(each, part) for each in above], [getattr(each, part) for each in below]) - 1


def _captioning(captioner: Captioner, folder: Path, file: TextIO | None) -> Callable[[str], CaptionTimes]:
    writer = None if file is None else TraceWriter(file)

    def caption(name: str) -> CaptionTimes:
        captioner.trace = writer is not None
        before = 0 if file is None else file.tell()
        started = perf_counter()
        steps = captioner.stream(folder / name)
        finished = _last(steps) if writer is None else _traced(steps, writer)
        total = perf_counter() - started
        prefilled = (
            finished.durations.read_seconds + finished.durations.prepare_seconds + finished.stats.prefill_seconds
        )
        return CaptionTimes(total, total - prefilled, 0 if file is None else file.tell() - before)

    return caption


def _last(steps: Iterator[Progress]) -> Caption:
    for step in steps:
        caption = step.caption
    assert caption is not None  # the last step always carries it
    return caption


def _traced(steps: Iterator[Progress], writer: TraceWriter) -> Caption:
    def told() -> Iterator[Progress]:
        for step in steps:
            writer.progress(step)
            yield step

    caption = _last(told())
    writer.result(caption)
    return caption
