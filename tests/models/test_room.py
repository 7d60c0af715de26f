"""A pair that cannot fit is refused before it is loaded; what shares a device is added up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lvspec_cli.errors import PresetError, UsageError
from lvspec_cli.models import room
from lvspec_cli.models.footprint import ModelFootprint, PairFootprint, estimate_pair
from lvspec_cli.models.pair import load_pair
from lvspec_cli.models.room import GIB, Room, check_room, free_bytes, rooms, total_bytes
from lvspec_cli.preset import Preset, load_preset

PAIR = PairFootprint(ModelFootprint(100, 10, 5), ModelFootprint(20, 2, 7), 8, 64, 64, 80)
CPU = torch.device("cpu")


@pytest.fixture
def preset(checkpoints: dict[str, Path]) -> Preset:
    return load_preset(checkpoints["qwen2_5_vl"] / "preset.yaml")


def test_models_that_share_a_device_add_up_but_for_their_activations(preset: Preset) -> None:
    (shared,) = rooms(preset, PAIR, lambda _: 1000)
    assert shared == Room("cpu", 100 + 10 + 20 + 2 + 7, 1000)
    (alone,) = rooms(preset, PAIR, lambda _: 1000, with_draft=False)
    assert alone == Room("cpu", 100 + 10 + 5, 1000)


def test_each_device_has_its_own_room(preset: Preset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "resolve_device", torch.device)
    apart = replace(preset, draft=replace(preset.draft, device="cuda:1"))
    target, draft = rooms(apart, PAIR, lambda device: 50 if device.type == "cuda" else 100)
    assert (target, target.fits) == (Room("cpu", 115, 100), False)
    assert (draft, draft.fits) == (Room("cuda:1", 29, 50), True)


def test_a_balanced_model_is_shared_out(preset: Preset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    spread = replace(preset, target=replace(preset.target, device="balanced"))
    assert rooms(spread, PAIR, lambda _: None) == (
        Room("cuda:0", 50 + 5 + 5, None),
        Room("cuda:1", 50 + 5 + 5, None),
        Room("cpu", 20 + 2 + 7, None),
    )


def test_a_room_that_is_full_to_the_brim_does_not_fit() -> None:
    assert Room("cpu", 90, 100).fits
    assert not Room("cpu", 99, 100).fits
    assert Room("cpu", 99, None).fits
    assert str(Room("cpu", 3 * GIB, 2 * GIB)) == "3.00 of 2.00 GiB of cpu: does not fit"


def test_too_little_memory_is_refused_before_weights_are_read(preset: Preset, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_to_be_called(*_: object) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr(room, "free_bytes", lambda _: 1000)
    monkeypatch.setattr("lvspec_cli.models.pair.load_model", not_to_be_called)
    with pytest.raises(UsageError, match=r"needs at least \d+\.\d GiB of cpu, of which 0\.0 GiB are free: take 4-bit"):
        load_pair(preset)
    with pytest.raises(AssertionError, match="weights were read"):
        load_pair(preset, ignore_memory=True)


def test_memory_for_a_single_frame_is_enough_to_begin(preset: Preset, monkeypatch: pytest.MonkeyPatch) -> None:
    (least,) = rooms(preset, estimate_pair(preset, frame_count=1), total_bytes)
    monkeypatch.setattr(room, "free_bytes", lambda _: least.needed_bytes)
    check_room(preset)
    monkeypatch.setattr(room, "free_bytes", lambda _: least.needed_bytes - 1)
    with pytest.raises(UsageError):
        check_room(preset)
    check_room(preset, with_draft=False)
    monkeypatch.setattr(room, "free_bytes", lambda _: None)
    check_room(preset)


def test_a_device_that_is_not_there_is_named(preset: Preset) -> None:
    with pytest.raises(PresetError, match="cuda:99"):
        rooms(replace(preset, target=replace(preset.target, device="cuda:99")), PAIR, total_bytes)


def test_this_machine_has_memory_and_some_is_free() -> None:
    total, free = total_bytes(CPU), free_bytes(CPU)
    assert total is not None
    assert free is not None
    assert 0 < free <= total < 10_000 * GIB


def test_free_memory_is_what_linux_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:  900 kB\nMemFree:  1 kB\nMemAvailable:     300 kB\n")
    monkeypatch.setattr(room, "_MEMORY_OF_LINUX", tmp_path / "meminfo")
    assert free_bytes(CPU) == 300 * 1024
    monkeypatch.setattr(room, "_MEMORY_OF_LINUX", tmp_path / "nothing")
    assert free_bytes(CPU) == total_bytes(CPU)
