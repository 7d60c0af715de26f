"""The plan of a run: what a method implies and what its user says go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvspec_cli.decoding.looseness import CRITICAL_WORDS
from lvspec_cli.errors import UsageError
from lvspec_cli.plan import Plan, in_force
from lvspec_cli.preset import ModelSpec, Preset, PromptSpec, PruningSpec
from lvspec_cli.settings import argument_layer, flag_layer, preset_layer, resolve

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


def test_a_text_is_dressed_and_the_record_tells_how() -> None:
    given = {"prefix": " a ", "trigger": " ohwx ", "suffix": "! "}
    plan = Plan.of(resolve([argument_layer(given)]))
    assert plan.dressed("cat") == " a ohwx, cat! "
    record = plan.as_record()
    assert [record[key] for key in ("style", "prefix", "trigger", "suffix")] == [None, " a ", "ohwx", "! "]
    bare = Plan.of(resolve([]))
    assert bare.dressed(" cat ") == " cat "
    assert [bare.as_record()[key] for key in ("style", "prefix", "trigger", "suffix")] == [None] * 4


def test_wrong_dressing_is_named_as_it_was_written() -> None:
    with pytest.raises(UsageError, match=r"^--trigger must be one line without tabs"):
        Plan.of(resolve([flag_layer({"trigger": "a\nb"})]))


@pytest.mark.parametrize(("written", "said"), [(None, None), ("", None), (" \n", None), (" Be terse. ", "Be terse.")])
def test_an_empty_system_message_is_none(written: str | None, said: str | None) -> None:
    assert Plan.of(resolve([argument_layer({"system": written})])).system == said


def test_the_preset_in_force_is_asked_what_the_plan_says() -> None:
    preset = Preset("pair", MODEL, MODEL, path=Path("pair.yaml"), prompts=PromptSpec("Describe.", "Be slow."))
    plan = Plan.of(resolve([argument_layer({"system": "Be terse."}), preset_layer(preset)]))
    assert in_force(preset, plan, "What?").prompts == PromptSpec("What?", "Be terse.")
    silent = Plan.of(resolve([argument_layer({"system": ""}), preset_layer(preset)]))
    assert in_force(preset, silent, "What?").prompts.system is None
