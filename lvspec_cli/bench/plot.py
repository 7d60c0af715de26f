"""A picture of a comparison: speed-up against what is kept of the quality."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvspec_cli.errors import UsageError
from lvspec_cli.files import check_output, replace_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lvspec_cli.bench.bootstrap import Estimate
    from lvspec_cli.bench.figures import Figures

SUFFIXES = (".svg", ".png")
_LABEL_GAP = 0.045  # of the height of the picture, between two labels


def check_plot(output: str) -> Path:
    """The path of a picture; raises UsageError if it cannot be drawn."""
    path = check_output("--plot", output)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--plot {output} must end in {' or '.join(SUFFIXES)}")
    if find_spec("matplotlib") is None:
        raise UsageError("--plot needs matplotlib: install it with pip install 'lvspec[bench]'")
    return path


def draw(path: Path, rows: Sequence[Figures], swept: Sequence[Figures] = ()) -> None:
    """Draw a labelled point with its intervals for every row, and a faint one for every setting that was swept.

    Across: retention of the attributes, or token agreement where no truth is known. Raises LvspecError.
    """
    from matplotlib.figure import Figure

    picture = Figure(figsize=(8, 5.5), layout="constrained")
    axes = picture.subplots()
    truth = any(row.faithfulness.retention is not None for row in rows)
    colours = {row.setting.row.name: f"C{index}" for index, row in enumerate(rows)}
    for row in swept:
        _dot(axes, row, truth, colours)
    points = [_point(axes, row, truth, colours) for row in rows]
    _label(axes, [point for point in points if point is not None])
    axes.set_xlabel("attribute accuracy over that of ar (%)" if truth else "token agreement with ar (%)")
    axes.set_ylabel("decoding speed over ar")
    axes.set_title("faint: what the sweep tried, on the tuning clips" if swept else "", fontsize=8, loc="right")
    axes.grid(alpha=0.3)
    replace_file(path, lambda beside: picture.savefig(beside, format=path.suffix[1:].lower(), dpi=160))


def _place(row: Figures, truth: bool) -> tuple[Estimate, Estimate] | None:
    """What a row keeps and how fast it is; None if one of them is not known."""
    kept = row.faithfulness.retention if truth else row.faithfulness.token_agreement
    return None if kept is None or row.speed.decode is None else (kept, row.speed.decode)


def _dot(axes: Axes, row: Figures, truth: bool, colours: dict[str, str]) -> None:
    place = _place(row, truth)
    if place is not None and row.setting.row.drafts:
        kept, speed = place
        axes.scatter(100 * kept.value, speed.value, s=14, color=colours[row.setting.row.name], alpha=0.35, linewidths=0)


def _point(axes: Axes, row: Figures, truth: bool, colours: dict[str, str]) -> tuple[str, float, float] | None:
    """Draw a row's point; return its label and place."""
    place = _place(row, truth)
    if place is None:
        return None
    kept, speed = place
    axes.errorbar(
        100 * kept.value,
        speed.value,
        xerr=_whiskers(kept, 100),
        yerr=_whiskers(speed, 1),
        fmt="o",
        color=colours[row.setting.row.name],
        ecolor=colours[row.setting.row.name],
        elinewidth=1,
    )
    return row.setting.label, 100 * kept.value, speed.value


def _whiskers(estimate: Estimate, scale: float) -> Any:
    """[[below], [above]], as matplotlib wants them."""
    below, above = estimate.value - estimate.low, estimate.high - estimate.value
    return [[scale * max(0.0, below)], [scale * max(0.0, above)]]


def _label(axes: Axes, points: Sequence[tuple[str, float, float]]) -> None:
    """Write the labels in a column on the right, in the order of the points and none on top of another."""
    axes.margins(0.08)
    bottom, top = axes.get_ylim()
    height = -1.0
    for label, x, y in sorted(points, key=lambda point: point[2]):
        height = max(height + _LABEL_GAP, (y - bottom) / (top - bottom))
        axes.annotate(
            label,
            (x, y),
            xytext=(1.02, height),
            textcoords="axes fraction",
            fontsize=8,
            verticalalignment="center",
            arrowprops={"arrowstyle": "-", "color": "0.7", "linewidth": 0.6},
        )
