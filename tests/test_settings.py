"""Settings: which layer wins, what a value may be, and what a mistake is answered with."""

import sys

import pytest

from lvspec_cli.errors import UsageError
from lvspec_cli.preset import FrameSpec, ModelSpec, Preset
from lvspec_cli.settings import (
    FIELDS,
    Settings,
    argument_layer,
    environment_layer,
    file_layer,
    flag_layer,
    gather,
    place_in_preset,
    preset_layer,
    resolve,
    user_file,
)

MODEL = ModelSpec("some/model", is_local=False)


@pytest.fixture
def everywhere(monkeypatch, tmp_path):
    """Write `seed` into any of the places where a setting may stand."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def write(*places):
        if "environment" in places:
            monkeypatch.setenv("LVSPEC_SEED", "2")
        if "project" in places:
            (tmp_path / "lvspec.toml").write_text("seed = 3\n")
        if "user" in places:
            user_file().parent.mkdir(parents=True)
            user_file().write_text("seed = 4\n")

    return write


@pytest.mark.parametrize(
    ("places", "seed", "origin"),
    [
        (["flag", "environment", "project", "user", "preset"], 1, "--seed"),
        (["environment", "project", "user", "preset"], 2, "LVSPEC_SEED"),
        (["project", "user", "preset"], 3, "lvspec.toml"),
        (["user", "preset"], 4, "config.toml"),
        (["preset"], 0, "preset default"),
        ([], None, "default"),
    ],
)
def test_the_nearest_layer_wins_and_is_named(everywhere, places, seed, origin):
    everywhere(*places)
    layers = gather({"seed": "1" if "flag" in places else None})
    if "preset" in places:
        layers.append(preset_layer(Preset("pair", MODEL, MODEL, path="pair.yaml")))
    settings = resolve(layers)
    assert settings.seed == seed
    assert settings.origins.get("seed", "default").endswith(origin)


@pytest.mark.parametrize(
    "layer",
    [
        flag_layer({"draft_tokens": "auto"}),
        environment_layer({"LVSPEC_DRAFT_TOKENS": "Auto"}),
        argument_layer({"draft_tokens": "auto"}),
        preset_layer(Preset("pair", MODEL, MODEL, path="pair.yaml", draft_tokens="auto")),
    ],
)
def test_the_draft_length_may_be_left_to_the_engine_everywhere(layer):
    assert resolve([layer]).draft_tokens == "auto"


def test_a_setting_that_nobody_gives_has_its_default():
    assert resolve([]).values() == Settings().values()
    assert resolve([]).ui == "auto"


@pytest.mark.parametrize("high", ["frames", "fps"])
def test_frames_and_fps_replace_each_other_across_layers(high):
    low = {"frames": "fps", "fps": "frames"}[high]
    settings = resolve([flag_layer({high: "3"}), environment_layer({f"LVSPEC_{low.upper()}": "5"})])
    assert getattr(settings, high) == 3
    assert getattr(settings, low) is None


def test_frames_replace_the_rate_of_a_preset():
    preset = Preset("pair", MODEL, MODEL, path="pair.yaml", frames=FrameSpec(count=None, fps=2.0))
    assert resolve([preset_layer(preset)]).fps == 2.0
    assert resolve([flag_layer({"frames": "3"}), preset_layer(preset)]).fps is None


def test_frames_and_fps_in_one_layer_are_refused():
    with pytest.raises(UsageError, match="--frames and --fps exclude each other"):
        flag_layer({"frames": "3", "fps": "1"})


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90.0), ("1.5", 1.5), ("1:30", 90.0), ("90:00", 5400.0), ("1:02:03.25", 3723.25), (7, 7.0), ("00:00:05", 5)],
)
def test_times_are_seconds_or_clock_times(written, seconds):
    assert argument_layer({"start": written}).values["start"] == seconds


@pytest.mark.parametrize(
    "written", ["1:60", "1:75:00", "a:b", "1:2:3:4", "", "nan", "inf", ":30", "-1:00", True, "\uff11:30"]
)
def test_other_times_are_refused(written):
    with pytest.raises(UsageError, match=r"start must be seconds or \[HH:\]MM:SS, not"):
        argument_layer({"start": written})


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("frames", "eight", "--frames must be a whole number, not 'eight'"),
        ("frames", "8.0", "--frames must be a whole number"),
        ("temperature", "hot", "--temperature must be a number, not 'hot'"),
        ("temperature", "nan", "--temperature must be a number"),
        ("top_p", "inf", "--top-p must be a number"),
    ],
)
def test_a_flag_of_the_wrong_type_is_named_as_written(key, value, complaint):
    with pytest.raises(UsageError, match=complaint):
        flag_layer({key: value})


@pytest.mark.parametrize("value", [True, 1.5, "x", [1]])
def test_wrong_types_in_arguments_are_refused(value):
    with pytest.raises(UsageError, match="seed must be a whole number"):
        argument_layer({"seed": value})


def test_an_unknown_variable_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="LVSPEC_FRAMSE is no setting of lvspec; did you mean 'LVSPEC_FRAMES'"):
        environment_layer({"LVSPEC_FRAMSE": "3"})


def test_variables_that_kubernetes_injects_and_empty_ones_are_left_alone():
    variables = {"LVSPEC_SERVICE_HOST": "10.0.0.1", "LVSPEC_PORT": "tcp://10.0.0.1:80", "LVSPEC_SEED": "", "PATH": "x"}
    assert environment_layer(variables).values == {}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("farmes = 3", "unknown key 'farmes'; did you mean 'frames'?"),
        ("frames = 'x'", "lvspec.toml: frames must be a whole number, not 'x'"),
        ("frames = [1]", "lvspec.toml: frames must be a whole number, not [1]"),
        ("[frames]\ncount = 3", "'frames' must be a value, not a table"),
        ("frames = ", "lvspec.toml is no valid TOML"),
        ("seed = true", "seed must be a whole number"),
    ],
)
def test_a_mistake_in_a_file_names_the_file(tmp_path, content, complaint):
    (tmp_path / "lvspec.toml").write_text(content)
    with pytest.raises(UsageError) as caught:
        file_layer(tmp_path / "lvspec.toml", "lvspec.toml")
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("lvspec.toml")


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "lvspec.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="no valid TOML"):
        file_layer(tmp_path / "lvspec.toml", "lvspec.toml")


def test_a_file_without_end_is_refused(tmp_path):
    with open(tmp_path / "lvspec.toml", "wb") as file:
        file.truncate(2**40)  # takes no room, and does not fit into memory
    with pytest.raises(UsageError, match=r"lvspec\.toml cannot be read: it is larger than 256 KiB"):
        file_layer(tmp_path / "lvspec.toml", "lvspec.toml")


def test_keys_in_files_may_be_written_like_flags(tmp_path):
    (tmp_path / "lvspec.toml").write_text("draft-tokens = 7\n")
    assert file_layer(tmp_path / "lvspec.toml", "lvspec.toml").values == {"draft_tokens": 7}


def test_a_file_that_is_not_there_says_nothing(tmp_path):
    assert file_layer(tmp_path / "lvspec.toml", "lvspec.toml").values == {}


def test_unknown_arguments_are_refused_with_the_nearest():
    with pytest.raises(UsageError, match="unknown option 'max_token'; did you mean 'max_tokens'"):
        argument_layer({"max_token": 3})


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (flag_layer({"draft_tokens": "3"}), "--draft-tokens"),
        (environment_layer({"LVSPEC_DRAFT_TOKENS": "3"}), "LVSPEC_DRAFT_TOKENS"),
        (argument_layer({"draft_tokens": 3}), "draft_tokens"),
        (
            preset_layer(Preset("pair", MODEL, MODEL, path="pair.yaml", given={"draft_tokens": 4})),
            "draft_tokens in preset pair",
        ),
    ],
)
def test_messages_name_a_setting_as_it_was_written(layer, name):
    assert resolve([layer]).name_of("draft_tokens") == name


def test_what_a_preset_leaves_open_is_named_as_a_default():
    given = dict.fromkeys(("schema", "draft_tokens", "generation.max_tokens", "frames.count", "draft_video.keep"), 1)
    origins = resolve([preset_layer(Preset("pair", MODEL, MODEL, path="pair.yaml", given=given))]).origins
    named = {key for key, origin in origins.items() if origin == "preset pair"}
    assert named == {"preset", "draft_tokens", "max_tokens", "frames", "pruning_keep"}
    assert {origins[key] for key in origins.keys() - named} == {"preset default"}


def test_what_a_preset_says_and_what_nobody_says_is_not_given():
    settings = resolve([flag_layer({"seed": "3"}), preset_layer(Preset("pair", MODEL, MODEL, path="pair.yaml"))])
    assert [settings.given(key) for key in ("seed", "frames", "ui")] == [True, False, False]


def test_every_setting_explains_itself():
    assert all(FIELDS[key].metadata["help"].endswith(".") for key in FIELDS)
    assert len(FIELDS) >= 20


def test_settings_import_nothing_heavy():
    from subprocess import run

    code = "import sys, lvspec_cli.settings; assert not {'torch', 'numpy', 'rich', 'typer'} & set(sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0


def test_words_and_layers_may_be_lists_in_a_file_and_in_a_call(tmp_path):
    (tmp_path / "lvspec.toml").write_text('critical_words = ["Maybe", "perhaps"]\nattention_layers = [2, 4]')
    from_file = resolve([file_layer(tmp_path / "lvspec.toml", "lvspec.toml")])
    from_call = resolve([argument_layer({"critical_words": ["maybe", "perhaps"], "attention_layers": (2, 4)})])
    for settings in (from_file, from_call):
        assert settings.critical_words == ("maybe", "perhaps")
        assert settings.attention_layers == (2, 4)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("srt", ("srt",)),
        ("srt,json", ("srt", "json")),
        (" srt , json ", ("srt", "json")),
        (["md", "csv"], ("md", "csv")),
    ],
)
def test_formats_are_names_between_commas_or_a_list(tmp_path, written, found):
    assert resolve([argument_layer({"format": written})]).format == found
    (tmp_path / "lvspec.toml").write_text(f"format = {written!r}")
    assert resolve([file_layer(tmp_path / "lvspec.toml", "lvspec.toml")]).format == found


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("srt,srt", "must name each once, not 'srt,srt'"),
        ("", "must be a name, or several between commas"),
        ("srt,", "must be a name, or several between commas"),
        ([], "must be a name, or several between commas"),
        ([1], "must be text"),
        (3, "must be text"),
    ],
)
def test_other_formats_are_refused(written, complaint):
    with pytest.raises(UsageError, match=f"^format {complaint}"):
        argument_layer({"format": written})


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["+b,+c", "+a", None], ("+a", "+b", "+c")),  # no list to add to: the defaults are for the plan to put before
        (["+b", "a,x", "y"], ("a", "x", "b")),
        (["b", "+a", "y"], ("b",)),
        (["+b", None, "a"], ("a", "b")),
        (["", "a", "y"], ()),
    ],
)
def test_words_with_a_plus_come_on_top_of_those_of_a_lower_layer(words, found):
    layers = [argument_layer({"critical_words": each}) for each in words]
    assert resolve(layers).critical_words == found


def test_a_plus_before_some_words_only_is_refused():
    with pytest.raises(UsageError, match=r"must have a \+ before every word"):
        argument_layer({"critical_words": "+a,b"})


@pytest.mark.parametrize(("relevance", "threshold"), [(None, 2.0), ("table", 2.0), ("attention", None)])
def test_a_presets_threshold_goes_with_its_signal(relevance, threshold):
    preset = Preset("pair", MODEL, MODEL, path="pair.yaml", looseness={"relevance": "table", "threshold": 2.0})
    assert resolve([argument_layer({"relevance": relevance}), preset_layer(preset)]).threshold == threshold
    mine = argument_layer({"relevance": relevance, "threshold": 0.5})
    assert resolve([mine, preset_layer(preset)]).threshold == 0.5


@pytest.mark.parametrize(("written", "on"), [("1", True), ("True", True), ("no", False), ("off", False)])
def test_a_switch_is_written_as_a_word(written, on):
    assert resolve([environment_layer({"LVSPEC_OFFLINE": written})]).offline is on


def test_a_switch_can_be_turned_off_by_its_flag():
    on = environment_layer({"LVSPEC_OFFLINE": "1"})
    assert resolve([flag_layer({"offline": None}), on]).offline
    assert not resolve([flag_layer({"offline": False}), on]).offline


def test_blanks_around_a_system_message_and_a_trigger_go_and_those_of_prefix_and_suffix_stay():
    given = dict.fromkeys(("system", "trigger", "prefix", "suffix", "prompt", "summary_prompt"), " a ")
    values = flag_layer(given).values
    assert {key for key in given if values[key] == "a"} == {"system", "trigger"}
    assert {key for key in given if values[key] == " a "} == given.keys() - {"system", "trigger"}


@pytest.mark.parametrize("value", ["", "maybe", 1])
def test_another_value_of_a_switch_is_refused(value):
    with pytest.raises(UsageError, match="offline must be true or false, not"):
        argument_layer({"offline": value})


def test_every_setting_that_a_preset_has_is_found_in_it():
    from lvspec_cli.preset_keys import SECTIONS, TOP

    known = {*TOP, *(f"{name}.{key}" for name, kinds in SECTIONS.items() for key in kinds)}
    values = preset_layer(Preset("pair", MODEL, MODEL, path="pair.yaml")).values
    assert {place_in_preset(key) for key in values} <= known
    assert {f"looseness.{key}" for key in SECTIONS["looseness"]} <= {place_in_preset(key) for key in FIELDS}
