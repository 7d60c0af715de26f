"""A preset that is written is read as the same preset, and what it shows as a default is one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given

from lvspec_cli.preset import built_in_folder, load_preset
from lvspec_cli.preset_keys import SECTIONS, TOP
from lvspec_cli.preset_reader import read_preset
from lvspec_cli.preset_writer import preset_text, preset_values
from tests.preset_documents import documents

PRESETS = sorted(built_in_folder().glob("*.yaml"))
HERE = Path("any.yaml").resolve()


@given(documents())
def test_what_is_written_is_read_as_the_same_preset(document: dict[str, Any]) -> None:
    preset = read_preset(yaml.safe_dump(document, allow_unicode=True), HERE)
    assert read_preset(preset_text(preset), HERE) == preset


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_what_stands_behind_a_hash_is_the_value_anyway(path: Path) -> None:
    preset = load_preset(path)
    text = preset_text(preset)
    commented = re.compile(r"^( *)# (\w+: )", re.MULTILINE)
    assert len(commented.findall(text)) > 20
    assert read_preset(commented.sub(r"\1\2", text), path) == preset


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_key_is_there_once_with_its_meaning(path: Path) -> None:
    lines = preset_text(load_preset(path)).splitlines()
    keys = [match[1] for line in lines if (match := re.match(r" *(?:# )?(\w+): .*  # \S.*\.$", line))]
    assert keys == [*TOP, *(key for kinds in SECTIONS.values() for key in kinds)]


def test_values_have_the_names_that_a_preset_says_it_gives() -> None:
    preset = load_preset("demo")
    assert preset.given.keys() - SECTIONS.keys() <= preset_values(preset).keys()
