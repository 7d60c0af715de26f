"""What the live view costs: decoding that is watched on a terminal, over decoding that nobody watches."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter
from typing import TextIO

from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.comparison import interleave, median_ratio
from lvspec_cli.bench.contenders import EngineContender, greedy_options
from lvspec_cli.bench.report import Goal, Line, Subject
from lvspec_cli.caption import Progress
from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.stats import DecodingStats
from lvspec_cli.models.pair import Pair
from lvspec_cli.plan import Plan
from lvspec_cli.text_stream import TextStream
from lvspec_cli.token_texts import TokenTexts
from lvspec_cli.ui.console import terminal_console
from lvspec_cli.ui.live.view import LiveView

VIEW_SHARE = Goal("under", 0.02)
SIZES = ((80, 24), (200, 60))  # columns and rows of the terminals
TURNS = 10
TOGETHER = 4  # clips in a run, so that the view draws at other moments of each
_NOBODY = "nobody"


@dataclass(frozen=True)
class Watched:
    """The decodes of a run."""

    decode_seconds: float  # s, wall clock from the first rounds to the last, the view's part of it included
    drawing_seconds: float  # s, of a core's time that the view drew meanwhile; 0 without a view


def view_subject(pair: Pair, clips: Sequence[BenchClip], max_tokens: int, lvspec: Plan, turns: int = TURNS) -> Subject:
    """Decoding by `lvspec`, watched and not. ``lvspec``: how the preset would have it decode."""
    loop = _Loop(pair, max_tokens, lvspec)
    measures = {_NOBODY: loop.alone, **{_name(size): loop.watched(*size) for size in SIZES}}
    runs = [clips[begin : begin + TOGETHER] for begin in range(0, len(clips), TOGETHER)]
    interleave(measures, runs[:1])
    found = interleave(measures, turns * runs)
    return Subject(
        "The live view, of decode time",
        tuple(line for size in SIZES for line in _lines(_name(size), found[_name(size)], found[_NOBODY])),
        f"Watched over unwatched: median over {turns} turns of all runs of {TOGETHER} clips, less 1. Drawing: a core's"
        " time that the view worked while the loop ran, over the time that the loop ran. Another process reads what the"
        " terminal gets.",
    )


class _Loop:
    """The loop of a captioner and its caller, as far as it lies between the first round and the last."""

    def __init__(self, pair: Pair, max_tokens: int, lvspec: Plan) -> None:
        own = lvspec.decode
        options = greedy_options(pair, max_tokens, "lvspec", own.draft_tokens, own.looseness)
        self._options = replace(options, detect_repetition=True)
        self._pair, self._plan = pair, lvspec
        self._contender = EngineContender(pair, self._options, lvspec.pruning)

    def watched(self, width: int, height: int) -> Callable[[Sequence[BenchClip]], Watched]:
        """What decodes clips under the eyes of a view on a terminal of that size."""

        def decode_watched(clips: Sequence[BenchClip]) -> Watched:
            with terminal() as stream:
                view = LiveView(terminal_console(stream, width, height), False)
                with view:
                    view.settings(self._plan.settings)
                    return self._decode_all(clips, view)

        return decode_watched

    def alone(self, clips: Sequence[BenchClip]) -> Watched:
        """Decode clips that nobody watches."""
        return self._decode_all(clips, None)

    def _decode_all(self, clips: Sequence[BenchClip], view: LiveView | None) -> Watched:
        decode_seconds = drawing_seconds = 0.0
        for index, clip in enumerate(clips):
            if view:
                view.begin(clip.name, index, len(clips))
            watched = self._decode(clip, view)
            decode_seconds += watched.decode_seconds
            drawing_seconds += watched.drawing_seconds
        return Watched(decode_seconds, drawing_seconds)

    def _decode(self, clip: BenchClip, view: LiveView | None) -> Watched:
        contender, pair = self._contender, self._pair
        first_token = contender.prefill(clip)
        stats = DecodingStats(video_tokens=clip.target.video_tokens)
        texts = TokenTexts(lambda tokens: str(pair.tokenizer.decode(tokens)))
        stream = TextStream(lambda tokens: str(pair.tokenizer.decode(tokens, skip_special_tokens=True)))
        drawn, started = view.drawing_seconds if view else 0.0, perf_counter()
        for event in decode(contender.target, contender.draft, self._options, first_token, contender.knowledge):
            stats.observe(event)
            said = stream.push(token.id for token in event.tokens)
            step = Progress("decoding", said, event, stats=stats, texts=texts)
            if view:
                view.progress(step)
        seconds = perf_counter() - started
        return Watched(seconds, view.drawing_seconds - drawn if view else 0.0)


@contextmanager
def terminal() -> Iterator[TextIO]:
    """A terminal whose other end another process reads; where there are none, a file that keeps nothing."""
    if not hasattr(os, "openpty"):
        with open(os.devnull, "w", encoding="utf-8") as nothing:
            yield nothing
        return
    reader, side = os.openpty()
    with subprocess.Popen(["cat"], stdin=reader, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        os.close(reader)
        try:
            with open(side, "w", encoding="utf-8") as stream:
                yield stream
        finally:
            process.terminate()


def _name(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _lines(name: str, watched: Sequence[Watched], alone: Sequence[Watched]) -> tuple[Line, Line]:
    times, others = [one.decode_seconds for one in watched], [one.decode_seconds for one in alone]
    note = f"{1000 * median(times):.1f} / {1000 * median(others):.1f} ms"
    drawing = sum(one.drawing_seconds for one in watched) / sum(times)
    return (
        Line(f"{name}, watched over unwatched", median_ratio(times, others) - 1, "%", VIEW_SHARE, note),
        Line(f"{name}, drawing", drawing, "%", VIEW_SHARE, f"{1000 * drawing:.1f} ms a second"),
    )
