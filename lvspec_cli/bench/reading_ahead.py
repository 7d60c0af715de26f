"""What reading ahead saves: the same videos captioned in a row, each read ahead or when it is its turn."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

from lvspec_cli.bench.comparison import interleave, median_ratio
from lvspec_cli.bench.report import Goal, Line, Subject
from lvspec_cli.caption import Caption
from lvspec_cli.captioner import Captioner
from lvspec_cli.demo.rendering import Array, Renderer
from lvspec_cli.demo.scene import scene_of_seed
from lvspec_cli.preset import Preset
from lvspec_cli.settings import argument_layer
from lvspec_cli.video.writer import write_mp4

TURNS = 5  # each way, over all videos
SIDE, FRAMES, FRAME_RATE = 640, 72, 24.0  # pixels of a side, frames, frames a second: three seconds
WAITING = Goal("at most", 0.02)
_AHEAD, _IN_TURN = "ahead", "in turn"


@dataclass(frozen=True)
class RowTimes:
    """Where the time of some captions in a row went."""

    total: float  # s, wall clock
    waiting: float  # s, thereof without frames


def read_ahead_subject(preset: Preset, seeds: range, max_tokens: int) -> Subject:
    """Write large synthetic videos of the seeds and let rows of their captions take turns."""
    layers = [argument_layer({"max_tokens": max_tokens})]
    with tempfile.TemporaryDirectory(prefix="lvspec-") as folder, Captioner(preset, layers) as captioner:
        paths = [Path(folder) / f"{seed}.mp4" for seed in seeds]
        for seed, path in zip(seeds, paths, strict=True):
            write_mp4(path, _frames(seed), FRAME_RATE)
        rows: dict[str, Callable[[Sequence[Path]], RowTimes]] = {
            _AHEAD: partial(_row, captioner, ahead=True),
            _IN_TURN: partial(_row, captioner, ahead=False),
        }
        interleave(rows, [paths[:3]])  # until everything is loaded
        found = interleave(rows, TURNS * [paths])
    return _subject(found[_AHEAD], found[_IN_TURN])


def _subject(ahead: Sequence[RowTimes], in_turn: Sequence[RowTimes]) -> Subject:
    reading = sum(row.waiting for row in in_turn)
    captioning = sum(row.total for row in in_turn) - reading
    return Subject(
        "Reading ahead",
        (
            Line("waiting for frames, read ahead", _waiting(ahead), "%", WAITING, _each(ahead)),
            Line("waiting for frames, read in turn", _waiting(in_turn), "%", note=_each(in_turn)),
            Line("videos an hour, ahead over in turn", median_ratio(_totals(in_turn), _totals(ahead))),
            Line(
                "reading over captioning, in turn", reading / captioning, "%", note="above 100 % it must be waited for"
            ),
        ),
        f"Over {TURNS} turns of all videos, {SIDE} x {SIDE} pixels; one more goes before each turn, untimed. Where the"
        " models are on a CPU, they share it with the decoder, and captioning takes longer then.",
    )


def _waiting(rows: Sequence[RowTimes]) -> float:
    return sum(row.waiting for row in rows) / sum(row.total for row in rows)


def _totals(rows: Sequence[RowTimes]) -> list[float]:
    return [row.total for row in rows]


def _each(rows: Sequence[RowTimes]) -> str:
    return f"{1000 * median(row.waiting for row in rows):.1f} of {1000 * median(_totals(rows)):.0f} ms a row"


def _row(captioner: Captioner, paths: Sequence[Path], *, ahead: bool) -> RowTimes:
    # The last video once more at both ends, so that while each is captioned another is read.
    following = [*paths, paths[-1]] if ahead else [None] * (len(paths) + 1)
    _caption(captioner, paths[-1], following[0])
    started = perf_counter()
    waiting = [_waited(captioner, *each) for each in zip(paths, following[1:], strict=True)]
    return RowTimes(perf_counter() - started, sum(waiting))


def _waited(captioner: Captioner, path: Path, following: Path | None) -> float:
    return _caption(captioner, path, following).durations.read_seconds


def _caption(captioner: Captioner, path: Path, following: Path | None) -> Caption:
    """The caption of a video; the one that follows is expected as soon as this one is read."""
    caption = None
    for step in captioner.stream(path):
        if following is not None and step.stage != "reading":
            captioner.expect(following)
            following = None
        caption = step.caption
    assert caption is not None  # the last step always carries it
    return caption


def _frames(seed: int) -> Iterator[Array]:
    renderer, scene = Renderer(SIDE), scene_of_seed(seed)
    for index in range(FRAMES):
        yield renderer.frame(scene, (index + 0.5) / FRAMES)
