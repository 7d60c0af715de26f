"""The preset that a calibration writes: the one it began with, and what was found."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lvspec_cli.calibration.calibrator import Calibrated
from lvspec_cli.errors import LvspecError
from lvspec_cli.models.calibration_file import calibration_text
from lvspec_cli.models.pair import Pair
from lvspec_cli.preset import Preset


def calibration_path(preset_path: Path) -> Path:
    """Where the calibration of a preset file goes: beside it."""
    return preset_path.with_suffix(".calibration.json")


def write_user_preset(preset: Preset, found: Calibrated, path: Path, pair: Pair) -> list[str]:
    """Write the preset and its calibration; return what changed, a sentence each. Raises LvspecError if it cannot."""
    content: dict[str, Any] = yaml.safe_load(preset.path.read_text(encoding="utf-8"))
    changes = _changes(preset, found)
    for role, spec in (("target", preset.target), ("draft", preset.draft)):
        content[role]["model"] = spec.model  # a local folder by its absolute path: the file may lie anywhere
    looseness = {key: value for key, value in (content.get("looseness") or {}).items() if key not in _CALIBRATED}
    content["name"] = path.stem
    content["method"] = "lvspec"
    content["draft_tokens"] = found.draft_tokens
    content["looseness"] = {"relevance": found.findings.best, **looseness}
    content["calibration"] = calibration_path(path).name
    source = {"preset": preset.name, "videos": found.videos, "tokens": found.findings.tokens}
    text = calibration_text(found.findings.calibration, pair.vocabulary_size, pair.target.layer_count, source)
    _replace(calibration_path(path), text)
    _replace(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100))
    return changes


_CALIBRATED = ("relevance", "threshold", "filler_share", "attention_layers", "state_layer")


def _changes(preset: Preset, found: Calibrated) -> list[str]:
    findings = found.findings
    best = findings.best
    before: Mapping[str, Any] = preset.looseness
    signals = (
        f"{signal} separates anchors from fillers at {findings.separation[signal]:.3f} (0.5 is chance), "
        f"mistakes cost {findings.cost[signal]:.3f}"
        for signal in sorted(findings.cost, key=lambda each: findings.cost[each])
    )
    return [
        *signals,
        f"method: {preset.method} -> lvspec",
        f"draft_tokens: {preset.draft_tokens} -> {found.draft_tokens}",
        f"looseness.relevance: {before.get('relevance', 'attention')} -> {best}",
        f"threshold of {best}: {findings.calibration.thresholds[best]:.3g}, "
        f"below which lie {findings.filler_share[best]:.0%} of the tokens",
    ]


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise LvspecError(f"cannot write {path}: {error.strerror}; name another file with -o") from error
