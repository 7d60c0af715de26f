"""A comparison as JSON: figures with intervals, and what every contender did on every clip, to compute them again."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lvspec_cli import __version__
from lvspec_cli.bench.ablation import Ablation
from lvspec_cli.bench.ablation_table import findings
from lvspec_cli.bench.areas import VISUAL_NATS
from lvspec_cli.bench.arena import Measured
from lvspec_cli.bench.bootstrap import LEVEL, RESAMPLES
from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.figures import Figures
from lvspec_cli.bench.matching import MatchedRows
from lvspec_cli.bench.setting import Setting
from lvspec_cli.bench.side_by_side import Comparison, Skipped
from lvspec_cli.preset import ModelSpec

SCHEMA = "lvspec.bench/1"


def as_record(comparison: Comparison) -> dict[str, Any]:
    """JSON values; units are in the keys, shares and speed-ups are plain ratios."""
    clips = comparison.clips
    return {
        "schema": SCHEMA,
        "lvspec": __version__,
        "machine": asdict(comparison.machine),
        "preset": _preset(comparison),
        "settings": _settings(comparison),
        "intervals": {"kind": "percentile bootstrap over clips", "level": LEVEL, "resamples": RESAMPLES, "seed": 0},
        "tuning_clips": [clip.name for clip in clips.tuning],
        "skipped": [_skipped(each) for each in clips.skipped],
        "sweep": None if comparison.sweep is None else [row_record(row) for row in comparison.sweep.tried],
        "rows": [row_record(row) for row in comparison.rows],
        "ablation": None if comparison.ablation is None else ablation_record(comparison.ablation),
        "clips": [_clip(clip, index, comparison.measured) for index, clip in enumerate(clips.measured)],
    }


def row_record(row: Figures) -> dict[str, Any]:
    """The figures of one setting."""
    return {
        **_setting(row.setting),
        "speed": asdict(row.speed),
        "faithfulness": asdict(row.faithfulness),
        "looseness": None if row.looseness is None else asdict(row.looseness),
    }


def ablation_record(ablation: Ablation) -> dict[str, Any]:
    """What the signals are worth, and how they decode at equal looseness."""
    best = ablation.best
    return {
        "own_signal": ablation.own,
        "best_signal": None if best is None else best.name,
        "no_better_than_chance": ablation.no_better_than_chance,
        "findings": list(findings(ablation)),
        "visual_nats": VISUAL_NATS,
        "places": ablation.places,
        "mismatches": ablation.mismatches,
        "open_mismatches": ablation.open,
        "anchor_mismatches": ablation.anchors,
        "visual_mismatches": ablation.visual,
        "area_under_curve": [asdict(signal) for signal in ablation.signals],
        "area_of_best_minus_own": None if ablation.lead is None else asdict(ablation.lead),
        "rows": [row_record(row) for row in ablation.guarded.rows],
        "best_minus_random": _lead(ablation.guarded),
        "unguarded_rows": [row_record(row) for row in ablation.unguarded.rows],
        "unguarded_best_minus_random": _lead(ablation.unguarded),
    }


def _lead(matched: MatchedRows) -> dict[str, Any]:
    """How many more of the attributes the best row names as ar does."""
    return {"best": matched.best, "same_attributes": None if matched.lead is None else asdict(matched.lead)}


def _preset(comparison: Comparison) -> dict[str, Any]:
    preset, pair = comparison.preset, comparison.pair
    return {
        "name": preset.name,
        "target": _model(preset.target, pair.target_revision),
        "draft": _model(preset.draft, pair.draft_revision),
        "frames": asdict(preset.frames),
        "prompt": preset.prompts.caption,
        "system": preset.prompts.system,
    }


def _model(spec: ModelSpec, revision: str | None) -> dict[str, Any]:
    return {"model": spec.model, "revision": revision, "dtype": spec.dtype, "quantization": spec.quantization}


def _settings(comparison: Comparison) -> dict[str, Any]:
    options = comparison.options
    return {
        "clips": len(comparison.clips.measured),
        "seed": None if options.videos else options.seed,
        "videos": list(options.videos),
        "max_tokens": comparison.max_tokens,
        "draft_tokens": list(options.draft_tokens),
        "sweep": list(options.swept),
        "threads": options.threads,
    }


def _setting(setting: Setting) -> dict[str, Any]:
    return {
        "row": setting.row.name,
        "title": setting.row.title,
        "method": setting.row.method,
        "draft_tokens": setting.draft_tokens,
        "parameters": None if setting.looseness is None else asdict(setting.looseness),
        "assistance": None if setting.assistance is None else asdict(setting.assistance),
    }


def _skipped(skipped: Skipped) -> dict[str, str]:
    return {"path": skipped.path, "type": skipped.error.type_name, "message": str(skipped.error)}


def _clip(clip: BenchClip, index: int, measured: tuple[Measured, ...]) -> dict[str, Any]:
    return {
        "name": clip.name,
        "truth": None if clip.truth is None else clip.truth.as_dict(),
        "video_tokens": clip.target.video_tokens,
        "input_seconds": clip.input_seconds,
        "answers": {each.setting.row.name: _answer(each, index) for each in measured},
    }


def _answer(measured: Measured, index: int) -> dict[str, Any]:
    run = asdict(measured.runs[index])
    return {"text": measured.answers[index].text, **run, "quality": asdict(measured.qualities[index])}
