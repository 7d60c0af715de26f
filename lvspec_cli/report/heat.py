"""Heat maps and the frames beneath them, as small as they can be sent: the page's script draws them."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from lvspec_cli.report.trace import Grounding, Layout, PartHead
from lvspec_cli.report.wording import moment

MOST_FRAMES = 128  # that are shown side by side
_BEST_STEPS = 6  # whose levels are kept where there are too many frames to show all
_SIGNATURES = {"data:image/jpeg;base64,": b"\xff\xd8\xff", "data:image/png;base64,": b"\x89PNG\r\n\x1a\n"}


@dataclass(frozen=True)
class Frame:
    """A frame that the models were shown."""

    time: str
    source: str | None  # its thumbnail as a data URL; None if there is none
    step: int | None  # of the layout; None if there is none


def frames(head: PartHead) -> tuple[Frame, ...]:
    """The frames of a part, in order; none if they are too many to show."""
    if len(head.frame_times_s) > MOST_FRAMES:
        return ()
    fits = len(head.thumbnails) == len(head.frame_times_s)
    sources = [thumbnail(url) for url in head.thumbnails] if fits else [None] * len(head.frame_times_s)
    return tuple(
        Frame(moment(time), source, _step(at, head.layout))
        for at, (time, source) in enumerate(zip(head.frame_times_s, sources, strict=True))
    )


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

    `profile` has one byte a step: for attention the sum of its levels, for cosines the largest, 255 for the highest.
    `levels` are those of all steps, or of the steps that `steps` names.
    """
    known = {"share": float(f"{grounding.share:.4g}"), "largest": float(f"{grounding.largest:.4g}")}
    if head.layout is None:
        return known
    cells = head.layout.cells
    levels = [grounding.levels[at : at + cells] for at in range(0, len(grounding.levels), cells)]
    weights = [sum(step) if head.grounding == "attention" else max(step) for step in levels]
    highest = max(weights) or 1
    profile = bytes(round(255 * weight / highest) for weight in weights)
    if len(head.frame_times_s) <= MOST_FRAMES:
        return {**known, "profile": _base64(profile), "levels": _base64(grounding.levels)}
    best = sorted(sorted(range(len(levels)), key=lambda step: -weights[step])[:_BEST_STEPS])
    kept = b"".join(levels[step] for step in best)
    return {**known, "profile": _base64(profile), "levels": _base64(kept), "steps": best}


def _step(frame: int, layout: Layout | None) -> int | None:
    if layout is None:
        return None
    step = frame // layout.frames_per_step
    return step if step < layout.steps else None


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
