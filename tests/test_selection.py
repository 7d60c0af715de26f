"""The preset `auto`: the largest pair whose weights are here and that fits, else the embedded one."""

import json

import pytest

import lvspec_cli.selection as selection
from lvspec_cli.errors import PresetError
from lvspec_cli.models import room
from lvspec_cli.models.footprint import estimate_pair
from lvspec_cli.models.room import GIB, rooms
from lvspec_cli.preset import ModelSpec, Preset
from tests.models import tiny

SMALL_FILES = ("tokenizer.json", "processor_config.json", "chat_template.jinja")


@pytest.fixture
def model(tmp_path):
    """A model folder with the small files and the given ones."""

    def make(name, *files, index=None):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for file in (*SMALL_FILES, *files):
            (folder / file).touch()
        if index is not None:
            (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
        return ModelSpec(str(folder), is_local=True)

    return make


@pytest.fixture
def presets(monkeypatch):
    """Pretend that these are the built-in presets."""

    def install(*known):
        by_name = {preset.name: preset for preset in known}
        monkeypatch.setattr(selection, "list_presets", lambda: tuple(sorted(by_name)))

        def load(name):
            if name not in by_name:
                raise PresetError(f"{name} cannot be read")
            return by_name[name]

        monkeypatch.setattr(selection, "load_preset", load)

    return install


@pytest.fixture(scope="module")
def sizes(tmp_path_factory):
    """Three tiny models, each larger than the one before."""
    folder = tmp_path_factory.mktemp("sizes")
    for layers in (1, 2, 3):
        tiny.save_checkpoint(folder / str(layers), "qwen2_5_vl", tiny.Shape(layers=layers))
    return [ModelSpec(str(folder / str(layers)), is_local=True, device="cpu") for layers in (1, 2, 3)]


@pytest.fixture
def memory(monkeypatch):
    """Pretend that this machine has so many bytes."""
    return lambda count: monkeypatch.setattr(room, "total_bytes", lambda device: count)


def preset(name, target, draft=None):
    return Preset(name, target, draft or target, path=f"{name}.yaml")


def test_the_pair_with_the_largest_target_is_chosen(presets, sizes, memory):
    small, middle, large = sizes
    presets(preset("demo", small), preset("a", middle, small), preset("b", large, small), preset("c", small, large))
    memory(64 * GIB)
    choice = selection.choose_preset()
    assert choice.preset.name == "b"
    assert "largest pair" in choice.reason


def test_of_equal_targets_the_one_with_more_in_its_weights_is_chosen(presets, sizes, memory):
    half = ModelSpec(sizes[2].model, is_local=True, device="cpu", dtype="bfloat16")
    presets(preset("demo", sizes[0]), preset("a", half, sizes[0]), preset("b", sizes[2], sizes[0]))
    memory(64 * GIB)
    assert selection.choose_preset().preset.name == "b"


def test_a_pair_that_does_not_fit_is_passed_over(presets, sizes, memory):
    small, middle, large = sizes
    fitting = preset("a", middle, small)
    presets(preset("demo", small), fitting, preset("b", large))
    (needed,) = rooms(fitting, estimate_pair(fitting), lambda device: None)
    memory(int(needed.needed_bytes / room.USABLE) + 1)
    assert selection.choose_preset().preset.name == "a"


def test_a_pair_that_cannot_be_judged_keeps_no_other_from_being_chosen(presets, sizes, memory):
    elsewhere = ModelSpec(sizes[2].model, is_local=True, device="cuda:99")
    presets(preset("demo", sizes[0]), preset("a", sizes[1]), preset("b", elsewhere))
    memory(64 * GIB)
    assert selection.choose_preset().preset.name == "a"


def test_a_preset_that_cannot_be_read_keeps_no_other_from_being_chosen(presets, sizes, memory, monkeypatch):
    presets(preset("demo", sizes[0]), preset("a", sizes[1]))
    monkeypatch.setattr(selection, "list_presets", lambda: ("a", "broken", "demo"))
    memory(64 * GIB)
    choice = selection.choose_preset()
    assert choice.preset.name == "a"
    assert "passed over: broken" in choice.reason


def test_without_weights_the_embedded_pair_is_chosen(presets, model, sizes):
    presets(preset("demo", sizes[0]), preset("a", model("bare", "config.json")))
    choice = selection.choose_preset()
    assert choice.preset.name == "demo"
    assert "no other pair's weights are on this machine" in choice.reason
    assert "--preset" in choice.reason


def test_without_room_the_embedded_pair_is_chosen(presets, sizes, memory):
    presets(preset("demo", sizes[0]), preset("a", sizes[1]), preset("b", sizes[2]))
    memory(1000)
    choice = selection.choose_preset()
    assert choice.preset.name == "demo"
    assert "fits this machine" in choice.reason


def test_weights_are_whole_or_not_there(model):
    index = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    assert selection.has_weights(model("one", "config.json", "model.safetensors"))
    assert not selection.has_weights(model("no-config", "model.safetensors"))
    assert not selection.has_weights(model("half", "config.json", "model-1.safetensors", index=index))
    assert selection.has_weights(model("half", "model-2.safetensors", index=index))


def test_a_model_of_the_hub_is_looked_for_in_the_cache_alone(monkeypatch, tmp_path):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--here--it-is" / "snapshots" / "main"
    snapshot.mkdir(parents=True)
    for file in (*SMALL_FILES, "config.json", "model.safetensors"):
        (snapshot / file).touch()
    assert selection.has_weights(ModelSpec("here/it-is", is_local=False))
    assert not selection.has_weights(ModelSpec("not/here", is_local=False))
