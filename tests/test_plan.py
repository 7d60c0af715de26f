"""The plan of a run: what a method implies and what its user says go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvspec_cli.decoding.looseness import CRITICAL_WORDS
from lvspec_cli.errors import UsageError
from lvspec_cli.plan import Plan
from lvspec_cli.preset import ModelSpec, Preset, PruningSpec
from lvspec_cli.settings import argument_layer, preset_layer, resolve

MODEL = ModelSpec("some/model", is_local=False)


def planned(preset_pruning: str = "none", **options: object) -> PruningSpec:
    """The pruning in force with a preset that prunes so and these options."""
    draft_video = PruningSpec(preset_pruning, keep=0.2)
    preset = Preset("pair", MODEL, MODEL, path=Path("pair.yaml"), draft_video=draft_video)
    return Plan.of(resolve([argument_layer(options), preset_layer(preset)])).pruning


@pytest.mark.parametrize(
    ("method", "preset", "asked", "kind"),
    [
        ("strict", "none", None, "none"),
        ("strict", "uniform", None, "uniform"),
        ("strict", "uniform", "none", "none"),
        ("strict", "none", "attention", "attention"),
        ("specvlm", "none", None, "attention"),
        ("specvlm", "none", "none", "attention"),
        ("specvlm", "uniform", None, "uniform"),
        ("specvlm", "none", "uniform", "uniform"),
    ],
)
def test_a_method_that_lives_by_pruning_brings_its_own(method: str, preset: str, asked: str | None, kind: str) -> None:
    assert planned(preset, method=method, pruning=asked) == PruningSpec(kind, keep=0.2)


def test_words_with_a_plus_are_added_to_the_usual_ones() -> None:
    plan = Plan.of(resolve([argument_layer({"critical_words": "+perhaps"})]))
    assert plan.decode.looseness.critical_words == (*CRITICAL_WORDS, "perhaps")


def test_a_window_of_fly_must_fit_into_a_round() -> None:
    options = {"method": "fly", "draft_tokens": 5}
    with pytest.raises(UsageError, match=r"^fly_window must be below the 5 draft tokens of a round, not 5$"):
        Plan.of(resolve([argument_layer({**options, "fly_window": 5})]))
    assert Plan.of(resolve([argument_layer({**options, "fly_window": 4})])).decode.looseness.fly_window == 4


def test_without_any_settings_nothing_is_pruned() -> None:
    plan = Plan.of(resolve([]))
    assert plan.pruning == PruningSpec()
    assert {key: value for key, value in plan.as_record().items() if "pruning" in key} == {
        "pruning": "none",
        "pruning_keep": 0.1,
        "pruning_mass": 0.4,
    }


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"pruning": "half"}, "^pruning must be one of none, uniform, attention, not 'half'$"),
        ({"pruning_keep": 0}, "^pruning_keep must be above 0 and at most 1, not 0"),
        ({"pruning_keep": 1.1}, "^pruning_keep must be above 0"),
        ({"pruning_mass": -0.1}, "^pruning_mass must be from 0 to 1, not -0.1$"),
    ],
)
def test_wrong_pruning_is_named_as_it_was_written(options: dict[str, object], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        planned(**options)
