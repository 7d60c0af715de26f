"""The geometry of the charts; the templates draw it as SVG, in units that the page stretches to its width."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lvspec_cli.report.figures import Figures
from lvspec_cli.report.trace import KEPT, OWN, Round
from lvspec_cli.report.wording import count, counted, seconds, share

HEIGHT = 100  # units of the plot, the highest bar
_STEP = 10  # units from bar to bar
_GAP = 2  # units between two bars
_ROW = 80  # bars beside each other, at most
_FEWEST = 16  # bars that there is room for, at least
_STACKED = (*KEPT, *OWN, "rejected")  # from the bottom up


@dataclass(frozen=True)
class Piece:
    """A stretch of a bar."""

    kind: str  # what its style is named after
    start: float  # units along the bar, from the left or the top
    length: float  # units


@dataclass(frozen=True)
class Bar:
    """One column of a chart."""

    x: float  # units from the left
    width: float  # units
    pieces: tuple[Piece, ...]  # from the bottom up
    title: str  # what it says when it is pointed at
    number: int  # of the round, or of accepted tokens


@dataclass(frozen=True)
class BarRow:
    """Bars beside each other."""

    bars: tuple[Bar, ...]
    width: float  # units

    @property
    def first(self) -> int:
        """Number of the first bar."""
        return self.bars[0].number

    @property
    def last(self) -> int:
        """Number of the last bar."""
        return self.bars[-1].number


@dataclass(frozen=True)
class BarChart:
    """Columns on a common scale, in as many rows as they need."""

    rows: tuple[BarRow, ...]
    top: int  # what the full height stands for
    summary: str  # the chart in words
    kinds: tuple[str, ...]  # that occur, from the bottom up


@dataclass(frozen=True)
class TimePiece:
    """A stretch of the bar of times."""

    name: str
    kind: str  # what its style is named after
    x: float  # per cent of the width
    width: float  # per cent of the width
    duration: str
    share: str


@dataclass(frozen=True)
class TimeSplit:
    """Where the time went."""

    pieces: tuple[TimePiece, ...]
    total: str
    summary: str  # the chart in words


def rounds_chart(rounds: Sequence[Round]) -> BarChart | None:
    """What became of the draft, round by round; None if nothing was ever drafted."""
    if not any(each.places for each in rounds):
        return None
    counts = [_counts(each) for each in rounds]
    top = max(each.total() for each in counts)
    bars = [(index, each, _round_title(index, each)) for index, each in enumerate(counts, 1)]
    kept = sum(each[kind] for each in counts for kind in KEPT)
    drafted = kept + sum(each["rejected"] for each in counts)
    summary = f"Draft tokens by round: {counted(len(rounds), 'round')}, {count(kept)} of {count(drafted)} kept"
    return _chart(bars, top, summary)


def histogram_chart(histogram: Sequence[float]) -> BarChart | None:
    """Rounds by how many draft tokens they kept; None if there were none."""
    if len(histogram) < 2 or not any(histogram):
        return None
    counts = [Counter({"exact": int(rounds)}) for rounds in histogram]
    bars = [
        (kept, each, f"{counted(kept, 'draft token')} kept: {counted(each.total(), 'round')}")
        for kept, each in enumerate(counts)
    ]
    return _chart(bars, int(max(histogram)), "Rounds by the number of draft tokens that they kept")


def time_split(figures: Figures) -> TimeSplit | None:
    """Where the time went; None if nothing was timed."""
    timed = figures.draft_seconds or figures.verify_seconds  # if not, decoding is not split
    durations = (
        ("reading the video", "reading", figures.read_seconds),
        ("preparing inputs", "preparing", figures.prepare_seconds),
        ("prefill", "prefill", figures.prefill_seconds),
        ("draft", "drafting", figures.draft_seconds),
        ("verify", "verifying", figures.verify_seconds),
        ("rest of decoding" if timed else "decoding", "other", figures.other_seconds),
        ("rest", "elsewhere", figures.elsewhere_seconds),
    )
    total = sum(duration for *_, duration in durations)
    if total <= 0:
        return None
    pieces, x = [], 0.0
    for name, kind, duration in durations:
        width = 100 * duration / total
        if duration > 0:
            pieces.append(
                TimePiece(name, kind, round(x, 3), round(width, 3), seconds(duration), share(duration / total))
            )
        x += width
    summary = ", ".join(f"{piece.name} {piece.duration}" for piece in pieces)
    return TimeSplit(tuple(pieces), seconds(total), f"Time by what it was spent on: {summary}")


def _counts(each: Round) -> Counter[str]:
    counts = Counter(place.verdict for place in each.kept)
    counts["rejected"] = (each.refused is not None) + len(each.discarded)
    if each.next is not None:
        counts[each.next.origin] += 1
    return counts


def _round_title(number: int, counts: Counter[str]) -> str:
    return f"Round {number}: " + (", ".join(f"{counts[kind]} {kind}" for kind in _STACKED if counts[kind]) or "nothing")


def _chart(bars: Sequence[tuple[int, Counter[str], str]], top: int, summary: str) -> BarChart:
    groups = [bars[at : at + _ROW] for at in range(0, len(bars), _ROW)]
    width = _STEP * max(len(groups[0]), _FEWEST)
    rows = tuple(
        BarRow(
            tuple(
                Bar(_STEP * at + _GAP / 2, _STEP - _GAP, _pieces(counts, top), title, number)
                for at, (number, counts, title) in enumerate(group)
            ),
            width,
        )
        for group in groups
    )
    return BarChart(rows, top, summary, tuple(kind for kind in _STACKED if any(counts[kind] for _, counts, _ in bars)))


def _pieces(counts: Counter[str], top: int) -> tuple[Piece, ...]:
    pieces, below = [], 0
    for kind in _STACKED:
        if counts[kind]:
            length = HEIGHT * counts[kind] / top
            start = HEIGHT * (top - below - counts[kind]) / top
            pieces.append(Piece(kind, round(start, 2), round(length, 2)))
            below += counts[kind]
    return tuple(pieces)
