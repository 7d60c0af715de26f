"""Checkpoints and loaded pairs of every family, made once for all tests of the models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from lvspec_cli.models.pair import Pair, load_pair
from lvspec_cli.preset import load_preset
from tests.models import tiny

torch.set_num_threads(1)


@dataclass(frozen=True)
class TinyPair:
    """A pair on disk and in memory, with the target loaded once more by transformers alone."""

    family: str
    preset: Path
    pair: Pair
    reference: Any  # the target's checkpoint through the Auto class, untouched


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """For each family a folder with target/, draft/ and preset.yaml."""
    folders = {}
    for family in tiny.FAMILIES:
        folder = tmp_path_factory.mktemp(family)
        tiny.save_checkpoint(folder / "target", family, tiny.TARGET)
        tiny.save_checkpoint(folder / "draft", family, tiny.DRAFT)
        tiny.write_preset(folder / "preset.yaml", folder / "target", folder / "draft")
        folders[family] = folder
    return folders


@pytest.fixture(scope="session")
def pairs(checkpoints: dict[str, Path]) -> dict[str, TinyPair]:
    """Each family's pair, loaded."""
    from transformers import AutoModelForImageTextToText

    loaded = {}
    for family, folder in checkpoints.items():
        reference = AutoModelForImageTextToText.from_pretrained(folder / "target", dtype=torch.float32).eval()
        preset = folder / "preset.yaml"
        loaded[family] = TinyPair(family, preset, load_pair(load_preset(preset)), reference)
    return loaded


@pytest.fixture(params=tiny.FAMILIES)
def tiny_pair(request: pytest.FixtureRequest, pairs: dict[str, TinyPair]) -> TinyPair:
    """Each family in turn."""
    return pairs[request.param]
