"""`lvspec presets`: listing, showing, checking and beginning presets."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest

from lvspec_cli.preset import built_in_folder, list_presets, load_preset
from lvspec_cli.preset_reader import read_preset
from lvspec_cli.preset_schema import editor_line, preset_schema
from tests.models import tiny

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PAIR = "schema: lvspec.preset/1\ntarget: {model: Owner/big}\ndraft: {model: Owner/small}\n"


@pytest.fixture(autouse=True)
def users(user_folder):
    return user_folder / "presets"


@pytest.fixture
def refused(lvspec):
    """Run a command that must be refused with one line; return what it says."""

    def run(*arguments):
        outcome = lvspec(*arguments)
        assert (outcome.code, outcome.out) == (2, "")
        (line,) = outcome.err.splitlines()
        return line.removeprefix("lvspec: error: ")

    return run


@pytest.fixture
def own_pair(tiny_preset, tmp_path):
    """The tiny pair in a folder of this test alone."""
    return shutil.copytree(tiny_preset.parent, tmp_path / "pair")


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def preset_of(folder, **keys):
    return tiny.write_preset(folder / "p.yaml", folder / "target", folder / "draft", **keys)


# list


@pytest.mark.parametrize("arguments", [[], ["list"]])
def test_every_preset_is_a_line_that_begins_with_its_name(lvspec, arguments):
    outcome = lvspec("presets", *arguments)
    assert (outcome.code, outcome.err) == (0, "")
    assert [line.split()[0] for line in outcome.out.splitlines()] == list(list_presets())


@pytest.mark.parametrize("arguments", [["--format", "json"], ["list", "--format", "json"]])
def test_the_list_as_json_has_everything_of_every_preset(lvspec, arguments):
    outcome = lvspec("presets", *arguments)
    records = {record["name"]: record for record in json.loads(outcome.out)}
    assert list(records) == list(list_presets())
    demo = records["demo"]
    assert (demo["error"], demo["is_users"], demo["hides_built_in"]) == (None, False, False)
    assert demo["target"]["model"] == str(built_in_folder() / "demo" / "target")
    assert demo["calibration"] == str(built_in_folder() / "demo" / "calibration.json")


def test_the_users_presets_are_listed_as_such(lvspec, users):
    written(users / "mine.yaml", PAIR)
    written(users / "demo.yaml", PAIR + "description: another\n")
    lines = {line.split()[0]: line for line in lvspec("presets").out.splitlines()}
    assert lines["mine"].endswith("(yours)")
    assert "another" in lines["demo"]
    assert lines["demo"].endswith("(yours, in place of the built-in one)")
    assert "yours" not in lines["qwen3-vl-8b"]


def test_a_users_preset_that_is_wrong_hides_no_other(lvspec, users):
    path = written(users / "mine.yaml", PAIR + "methud: strict\n")
    outcome = lvspec("presets")
    assert outcome.code == 0
    (line,) = [line for line in outcome.out.splitlines() if line.startswith("mine ")]
    assert f"cannot be used: {path}, line 4: unknown key methud (did you mean method?)" in line
    assert len(outcome.out.splitlines()) == len(list_presets())
    (record,) = [one for one in json.loads(lvspec("presets", "--format", "json").out) if one["name"] == "mine"]
    assert "unknown key methud" in record["error"]


def test_a_description_steers_no_terminal(lvspec, users):
    written(users / "mine.yaml", PAIR + 'description: "\\e[31mred\\nline"\n')
    (line,) = [line for line in lvspec("presets").out.splitlines() if line.startswith("mine ")]
    assert line.endswith("[31mred line  (yours)")


def test_a_form_before_the_command_is_not_ignored(refused):
    assert refused("presets", "--format", "json", "list").startswith("--format goes behind the command")


def test_the_schema_is_printed_as_it_is_in_the_repository(lvspec):
    outcome = lvspec("presets", "schema")
    assert (outcome.code, json.loads(outcome.out)) == (0, preset_schema())
    assert outcome.out == (built_in_folder() / "preset.schema.json").read_text(encoding="utf-8")


def test_listing_and_beginning_presets_imports_nothing_heavy(tmp_path):
    heavy = ("torch", "transformers", "numpy")
    code = (
        "import sys; from lvspec_cli.cli import main; code = main(sys.argv[1:]); "
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )
    for arguments in (["list"], ["new", "mine", "-o", str(tmp_path / "mine.yaml")], ["schema"]):
        command = [sys.executable, "-c", code, "presets", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr.splitlines()[-1] == "[]"


# show


def test_a_pair_on_this_machine_is_shown_with_all_that_it_needs(lvspec, tiny_preset):
    shown = json.loads(lvspec("presets", "show", tiny_preset, "--format", "json").out)
    assert (shown["name"], shown["frames"]["count"]) == ("tiny", 4)
    machine = shown["machine"]
    memory, (device,) = machine["memory"], machine["devices"]
    for role in ("target", "draft"):
        files = machine["files"][role]
        assert files["missing"] == []
        weights = tiny_preset.parent / role / "model.safetensors"
        assert str(weights) in files["present"]
        assert memory[role]["weight_bytes"] == pytest.approx(weights.stat().st_size, rel=0.1)
    assert memory["frame_count"] == 4
    assert device["device"] == "cpu"
    assert 0 < device["headroom_bytes"] < device["present_bytes"] - device["needed_bytes"]
    totals = [memory[role]["total_bytes"] for role in ("target", "draft")]
    assert max(totals) < device["needed_bytes"] <= sum(totals)
    assert device["fits"]
    assert machine["verdict"].startswith("ready: it needs 0.")


def test_settings_are_shown_with_where_they_come_from(lvspec, tiny_preset):
    rows = [line.split() for line in lvspec("presets", "show", tiny_preset).out.splitlines()]
    assert ["frames.count", "4", "preset"] in rows
    assert ["frames.max_frames", "768", "default"] in rows
    assert ["method", "strict", "default"] in rows


@pytest.fixture
def machine_of(monkeypatch):
    """Make this a machine with so many GiB and no accelerator."""
    import torch

    def make(gib):
        monkeypatch.setattr("lvspec_cli.readiness.total_bytes", lambda device: gib * 2**30)
        monkeypatch.setattr("lvspec_cli.models.room.resolve_device", lambda name: torch.device("cpu"))

    return make


def test_a_pair_that_is_too_large_is_said_to_be(lvspec, machine_of):
    machine_of(24)
    machine = json.loads(lvspec("presets", "show", "qwen2.5-vl-32b-4bit", "--format", "json").out)["machine"]
    assert machine["devices"][0]["headroom_bytes"] < 0
    assert machine["verdict"].startswith("does not fit: it needs ")
    assert (
        " GiB of cpu, which can give 22.80 GiB (95% of its memory); choose fewer frames or a smaller pair"
        in machine["verdict"]
    )


def test_a_pair_needs_what_its_description_says(lvspec, machine_of):
    machine_of(80)
    said = {}
    for name in list_presets():
        shown = json.loads(lvspec("presets", "show", name, "--format", "json").out)
        (device,) = shown["machine"]["devices"]
        needed = device["needed_bytes"] / 2**30
        if match := re.search(r"one GPU of (\d+) GB", shown["description"]):
            said[name] = int(match[1])
            assert needed < 0.95 * said[name]
        elif match := re.search(r"about ([\d.]+) GiB", shown["description"]):
            said[name] = float(match[1])
            assert needed == pytest.approx(said[name], abs=0.6)
    assert said.keys() == set(list_presets()) - {"demo"}


def test_a_pair_that_fits_and_is_not_here_can_be_fetched(lvspec, machine_of, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    machine_of(80)
    machine = json.loads(lvspec("presets", "show", "qwen2.5-vl-7b", "--format", "json").out)["machine"]
    assert "config.json" in machine["files"]["target"]["missing"]
    assert machine["verdict"].startswith("would fit: it needs ")
    assert machine["verdict"].endswith("files of target and draft are missing: run `lvspec pull qwen2.5-vl-7b`")


def test_the_licence_is_shown(lvspec):
    outcome = lvspec("presets", "show", "qwen2.5-vl-7b")
    assert outcome.code == 0
    assert "Licence: target: Apache 2.0; draft: Qwen Research License Agreement, which allows no commercial use." in (
        outcome.out
    )


def test_what_a_pair_of_unknown_models_needs_cannot_be_told(lvspec, users):
    written(users / "mine.yaml", PAIR)
    outcome = lvspec("presets", "show", "mine")
    assert outcome.code == 0
    assert outcome.out.rstrip().splitlines()[-1].startswith("it cannot be told whether the pair fits: ")


def test_an_unknown_preset_is_refused_with_the_nearest_name(refused):
    for command in ("show", "check"):
        assert refused("presets", command, "qwen2.5-vl-32").startswith(
            "there is no preset 'qwen2.5-vl-32' (did you mean qwen2.5-vl-32b?): choose one of demo, "
        )


# check


def test_a_pair_that_is_here_and_fits_is_found_to_be_right(lvspec, tiny_preset):
    outcome = lvspec("presets", "check", tiny_preset)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"{tiny_preset}: nothing is wrong with {tiny_preset}\n"


@pytest.mark.parametrize("name", [path.stem for path in built_in_folder().glob("*.yaml")])
def test_every_built_in_preset_is_right(lvspec, name):
    outcome = lvspec("presets", "check", name)
    assert (outcome.code, outcome.err) == (0, "")


def test_weights_that_are_not_here_are_a_note(lvspec, users):
    path = written(users / "mine.yaml", PAIR)
    outcome = lvspec("presets", "check", "mine")
    assert outcome.code == 0
    first, *notes = outcome.out.splitlines()
    assert first == f"mine: nothing is wrong with {path}"
    assert [note.split(":")[0] for note in notes] == ["note"] * 3
    assert notes[0].endswith("can be told once their files are on this machine")
    for note, model in zip(notes[1:], ("target Owner/big", "draft Owner/small"), strict=True):
        assert f"the {model} is not on this machine" in note
        assert note.endswith("run `lvspec pull mine`")


def test_a_folder_without_weights_is_a_note(lvspec, own_pair):
    (own_pair / "draft" / "model.safetensors").unlink()
    outcome = lvspec("presets", "check", preset_of(own_pair))
    assert outcome.code == 0
    (note,) = outcome.out.splitlines()[1:]
    assert note.startswith(f"note: the folder {own_pair / 'draft'} of the draft lacks model.safetensors: ")


def test_a_preset_that_is_found_by_another_name_than_its_own_is_a_note(lvspec, users, tiny_preset):
    shutil.copy(tiny_preset, users / "other.yaml")
    outcome = lvspec("presets", "check", "other")
    assert outcome.out.splitlines()[1:] == [
        "note: records call it tiny, but --preset finds it as other",
    ]


@pytest.mark.parametrize(
    ("keys", "line", "complaint"),
    [
        ({"methud": "strict"}, 4, "unknown key methud (did you mean method?)"),
        ({"draft_tokens": "0"}, 4, "draft_tokens must be a whole number of at least 1, or auto, not 0"),
        ({"method": "magic"}, 4, "method in preset p must be one of ar, strict, "),
        (
            {"looseness": "{relevance: smell}", "method": "lvspec"},
            4,
            "relevance in preset p must be one of attention, ",
        ),
        ({"looseness": "{relevance: table}", "method": "lvspec"}, 4, "needs a calibrated preset"),
        ({"calibration": "gone.json"}, 4, "calibration: there is no file "),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_its_line(refused, own_pair, keys, line, complaint):
    path = preset_of(own_pair, **keys)
    message = refused("presets", "check", path)
    assert message.startswith(f"{path}, line {line}: ")
    assert complaint in message


@pytest.mark.parametrize(
    ("old", "new", "line", "complaint"),
    [
        ("{folder}/target", "{folder}/gone", 2, "target.model: there is no folder {folder}/gone: "),
        ("{folder}/draft", "{folder}/empty", 3, "draft.model: the folder {folder}/empty has no config.json: "),
        (
            "dtype: float32, device: cpu}}\ndraft",
            "device: abacus}}\ndraft",
            2,
            "target.device: there is no device 'abacus'",
        ),
        ("dtype: float32, device: cpu}}\ndraft", "device: 'cuda:99'}}\ndraft", 2, "target.device: this machine has no"),
    ],
)
def test_a_model_that_cannot_be_used_is_named_with_its_line(refused, own_pair, old, new, line, complaint):
    (own_pair / "empty").mkdir()
    path = preset_of(own_pair)
    text = path.read_text()
    changed = text.replace(old.format(folder=own_pair), new.format(folder=own_pair))
    assert changed != text
    message = refused("presets", "check", written(path, changed))
    assert message.startswith(f"{path}, line {line}: {complaint.format(folder=own_pair)}")


def test_two_models_that_do_not_fit_together_are_refused(refused, own_pair):
    shutil.rmtree(own_pair / "draft")
    tiny.save_checkpoint(own_pair / "draft", "llava_onevision", tiny.DRAFT)
    path = preset_of(own_pair)
    message = refused("presets", "check", path)
    assert message.startswith(f"{path}: the target is of family qwen2_5_vl and the draft of family llava_onevision")


def test_models_in_the_cache_are_checked_without_their_weights_and_without_a_network(
    refused, own_pair, tmp_path, monkeypatch
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    for name, extra in (("big", ()), ("small", ("<other>",))):
        snapshot = tmp_path / "cache" / f"models--Owner--{name}" / "snapshots" / COMMIT
        tiny.save_checkpoint(snapshot, "qwen2_5_vl", tiny.DRAFT, extra=extra)
        (snapshot / "model.safetensors").unlink()
    text = PAIR.replace("}", f", revision: '{COMMIT}'}}")
    path = written(tmp_path / "p.yaml", text)
    assert refused("presets", "check", path).startswith(f"{path}: the tokenizers differ: ")


def test_a_calibration_of_another_pair_is_refused(refused, own_pair):
    shutil.copy(built_in_folder() / "demo" / "calibration.json", own_pair)
    path = preset_of(own_pair, calibration="calibration.json")
    message = refused("presets", "check", path)
    assert message.startswith(f"{path}, line 4: ")
    assert "is no calibration of this pair" in message


# new


def test_a_new_preset_lands_in_the_users_folder_and_is_right(lvspec, users):
    outcome = lvspec("presets", "new", "mine")
    assert (outcome.code, outcome.out) == (0, "")
    path = users / "mine.yaml"
    assert outcome.err == f"wrote {path}: edit it, and check it with `lvspec presets check mine`\n"
    assert path.read_text(encoding="utf-8").startswith(editor_line())
    assert lvspec("presets", "check", "mine").code == 0


def test_a_new_preset_is_what_it_begins_with(lvspec, users, tiny_preset):
    assert lvspec("presets", "new", "mine", "--from", tiny_preset).code == 0
    own, first = load_preset("mine"), load_preset(tiny_preset)
    assert own.name == "mine"
    for part in ("target", "draft", "frames", "generation", "prompts", "notice", "method"):
        assert getattr(own, part) == getattr(first, part)


def test_another_pair_gets_nothing_that_suits_the_one_before(lvspec, users):
    assert (
        lvspec("presets", "new", "mine", "--from", "demo", "--target", "Owner/big", "--draft", "Owner/small").code == 0
    )
    own = load_preset("mine")
    text = "schema: lvspec.preset/1\ntarget: {model: Owner/big}\ndraft: {model: Owner/small}\n"
    assert own == read_preset(text, own.path)


def test_another_draft_leaves_the_target_and_its_frames(lvspec, users):
    assert lvspec("presets", "new", "mine", "--from", "qwen3-vl-32b", "--draft", "Qwen/Qwen3-VL-2B-Instruct").code == 0
    own, first = load_preset("mine"), load_preset("qwen3-vl-32b")
    assert (own.target, own.frames, own.draft.model) == (first.target, first.frames, "Qwen/Qwen3-VL-2B-Instruct")
    assert (own.draft.revision, own.licence) == (None, None)


def test_a_folder_counts_from_where_the_command_runs(lvspec, own_pair, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    output = tmp_path / "elsewhere" / "p.yaml"
    arguments = ["--target", "pair/target", "--draft", "./pair/draft"]
    assert lvspec("presets", "new", "mine", "-o", output, *arguments).code == 0
    own = load_preset(output)
    assert own.name == "mine"
    assert (own.target.model, own.draft.model) == (str(own_pair / "target"), str(own_pair / "draft"))
    assert lvspec("presets", "check", output).out.count("\n") == 1


def test_a_preset_is_overwritten_only_by_force(lvspec, refused, users):
    path = written(users / "mine.yaml", PAIR)
    assert refused("presets", "new", "mine") == (
        f"{path} is there already: choose another name, or overwrite it with --force"
    )
    assert path.read_text() == PAIR
    assert lvspec("presets", "new", "mine", "--force").code == 0
    assert path.read_text() != PAIR


def test_a_preset_that_hides_a_built_in_one_is_told(lvspec, users):
    first, _ = lvspec("presets", "new", "qwen3-vl-8b").err.splitlines()
    assert first == "from now on --preset qwen3-vl-8b means this preset and not the built-in one"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["a/b"], "'a/b' cannot be the name of a preset"),
        ([".hidden"], "'.hidden' cannot be the name of a preset"),
        ([""], "'' cannot be the name of a preset"),
        (["auto"], "--preset auto means something else"),
        (["mine.yaml"], "--preset mine.yaml means something else"),
        (["mine", "-o", "mine.txt"], "-o mine.txt must end in .yaml"),
        (["mine", "-o", "gone/mine.yaml"], "there is no folder gone"),
        (["mine", "--from", "no-such"], "there is no preset 'no-such'"),
        (["mine", "--target", " "], "the name of a model is empty"),
    ],
)
def test_what_cannot_be_right_is_refused_and_nothing_is_written(refused, users, arguments, complaint):
    assert complaint in refused("presets", "new", *arguments)
    assert list(users.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(refused, users):
    users.rmdir()
    written(users, "a file")
    assert refused("presets", "new", "mine").startswith(f"the folder {users} cannot be made: ")


def test_two_published_models_of_different_families_do_not_pass(lvspec, tmp_path):
    path = tmp_path / "mixed.yaml"
    path.write_text(
        "schema: lvspec.preset/1\n"
        "target: {model: Qwen/Qwen2.5-VL-7B-Instruct}\n"
        "draft: {model: llava-hf/llava-onevision-qwen2-0.5b-ov-hf}\n"
    )
    outcome = lvspec("presets", "check", str(path))
    assert (outcome.code, outcome.out) == (2, "")
    assert (
        "line 3: draft.model: the target is of family qwen2_5_vl and the draft of family llava_onevision" in outcome.err
    )
