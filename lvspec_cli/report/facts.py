"""What the page says in tiles, sentences and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lvspec_cli.report.documents import VideoDocument
from lvspec_cli.report.fields import is_number
from lvspec_cli.report.figures import Figures
from lvspec_cli.report.record import Model
from lvspec_cli.report.wording import TIMES, UNKNOWN, count, counted, decimal, moment, setting, share, size, times

Pairs = tuple[tuple[str, str], ...]  # names and values of a table


@dataclass(frozen=True)
class Tile:
    """A figure that deserves large type."""

    value: str
    unit: str
    label: str


@dataclass(frozen=True)
class ModelRow:
    """A model as the table shows it."""

    role: str  # target or draft
    id: str
    revision: str
    dtype: str
    quantization: str
    device: str


def tiles(figures: Figures) -> tuple[Tile, ...]:
    """The figures that sum a decode up, those that are known."""
    shown = []
    if figures.speedup is not None:
        shown.append(Tile(times(figures.speedup), "", f"estimated speed-up over the target alone{_where(figures)}"))
    if figures.tokens_per_second is not None:
        shown.append(Tile(decimal(figures.tokens_per_second), "tokens/s", "decoding"))
    if figures.mean_acceptance_length is not None:
        label = f"mean acceptance length: {counted(figures.tokens, 'token')} in {counted(figures.rounds, 'round')}"
        shown.append(Tile(decimal(figures.mean_acceptance_length), "tokens a round", label))
    if figures.acceptance_rate is not None:
        label = f"of {counted(figures.draft_tokens, 'draft token')} accepted"
        shown.append(Tile(share(figures.acceptance_rate), "", label))
    if figures.gap_per_token is not None and figures.loosened:
        label = f"fidelity given up: {counted(figures.loosened, 'token')} loosened"
        shown.append(Tile(decimal(figures.gap_per_token), "nats a token", label))
    return tuple(shown)


def _where(figures: Figures) -> str:
    """Of how many videos the speed-up is, if not of all."""
    if figures.timed_decodes >= figures.decodes:
        return ""
    return f", in {count(figures.timed_decodes)} of {counted(figures.decodes, 'video')}"


def fidelity(video: VideoDocument, figures: Figures) -> tuple[str, ...]:
    """Sentences on how far the text may be from the target's own."""
    if video.run.lossy is None:
        return ()
    if not video.run.lossy:
        return (f"Lossless: {_lossless(video.run.settings)}.",)
    lossy = "Lossy: the text may differ from the target's own."
    if not figures.tokens:
        return (lossy,)
    if not figures.loosened:
        return (f"{lossy} No token was loosened here.",)
    tokens = counted(figures.tokens, "token")
    kept = f"{count(figures.loose)} of {tokens} were kept loosely, {count(figures.shifted)} shifted"
    if figures.loosened_ratio is None:
        return f"{lossy} {kept}.", "What that cost is not known."
    cost = f"That cost {decimal(figures.gap_nats)} nats in all, {decimal(figures.gap_per_token or 0)} a token."
    ratio = f"on average {decimal(figures.loosened_ratio)} times as probable as its own choice there"
    return f"{lossy} {kept}.", cost, f"To the target, such a token is {ratio}."


def _lossless(values: Mapping[str, Any]) -> str:
    if values.get("temperature"):
        return "tokens are drawn from the target's own distribution"
    return "the text is what the target says by itself, token for token"


def models(video: VideoDocument) -> tuple[ModelRow, ...]:
    """Target and draft, those that are known."""
    pair: tuple[tuple[str, Model | None], ...] = (("target", video.run.target), ("draft", video.run.draft))
    return tuple(
        ModelRow(
            role,
            model.id,
            model.revision or UNKNOWN,
            model.dtype or UNKNOWN,
            model.quantization or UNKNOWN,
            model.device or UNKNOWN,
        )
        for role, model in pair
        if model is not None
    )


def settings(video: VideoDocument) -> Pairs:
    """All settings, and which preset and method they belong to."""
    heads = (("preset", video.run.preset), ("method", video.run.method))
    named = {name: value for name, value in heads if value is not None}
    return tuple((name, setting(value)) for name, value in {**named, **video.run.settings}.items())


def video_facts(video: VideoDocument) -> Pairs:
    """What is known of the video, and of how much of it the models saw."""
    facts = {name: value for name, value in video.run.facts.items() if value not in (None, [], "")}
    pairs = [("path", video.run.path)]
    if is_number(facts.get("width")) and is_number(facts.get("height")):
        pairs.append(("size", f"{facts.pop('width'):g}{TIMES}{facts.pop('height'):g} pixels"))
    if is_number(facts.get("duration_s")):
        pairs.append(("duration", moment(facts.pop("duration_s"))))
    pairs += [(name.replace("_", " "), setting(value)) for name, value in facts.items()]
    return (*pairs, *_seen(video))


def _seen(video: VideoDocument) -> Pairs:
    record = video.record
    if record is None:
        return ()
    numbers = (
        ("video tokens", record.stats.number_or_none("video_tokens"), count),
        ("video tokens of the draft", record.stats.number_or_none("draft_video_tokens"), count),
        ("memory in use", record.stats.number_or_none("memory_bytes"), size),
    )
    pairs = [(name, form(value)) for name, value, form in numbers if value is not None]
    if record.frame_times_s:
        pairs.append((f"{count(len(record.frame_times_s))} frames at", ", ".join(map(moment, record.frame_times_s))))
    return (*pairs, ("fingerprint", record.fingerprint)) if record.fingerprint else tuple(pairs)
