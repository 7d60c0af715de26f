"""Heat maps and the frames beneath them, as small as they can be sent: the page's script draws them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lvspec_cli.report.trace import Grounding, PartHead
from lvspec_cli.report.wording import moment

MOST_FRAMES = 128  # that are shown side by side
_BEST_STEPS = 6  # whose levels are kept where there are too many frames to show all
_SIGNATURES = {"data:image/jpeg;base64,": b"\xff\xd8\xff", "data:image/png;base64,": b"\x89PNG\r\n\x1a\n"}


@dataclass(frozen=True)
class Frame:
    """A frame that the models were shown."""

    time: str
    source: str | None  # its thumbnail as a data URL; None if there is none


def frames(head: PartHead) -> tuple[Frame, ...]:
    """The frames of a part, in order; none if they are too many to show."""
    if len(head.frame_times_s) > MOST_FRAMES:
        return ()
    fits = len(head.thumbnails) == len(head.frame_times_s)
    sources = [thumbnail(url) for url in head.thumbnails] if fits else [None] * len(head.frame_times_s)
    return tuple(Frame(moment(time), source) for time, source in zip(head.frame_times_s, sources, strict=True))


def thumbnail(url: str) -> str | None:
    """A data URL of a JPEG or PNG picture as it is; None for anything else."""
    for prefix, signature in _SIGNATURES.items():
        if url.startswith(prefix):
            try:
                content = base64.b64decode(url[len(prefix) :], validate=True)
            except (binascii.Error, ValueError):
                return None
            return url if content.startswith(signature) else None
    return None


def heat(grounding: Grounding, head: PartHead) -> dict[str, Any]:
    """What the script needs to draw a token's heat maps.

    `profile` has one byte a step, for what it carries, 255 for the most. `levels` and `carried` are those of all steps,
    or of the steps that `steps` names.
    """
    known: dict[str, Any] = {"share": _brief(grounding.share)}
    if head.layout is None:
        return known
    cells = head.layout.cells
    levels = [grounding.levels[at : at + cells] for at in range(0, len(grounding.levels), cells)]
    carried = _carried(grounding, levels, head.grounding == "attention")
    most = max(carried)
    known["profile"] = _base64(bytes(round(255 * (max(each, 0) / most)) if most > 0 else 0 for each in carried))
    steps: Sequence[int] = range(len(levels))
    if len(head.frame_times_s) > MOST_FRAMES:
        known["steps"] = steps = sorted(sorted(steps, key=lambda step: -carried[step])[:_BEST_STEPS])
    kept = b"".join(levels[step] for step in steps)
    return {**known, "carried": [_brief(carried[step]) for step in steps], "levels": _base64(kept)}


def _carried(grounding: Grounding, levels: Sequence[bytes], is_attention: bool) -> Sequence[float]:
    """What each step carries: its part of the attention on the video, or its largest cosine."""
    if not is_attention:
        return [max(step) / 255 * grounding.largest for step in levels]
    if grounding.steps:
        return grounding.steps
    # Levels leave out all that was rounded to 0; older traces have nothing better.
    total = sum(grounding.levels) or 1
    return [sum(step) / total for step in levels]


def _brief(number: float) -> float:
    return float(f"{number:.4g}")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
