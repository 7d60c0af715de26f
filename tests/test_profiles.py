"""Profiles: settings that belong together, above the preset and below whatever a user says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lvspec_cli.errors import UsageError
from lvspec_cli.plan import Plan
from lvspec_cli.preset import ModelSpec, Preset
from lvspec_cli.profiles import PROFILES, settings_for
from lvspec_cli.settings import argument_layer, environment_layer

MODEL = ModelSpec("some/model", is_local=False)
PRESET = Preset("pair", MODEL, MODEL, path=Path("pair.yaml"), looseness={"threshold": 2.0, "min_probability": 0.3})


def planned(**options: object) -> Plan:
    return Plan.of(settings_for(PRESET, [argument_layer(options)]))


def test_without_a_profile_the_preset_decides() -> None:
    plan = planned(method="lvspec")
    assert (plan.decode.looseness.threshold, plan.decode.looseness.min_probability) == (2.0, 0.3)
    assert planned(method="lvspec", profile="default").decode == plan.decode


def test_the_paper_has_neither_guard_nor_list_and_its_own_chain_and_pruning() -> None:
    plan = planned(profile="paper")
    looseness = plan.decode.looseness
    assert (plan.decode.method, plan.decode.draft_tokens) == ("lvspec", 10)
    assert (looseness.relevance, looseness.judged, looseness.nearest) == ("cosine", "draft", 10)
    assert (looseness.threshold, looseness.filler_share) == (None, 0.7)  # a share takes the place of a threshold
    assert (looseness.min_probability, looseness.critical_words) == (0.0, ())
    assert (plan.pruning.pruning, plan.pruning.keep) == ("attention", 0.1)


@pytest.mark.parametrize("name", [name for name in PROFILES if PROFILES[name]])
def test_whatever_a_user_says_goes_before_a_profile(name: str) -> None:
    for key, value in PROFILES[name].items():
        mine: object = {"method": "fly", "pruning": "uniform", "relevance": "attention", "judged": "both"}.get(
            key, "not" if key == "critical_words" else 1
        )
        settings = settings_for(PRESET, [argument_layer({key: mine, "profile": name})])
        assert getattr(settings, key) != value, key


def test_a_threshold_of_the_users_takes_the_place_of_a_profiles_share() -> None:
    looseness = planned(profile="paper", threshold=0.4).decode.looseness
    assert (looseness.threshold, looseness.filler_share) == (0.4, None)


def test_what_a_profile_decides_has_it_for_its_origin() -> None:
    settings = settings_for(PRESET, [environment_layer({"LVSPEC_PROFILE": "paper"})])
    assert settings.name_of("filler_share") == "filler_share in profile paper"
    assert settings.name_of("profile") == "LVSPEC_PROFILE"


def test_an_unknown_profile_is_named_as_it_was_written() -> None:
    with pytest.raises(UsageError, match=r"^profile must be one of default, paper, not 'papr'; did you mean 'paper'"):
        planned(profile="papr")


def test_profiles_hold_settings_that_there_are() -> None:
    assert replace(settings_for(PRESET, []), **PROFILES["paper"])
