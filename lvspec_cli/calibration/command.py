"""A whole calibration: load the pair, read the videos, measure, write the preset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lvspec_cli.calibration.calibrator import Calibrator
from lvspec_cli.calibration.journal import SUFFIX, Journal
from lvspec_cli.calibration.user_preset import write_user_preset
from lvspec_cli.models.pair import load_pair
from lvspec_cli.plan import Plan
from lvspec_cli.preset import Preset
from lvspec_cli.profiles import settings_for
from lvspec_cli.settings import argument_layer
from lvspec_cli.video.worker import VideoWorker


def calibrate_preset(preset: Preset, paths: Sequence[str], output: Path, say: Callable[[str], None]) -> list[str]:
    """Calibrate a preset's pair on videos and write ``output``; return what was found and changed, a sentence each.

    Raises UsageError, PairError, ModelError, and LvspecError if nothing can be written.
    """
    plan = _plan(preset)
    journal = Journal(output.with_name(output.name + SUFFIX), shaping_settings(preset))
    # What an earlier calibration found plays no part in this one.
    options = replace(plan.decode, looseness=replace(plan.decode.looseness, relevance="attention"))
    pair = load_pair(replace(preset, calibration=None), prompts=(preset.prompts.caption,), system=preset.prompts.system)
    try:
        with VideoWorker() as worker:
            calibrator = Calibrator(pair, preset.prompts, options, plan.pruning, journal, say)
            found = calibrator.run(paths, lambda path: worker.read(path, plan.read))
    finally:
        journal.close()
    changes = write_user_preset(preset, found, output, pair)
    journal.remove()
    return changes


def shaping_settings(preset: Preset) -> dict[str, Any]:
    """Everything that shapes the evidence, as JSON values: evidence of other values must not be mixed in."""
    decode = _plan(preset).decode
    return {
        "target": asdict(preset.target),
        "draft": asdict(preset.draft),
        "frames": asdict(preset.frames),
        "prompt": preset.prompts.caption,
        "system": preset.prompts.system,
        "max_tokens": decode.max_tokens,
        "nearest": decode.looseness.nearest,
        "judged": decode.looseness.judged,
    }


def _plan(preset: Preset) -> Plan:
    """Of the preset that will be written: its method decides how the draft's video tokens are pruned."""
    return Plan.of(settings_for(preset, [argument_layer({"method": "lvspec"})]))
