"""The JSON Schema of presets: what is in the repository is what the code says, and it says what the reader does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.errors import PresetError
from lvspec_cli.preset import built_in_folder
from lvspec_cli.preset_keys import SECTIONS, TOP
from lvspec_cli.preset_reader import read_preset
from lvspec_cli.preset_schema import SCHEMA_FILE, editor_line, preset_schema
from tests.json_schema import meets
from tests.preset_documents import documents

PRESETS = sorted(built_in_folder().glob("*.yaml"))
HERE = Path("any.yaml").resolve()
MINIMAL: dict[str, Any] = {
    "schema": "lvspec.preset/1",
    "target": {"model": "Owner/big"},
    "draft": {"model": "Owner/small"},
}
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.floats(), st.just(""), st.just("text"), st.just([]), st.just([-1])
)


def can_be_read(document: Any) -> bool:
    try:
        read_preset(yaml.safe_dump(document, allow_unicode=True), HERE)
    except PresetError:
        return False
    return True


def test_the_schema_in_the_repository_is_that_of_the_code() -> None:
    committed = (built_in_folder() / SCHEMA_FILE).read_text(encoding="utf-8")
    assert json.loads(committed) == preset_schema(), f"run: lvspec presets schema > presets/{SCHEMA_FILE}"


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_built_in_preset_names_the_schema_and_meets_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    line, address = text.splitlines()[0].split("$schema=")
    assert line == "# yaml-language-server: "
    assert (path.parent / address).resolve() == built_in_folder() / SCHEMA_FILE
    assert meets(yaml.safe_load(text), preset_schema())


def test_a_preset_elsewhere_names_the_schema_by_an_address_without_spaces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "Application Support"
    monkeypatch.setattr("lvspec_cli.preset_schema.built_in_folder", lambda: folder)
    line = editor_line()
    address = line.rstrip("\n").split("$schema=")[1]
    assert " " not in address
    assert Path(unquote(urlparse(address).path)) == folder / SCHEMA_FILE


def test_the_schema_has_every_key_of_the_reader_each_with_its_meaning() -> None:
    top = preset_schema()["properties"]
    assert top.keys() == TOP.keys() | SECTIONS.keys()
    for name, kinds in SECTIONS.items():
        assert top[name]["properties"].keys() == kinds.keys()
    for part in (*top.values(), *(key for name in SECTIONS for key in top[name]["properties"].values())):
        assert part["description"].endswith(".")


@given(documents())
def test_what_meets_the_schema_can_be_read(document: dict[str, Any]) -> None:
    assert meets(document, preset_schema())
    assert can_be_read(document)


def places() -> Iterator[tuple[str, ...]]:
    yield from ((key,) for key in (*TOP, *SECTIONS))
    yield from ((name, key) for name, kinds in SECTIONS.items() for key in kinds)


@given(documents(), st.sampled_from([*places(), ("unknown",), ("frames", "unknown"), ("target", "unknown")]), JUNK)
def test_what_can_be_read_meets_the_schema(document: dict[str, Any], place: tuple[str, ...], value: Any) -> None:
    # The reader leaves the names of methods and signals to those who use them; the schema knows them.
    if place[-1] in ("method", "relevance", "judged") and value == "text":
        return
    *above, key = place
    section = document
    for name in above:
        document[name] = section = document.get(name) or {}
    section[key] = value
    if can_be_read(document):
        assert meets(document, preset_schema())


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "lvspec.preset/2"},
        {"schema": None},
        {"target": None},
        {"target": {"revision": "abc"}},
        {"draft": {"model": "Owner/small", "colour": "red"}},
        {"colour": "red"},
        {"method": "strickt"},
        {"looseness": {"relevance": "smell"}},
        {"looseness": {"attention_layers": []}},
        {"draft_tokens": 0},
        {"draft_tokens": "many"},
        {"name": " "},
        {"frames": {"count": 2.5}},
        {"draft_video": {"keep": 0}},
        {"generation": {"top_p": 1.5}},
        {"generation": 3},
    ],
)
def test_what_is_wrong_does_not_meet_the_schema(change: dict[str, Any]) -> None:
    assert meets(MINIMAL, preset_schema())
    assert not meets({**MINIMAL, **change}, preset_schema())
