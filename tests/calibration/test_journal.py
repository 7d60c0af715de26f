"""The journal of a calibration, however it was interrupted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lvspec_cli.calibration.evidence import Evidence
from lvspec_cli.calibration.journal import Journal
from lvspec_cli.errors import UsageError

EVIDENCE = Evidence((1, 2), (0.5, 3.0), (0.5, 4.0), ((0.1, 0.2), (0.3, 0.4)), (0.0, 0.9))
SETTINGS = {"prompt": "What is there?", "judged": "both"}


def journal(path: Path, *videos: str, settings: dict[str, Any] = SETTINGS) -> Journal:
    """A journal to which these videos were added, closed."""
    opened = Journal(path, settings)
    for video in videos:
        opened.add(video, EVIDENCE)
    opened.close()
    return opened


def known(path: Path) -> set[str]:
    opened = journal(path)
    return {video for video in "abcd" if opened.get(video) == EVIDENCE}


def test_what_was_measured_is_known_again(tmp_path: Path) -> None:
    journal(tmp_path / "j", "a", "b")
    assert known(tmp_path / "j") == {"a", "b"}


@pytest.mark.parametrize("lost", [1, 10, 60])
def test_what_follows_a_line_that_was_cut_off_is_not_lost(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "j"
    journal(path, "a", "b")
    path.write_bytes(path.read_bytes()[:-lost])
    assert known(path) == {"a"}
    journal(path, "c", "d")
    assert known(path) == {"a", "c", "d"}
    assert all(map(json.loads, path.read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("left", [0, 1, 5, 30])
def test_a_head_that_was_cut_off_begins_anew(tmp_path: Path, left: int) -> None:
    path = tmp_path / "j"
    journal(path)
    path.write_bytes(path.read_bytes()[:left])
    journal(path, "a")
    assert known(path) == {"a"}


@pytest.mark.parametrize("content", ['{"settings": {}}\n', "my notes", "my notes\n", "\n", "\xff\n"])
def test_a_file_of_another_calibration_or_none_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "j"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError, match="with other settings"):
        journal(path, "a")
    assert path.read_bytes() == content.encode("latin-1")


@pytest.mark.parametrize("key", ["max_tokens", "nearest", "judged", "prompt", "frames", "target", "draft"])
def test_all_that_shapes_the_evidence_is_among_the_settings(key: str, tiny_preset: Path) -> None:
    from lvspec_cli.calibration.command import shaping_settings
    from lvspec_cli.preset import load_preset

    assert key in shaping_settings(load_preset(tiny_preset))
