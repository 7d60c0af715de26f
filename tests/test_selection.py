"""The preset `auto`: the largest pair whose weights are here and that fits, else the embedded one."""

import json

import pytest

import lvspec_cli.selection as selection
from lvspec_cli.preset import MemorySpec, ModelSpec, Preset

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
        monkeypatch.setattr(selection, "load_preset", by_name.__getitem__)

    return install


def preset(name, spec, gib, tmp_path):
    return Preset(name, spec, spec, path=tmp_path / f"{name}.yaml", memory=MemorySpec(device_gib=gib, host_gib=1))


@pytest.fixture
def roomy(monkeypatch):
    monkeypatch.setattr(selection, "device_gib", lambda: 24.0)
    monkeypatch.setattr(selection, "host_gib", lambda: 64.0)


def test_the_largest_pair_that_fits_is_chosen(presets, model, roomy, tmp_path):
    here = model("here", "config.json", "model.safetensors")
    presets(*(preset(name, here, gib, tmp_path) for name, gib in [("demo", 1), ("a", 8), ("b", 20), ("c", 80)]))
    choice = selection.choose_preset()
    assert choice.preset.name == "b"
    assert "largest pair" in choice.reason


def test_without_weights_the_embedded_pair_is_chosen(presets, model, roomy, tmp_path):
    here, bare = model("here", "config.json", "model.safetensors"), model("bare", "config.json")
    presets(preset("demo", here, 1, tmp_path), preset("a", bare, 8, tmp_path))
    choice = selection.choose_preset()
    assert choice.preset.name == "demo"
    assert "no other pair's weights are on this machine" in choice.reason
    assert "--preset" in choice.reason


def test_without_room_the_embedded_pair_is_chosen(presets, model, roomy, tmp_path):
    here = model("here", "config.json", "model.safetensors")
    presets(preset("demo", here, 1, tmp_path), preset("a", here, 80, tmp_path), preset("b", here, None, tmp_path))
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


def test_this_machine_has_memory():
    assert 0 < selection.device_gib() < 10_000
