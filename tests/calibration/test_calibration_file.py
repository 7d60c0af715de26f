"""The file of a calibration: read as it was written, and refused where it is of another pair or none at all."""

from __future__ import annotations

import json
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
import torch

from lvspec_cli.decoding.looseness import WatchedLayers
from lvspec_cli.decoding.relevance import Calibration
from lvspec_cli.errors import PresetError
from lvspec_cli.models.calibration_file import calibration_text, read_calibration
from lvspec_cli.preset import load_preset

WHOLE = Calibration(
    torch.tensor([0.5, nan, 2.0]),
    {"table": torch.tensor([0.5, 2.0])},
    {"table": 1.25},
    WatchedLayers((1, 2), 3, 7),
    judged="draft",
)


def content(**changed: Any) -> str:
    """The text of a calibration for 3 tokens and 4 layers, with other values of some keys; None: without the key."""
    values = {**json.loads(calibration_text(WHOLE, 3, 4, {"videos": 1})), **changed}
    return json.dumps({key: value for key, value in values.items() if value is not None})


def test_a_written_calibration_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(calibration_text(WHOLE, 3, 4, {"videos": 1}), encoding="utf-8")
    read = read_calibration(path, 3, 4)
    assert read.table is not None
    assert WHOLE.table is not None
    assert torch.equal(read.table.nan_to_num(-1), WHOLE.table.nan_to_num(-1))
    assert torch.equal(read.ranks["table"], WHOLE.ranks["table"])
    assert (read.thresholds, read.watched, read.judged) == (WHOLE.thresholds, WHOLE.watched, WHOLE.judged)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "is no calibration"),
        (content(schema="other/1"), "its schema is not"),
        (content(vocabulary_size=5), "for 5 tokens and the pair has 3"),
        (content(layer_count=28), "a target of 28 layers and the pair's has 4"),
        (content(layer_count=None), "a target of an unknown number of layers and the pair's has 4"),
        (content(judged=None), "it lacks 'judged'"),
        (content(thresholds={"table": inf}), "Infinity is no number"),
    ],
)
def test_a_calibration_of_another_pair_or_none_at_all_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PresetError, match=complaint) as refused:
        read_calibration(path, 3, 4)
    assert "run `lvspec calibrate` again" in str(refused.value)


def test_a_number_that_is_not_json_is_never_written() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        calibration_text(Calibration(thresholds={"table": inf}), 3, 4, {})


def test_a_pair_does_not_take_the_calibration_of_a_deeper_target(tiny_preset: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    from lvspec_cli.models.pair import check_pair, load_pair

    preset = load_preset(tiny_preset)
    checked = check_pair(preset)
    path = tmp_path / "c.json"
    path.write_text(calibration_text(WHOLE, checked.vocabulary_size, 28, {}), encoding="utf-8")
    with pytest.raises(PresetError, match=f"28 layers and the pair's has {checked.target.layer_count}"):
        load_pair(replace(preset, calibration=path))
