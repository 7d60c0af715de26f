"""The preset that a calibration writes: the one it began with, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lvspec_cli.calibration.aggregate import Findings
from lvspec_cli.calibration.calibrator import Calibrated
from lvspec_cli.files import replace_text
from lvspec_cli.models.calibration_file import calibration_text
from lvspec_cli.models.pair import Pair
from lvspec_cli.preset import Preset
from lvspec_cli.preset_schema import editor_line


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
    replace_text(calibration_path(path), text)
    replace_text(path, editor_line() + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100))
    return changes


_CALIBRATED = ("relevance", "threshold", "filler_share", "attention_layers", "state_layer")


def _changes(preset: Preset, found: Calibrated) -> list[str]:
    """What was found, and what the written preset has in place of the one it began with."""
    findings = found.findings
    best = findings.best
    before: Mapping[str, Any] = preset.looseness
    return [
        f"{findings.tokens} tokens measured, {findings.visual_share:.0%} of which depend on the video; "
        f"the table knows {findings.known_tokens} tokens of the vocabulary",
        *_signals(findings),
        f"method: {preset.method} -> lvspec",
        f"draft_tokens: {preset.draft_tokens} -> {found.draft_tokens} ({_slower(found)})",
        f"looseness.relevance: {before.get('relevance', 'attention')} -> {best}",
        f"threshold of {best}: {findings.calibration.thresholds[best]:.3g}, "
        f"by which {findings.filler_share[best]:.0%} of the tokens are fillers",
    ]


def _signals(findings: Findings) -> list[str]:
    """How good the signals are, the best first."""
    ranking = sorted(findings.qualities.items(), key=lambda item: (item[0] != findings.best, item[1].cost))
    lines = [
        f"{signal} separates anchors from fillers at {quality.separation:.3f} (0.5 is chance), "
        f"mistakes cost {quality.cost:.3f}"
        for signal, quality in ranking
    ]
    if findings.tried:
        return lines
    return [
        "signals could not be compared on videos that they were not fitted to, which takes anchors and fillers in both "
        "halves of at least 4 videos, so these figures flatter: name more, and more varied, videos",
        *lines,
    ]


def _slower(found: Calibrated) -> str:
    """The speed at every other draft length, in parts of the fastest."""
    fastest = found.speeds[found.draft_tokens]
    others = (f"{length}: {speed / fastest:.0%}" for length, speed in found.speeds.items() if speed != fastest)
    return f"speed at others, {', '.join(others)}" if len(found.speeds) > 1 else "no other was timed"
