"""Profiles: settings that belong together, above the preset and below whatever a user says; and styles among those."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.errors import StyleError, UsageError
from lvspec_cli.plan import Plan
from lvspec_cli.preset import ModelSpec, Preset, PromptSpec
from lvspec_cli.profiles import CAPTION_ONLY, PROFILES, for_answers, settings_for
from lvspec_cli.settings import FIELDS, Settings, argument_layer, environment_layer, flag_layer
from lvspec_cli.style import load_style

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


# styles

BRIEF = load_style("brief").prompt


@pytest.fixture(scope="module")
def styles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Styles that give a prompt alone, one thing more, and everything."""
    folder = tmp_path_factory.mktemp("styles")
    parts = {"plain": "", "spoken": "system: S\n", "short": "max_tokens: 7\n", "full": "system: F\nmax_tokens: 9\n"}
    for name, more in parts.items():
        (folder / f"{name}.yaml").write_text(f"schema: lvspec.style/1\nprompt: prompt of {name}\n{more}")
    return {name: folder / f"{name}.yaml" for name in parts}


def resolved(*layers: dict[str, object]) -> Settings:
    """The settings of these layers, highest first, above a preset."""
    preset = replace(PRESET, prompts=PromptSpec("preset's prompt", "preset's system"))
    return settings_for(preset, [argument_layer(layer) for layer in layers])


def test_a_style_decides_what_is_in_it_and_is_its_origin(styles: dict[str, Path]) -> None:
    settings = resolved({"style": str(styles["full"])})
    assert (settings.prompt, settings.system, settings.max_tokens) == ("prompt of full", "F", 9)
    assert {settings.origins[key] for key in ("prompt", "system", "max_tokens")} == {"style full"}
    assert settings.name_of("max_tokens") == "max_tokens in style full"
    assert settings.name_of("style") == "style"


def test_what_a_style_leaves_open_comes_from_below(styles: dict[str, Path]) -> None:
    settings = resolved({"style": str(styles["plain"])}, {"max_tokens": 5})
    assert (settings.prompt, settings.system, settings.max_tokens) == ("prompt of plain", "preset's system", 5)


def test_a_prompt_above_replaces_all_of_a_style(styles: dict[str, Path]) -> None:
    settings = resolved({"prompt": "mine"}, {"style": str(styles["full"])})
    assert (settings.prompt, settings.style, settings.system, settings.max_tokens) == (
        "mine",
        None,
        "preset's system",
        256,
    )


def test_a_style_above_replaces_a_prompt_and_all_of_another_style(styles: dict[str, Path]) -> None:
    for below in ({"prompt": "mine"}, {"style": str(styles["full"])}):
        settings = resolved({"style": "brief"}, below)
        assert (settings.style, settings.prompt, settings.system) == ("brief", BRIEF, "preset's system")


def test_what_stands_beside_a_style_goes_before_it(styles: dict[str, Path]) -> None:
    settings = resolved({"style": str(styles["full"]), "max_tokens": 3, "system": ""})
    assert (settings.max_tokens, settings.origins["max_tokens"]) == (3, "max_tokens")
    assert Plan.of(settings).system is None


def test_a_style_that_is_replaced_is_not_even_read() -> None:
    assert resolved({"prompt": "mine"}, {"style": "no-such"}).prompt == "mine"
    assert resolved({"style": "brief"}, {"style": "no-such"}).prompt == BRIEF
    with pytest.raises(StyleError, match="there is no style 'no-such'"):
        resolved({"max_tokens": 3}, {"style": "no-such"}, {"prompt": "mine"})


def test_style_and_prompt_in_one_layer_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^--prompt and --style exclude each other: keep one of them$"):
        flag_layer({"style": "brief", "prompt": "mine"})


def maybe(key: str, *values: object) -> st.SearchStrategy[dict[str, object]]:
    return st.sampled_from([{}, *({key: value} for value in values)])


ASKED = st.one_of(maybe("prompt", "one", "two"), maybe("style", "plain", "spoken", "short", "full"))
LAYERS = st.builds(lambda *parts: {k: v for part in parts for k, v in part.items()}, ASKED, maybe("system", "mine"))


@given(st.lists(st.builds(lambda one, two: one | two, LAYERS, maybe("max_tokens", 3, 4)), max_size=4))
def test_each_layer_goes_before_its_style_which_goes_before_lower_layers(
    styles: dict[str, Path], layers: list[dict[str, object]]
) -> None:
    asking = next((layer for layer in layers if layer.keys() & {"prompt", "style"}), {})
    said: list[dict[str, object]] = []  # every layer, and the style in force behind its own
    for layer in layers:
        said.append({key: value for key, value in layer.items() if key != "style"})
        if layer is asking and "style" in layer:
            said.append(load_style(styles[str(layer["style"])]).settings)
    said.append({"prompt": "preset's prompt", "system": "preset's system", "max_tokens": 256})
    given = [
        {key: str(styles[str(value)]) if key == "style" else value for key, value in layer.items()} for layer in layers
    ]
    settings = resolved(*given)
    for key in ("system", "max_tokens"):
        assert getattr(settings, key) == next(layer[key] for layer in said if key in layer)
    prompts = [layer["prompt"] for layer in said if "prompt" in layer]
    assert settings.prompt == prompts[0]
    assert (settings.style is None) == ("style" not in asking)


def test_answers_are_not_shaped_by_what_is_for_captions(styles: dict[str, Path]) -> None:
    layer = argument_layer({"style": str(styles["full"]), "trigger": "ohwx", "prefix": "a", "suffix": "b", "seed": 3})
    settings = settings_for(PRESET, for_answers([layer, argument_layer({"prompt": "mine", "summary_prompt": "all"})]))
    plan = Plan.of(settings)
    assert (settings.seed, settings.max_tokens, plan.system) == (3, 256, None)
    assert plan.dressed("text") == "text"
    assert {key for key in CAPTION_ONLY if settings.given(key)} == set()
    assert set(CAPTION_ONLY) <= FIELDS.keys()
