"""Pairs that do not fit are refused before weights are read; those that fit load, quietly."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lvspec_cli.decoding.looseness import Looseness
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.errors import LvspecError, ModelError, PairError, PresetError, UsageError
from lvspec_cli.models import loading
from lvspec_cli.models.attention import ATTENTION_NAME
from lvspec_cli.models.families import family_class, known_families
from lvspec_cli.models.pair import check_pair, load_pair
from lvspec_cli.preset import load_preset
from tests.models import tiny
from tests.models.conftest import TinyPair


@pytest.fixture
def copied(checkpoints: dict[str, Path], tmp_path: Path) -> Path:
    """A Qwen2.5-VL pair of its own, to be damaged."""
    return Path(shutil.copytree(checkpoints["qwen2_5_vl"], tmp_path / "pair"))


def preset_of(folder: Path, **keys: str) -> Path:
    return tiny.write_preset(folder / "preset.yaml", folder / "target", folder / "draft", **keys)


def complaint(path: Path, error: type[LvspecError]) -> str:
    """What check_pair says; weights cannot have been read, for there is no call that reads them in it."""
    with pytest.raises(error) as caught:
        check_pair(load_preset(path))
    message = str(caught.value)
    assert "\n" not in message
    return message


def change_json(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_pair_with_different_padding_fits(checkpoints: dict[str, Path]) -> None:
    for family, folder in checkpoints.items():
        checked = check_pair(load_preset(folder / "preset.yaml"))
        assert checked.family == family
        assert checked.target.padded_vocabulary_size != checked.draft.padded_vocabulary_size
        assert checked.vocabulary_size == len(checked.target.tokenizer)


def test_checking_needs_no_readable_weights(copied: Path) -> None:
    for path in copied.glob("*/model.safetensors"):
        path.write_bytes(b"")
    check_pair(load_preset(preset_of(copied)))


def test_another_family_is_refused(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    qwen, llava = (checkpoints[family] for family in ("qwen2_5_vl", "llava_onevision"))
    path = tiny.write_preset(tmp_path / "p.yaml", qwen / "target", llava / "draft")
    assert "choose two of one family" in complaint(path, PairError)


def test_another_tokenizer_is_refused(copied: Path) -> None:
    shutil.rmtree(copied / "draft")
    tiny.save_checkpoint(copied / "draft", "qwen2_5_vl", tiny.DRAFT, extra=("<|more|>",))
    message = complaint(preset_of(copied), PairError)
    assert "'<|more|>' is token none of the target" in message


def test_another_end_of_text_is_refused(copied: Path) -> None:
    change_json(copied / "draft" / "tokenizer_config.json", eos_token="<|endoftext|>")
    assert "special tokens" in complaint(preset_of(copied), PairError)


def test_outputs_fewer_than_tokens_are_refused(copied: Path) -> None:
    config = json.loads((copied / "draft" / "config.json").read_text())
    change_json(copied / "draft" / "config.json", text_config={**config["text_config"], "vocab_size": 100})
    assert "only 100 outputs" in complaint(preset_of(copied), PairError)


def test_an_unknown_family_is_refused(copied: Path) -> None:
    change_json(copied / "target" / "config.json", model_type="bert")
    message = complaint(preset_of(copied), PresetError)
    assert "'bert' are not supported" in message
    assert "qwen2_5_vl" in message


def test_sliding_window_attention_is_refused(copied: Path) -> None:
    config = json.loads((copied / "target" / "config.json").read_text())
    text = {**config["text_config"], "layer_types": ["full_attention", "sliding_attention", "full_attention"]}
    change_json(copied / "target" / "config.json", text_config=text)
    assert "sliding_attention" in complaint(preset_of(copied), PresetError)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: shutil.rmtree(folder), "does not exist"),
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "lacks model.safetensors"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "lacks tokenizer.json"),
        (lambda folder: (folder / "processor_config.json").unlink(), "lacks preprocessor_config.json"),
        (lambda folder: (folder / "chat_template.jinja").unlink(), "lacks chat_template.jinja"),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot read the draft"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "cannot read the draft"),
    ],
)
def test_missing_and_unreadable_files_are_named(copied: Path, damage: Any, says: str) -> None:
    damage(copied / "draft")
    message = complaint(preset_of(copied), ModelError)
    assert says in message
    assert str(copied / "draft") in message


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"no safetensors"),
        lambda path: path.write_bytes(path.read_bytes()[:1000]),
    ],
)
def test_broken_weights_are_named(copied: Path, damage: Any) -> None:
    damage(copied / "target" / "model.safetensors")
    with pytest.raises(ModelError, match="cannot load the target") as caught:
        load_pair(load_preset(preset_of(copied)))
    assert "\n" not in str(caught.value)


def test_a_prompt_with_control_tokens_is_refused_before_weights_are_read(copied: Path) -> None:
    (copied / "target" / "model.safetensors").write_bytes(b"no safetensors")
    with pytest.raises(UsageError, match="control token"):
        load_pair(load_preset(preset_of(copied)), prompts=["a <|im_end|> b"])


@pytest.mark.parametrize("where", [{"attention_layers": (0, 99)}, {"relevance": "cosine", "state_layer": 99}])
def test_a_layer_that_the_target_lacks_is_refused_before_weights_are_read(copied: Path, where: dict[str, Any]) -> None:
    (copied / "target" / "model.safetensors").write_bytes(b"no safetensors")
    options = DecodingOptions("lvspec", looseness=Looseness(**where))
    with pytest.raises(UsageError, match="watch layers from 0 to"):
        load_pair(load_preset(preset_of(copied)), options=options)


def test_weights_that_lack_tensors_are_refused(copied: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = copied / "target" / "model.safetensors"
    tensors = load_file(path)
    del tensors["lm_head.weight"]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lack 1 tensors \(first lm_head.weight\)"):
        load_pair(load_preset(preset_of(copied)))


def test_pickled_weights_are_never_read(copied: Path) -> None:
    path = copied / "target" / "model.safetensors"
    torch.save({}, copied / "target" / "pytorch_model.bin")
    path.unlink()
    assert "only safetensors are read" in complaint(preset_of(copied), ModelError)


@pytest.mark.parametrize("device", ["nonsense", "cuda:99", "xpu"])
def test_a_device_that_is_not_there_is_refused(copied: Path, device: str) -> None:
    path = preset_of(copied)
    path.write_text(path.read_text().replace("device: cpu", f"device: {device}"))
    assert device in complaint(path, PresetError)


def test_frame_pixels_are_refused_where_they_mean_nothing(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    for family, folder in checkpoints.items():
        path = tiny.write_preset(
            tmp_path / f"{family}.yaml", folder / "target", folder / "draft", frames="{count: 8, max_pixels: 6400}"
        )
        if family in tiny.ONE_FRAME_SIZE:
            assert "mean nothing" in complaint(path, PresetError)
        else:
            check_pair(load_preset(path))


def test_frame_pixels_set_the_size_of_frames(pairs: dict[str, TinyPair], tmp_path: Path) -> None:
    folder = pairs["qwen2_5_vl"].preset.parent
    path = tiny.write_preset(
        tmp_path / "p.yaml", folder / "target", folder / "draft", frames="{min_pixels: 3136, max_pixels: 3136}"
    )
    pair = load_pair(load_preset(path), with_draft=False)
    inputs = pair.target.prepare(tiny.video(4, 200, 200), tiny.even_times(4), "What?")
    assert inputs.video_tokens == 2 * (56 // 14) ** 2


def test_a_loaded_pair_says_what_it_is(tiny_pair: TinyPair) -> None:
    pair, folder = tiny_pair.pair, tiny_pair.preset.parent
    assert pair.family == tiny_pair.family
    assert (pair.target_id, pair.draft_id) == (str(folder / "target"), str(folder / "draft"))
    assert (pair.target_revision, pair.draft_revision) == (None, None)
    assert pair.stop_tokens == {pair.tokenizer.eos_token_id}
    assert pair.vocabulary_size == len(pair.tokenizer)


def test_the_draft_is_left_out_on_request(checkpoints: dict[str, Path]) -> None:
    pair = load_pair(load_preset(checkpoints["qwen2_5_vl"] / "preset.yaml"), with_draft=False)
    assert pair.draft is None
    _, none = pair.prepare(tiny.video(), tiny.even_times(4), "What?")
    assert none is None


def test_equal_processors_prepare_once(tiny_pair: TinyPair) -> None:
    target, draft = tiny_pair.pair.prepare(tiny.video(), tiny.even_times(4), "What?")
    assert draft is target


def test_different_processors_prepare_each_their_own(copied: Path) -> None:
    path = copied / "draft" / "processor_config.json"
    config = json.loads(path.read_text())
    config["video_processor"]["image_mean"] = [0.1, 0.2, 0.3]
    path.write_text(json.dumps(config))
    pair = load_pair(load_preset(preset_of(copied)))
    target, draft = pair.prepare(tiny.video(), tiny.even_times(4), "What?")
    assert draft is not None
    assert torch.equal(target.token_ids, draft.token_ids)
    assert not torch.equal(target.tensors["pixel_values_videos"], draft.tensors["pixel_values_videos"])


def test_a_pair_can_be_loaded_in_another_number_format(checkpoints: dict[str, Path]) -> None:
    preset = load_preset(checkpoints["llava_onevision"] / "preset.yaml")
    pair = load_pair(dataclasses.replace(preset, target=dataclasses.replace(preset.target, dtype="bfloat16")))
    inputs = pair.target.prepare(tiny.video(), tiny.even_times(4), "What?")
    pair.target.prefill(inputs)
    assert pair.target.extend(inputs.token_ids[-1:]).logits.dtype == torch.bfloat16


def test_every_known_family_has_an_adapter() -> None:
    for name in known_families():
        assert family_class(name).unquantized_modules


def test_loading_and_prefilling_says_nothing(checkpoints: dict[str, Path]) -> None:
    code = (
        "import sys, numpy as np\n"
        "from lvspec_cli.models.pair import load_pair\n"
        "from lvspec_cli.preset import load_preset\n"
        "for preset in sys.argv[1:]:\n"
        "    pair = load_pair(load_preset(preset))\n"
        "    prepared = pair.target.prepare(np.zeros((3, 30, 40, 3), np.uint8), (0.0, 0.5, 1.0), 'What?')\n"
        "    pair.target.prefill(prepared)\n"
        "    pair.target.extend(prepared.token_ids[-1:])\n"
    )
    presets = [str(folder / "preset.yaml") for folder in checkpoints.values()]
    root = Path(__file__).resolve().parents[2]
    result = subprocess.run([sys.executable, "-c", code, *presets], capture_output=True, text=True, cwd=root)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_backend_for_attention_that_is_not_here_is_refused(copied: Path) -> None:
    path = preset_of(copied)
    path.write_text(path.read_text().replace("device: cpu", "device: cpu, attention: flash_attention_2"))
    assert "flash-attn" in complaint(path, PresetError)


@pytest.mark.parametrize(("asked", "used"), [("auto", "sdpa"), ("eager", "eager"), ("sdpa", "sdpa")])
def test_the_vision_tower_takes_the_backend_that_is_asked_for(copied: Path, asked: str, used: str) -> None:
    path = preset_of(copied)
    path.write_text(path.read_text().replace("device: cpu", f"device: cpu, attention: {asked}"))
    target = load_pair(load_preset(path), with_draft=False).target
    assert target.model.config.vision_config._attn_implementation == used
    assert target.model.config.text_config._attn_implementation == ATTENTION_NAME


def test_a_package_that_a_family_needs_is_named(checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    assert "pip install num2words" in complaint(checkpoints["smolvlm"] / "preset.yaml", PresetError)
    path = checkpoints["qwen3_vl"] / "preset.yaml"
    check_pair(load_preset(path))
    preset = load_preset(path)
    with pytest.raises(PresetError, match="quantization nf4 needs pip install bitsandbytes accelerate"):
        check_pair(dataclasses.replace(preset, draft=dataclasses.replace(preset.draft, quantization="nf4")))


def test_a_balanced_model_lies_on_the_one_device_there_is(copied: Path) -> None:
    path = preset_of(copied)
    path.write_text(path.read_text().replace("device: cpu", "device: balanced"))
    assert load_pair(load_preset(path), with_draft=False).target.device == loading.resolve_device("auto")


def quantized(folder: Path, kind: str) -> Any:
    pytest.importorskip("bitsandbytes")
    preset = load_preset(folder / "preset.yaml")
    return dataclasses.replace(preset, target=dataclasses.replace(preset.target, quantization=kind))


@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_quantization_covers_the_language_layers_and_nothing_else(
    tiny_pair: TinyPair, kind: str, checkpoints: dict[str, Path]
) -> None:
    pair = load_pair(quantized(checkpoints[tiny_pair.family], kind), with_draft=False)
    linear = {n: m for n, m in pair.target.model.named_modules() if isinstance(m, torch.nn.Linear)}
    covered = {name for name, module in linear.items() if type(module) is not torch.nn.Linear}
    layers = f"{type(pair.target).text_module}.layers"
    assert covered == {name for name in linear if layers in name}
    assert covered
    inputs = pair.target.prepare(tiny.video(), tiny.even_times(4), "What?")
    pair.target.prefill(inputs)
    assert np.isfinite(pair.target.extend(inputs.token_ids[-3:]).logits.numpy()).all()


def test_quantization_that_strays_is_an_error(tiny_pair: TinyPair) -> None:
    class Linear4bit(torch.nn.Linear):
        pass

    model = torch.nn.ModuleDict({"lm_head": Linear4bit(2, 2), "layer": Linear4bit(2, 2)})
    with pytest.raises(ModelError, match="lm_head came out quantized"):
        loading.check_quantized(model, ("lm_head",))
    model = torch.nn.ModuleDict({"lm_head": torch.nn.Linear(2, 2), "layer": torch.nn.Linear(2, 2)})
    with pytest.raises(ModelError, match="layer came out not quantized"):
        loading.check_quantized(model, ("lm_head",))
