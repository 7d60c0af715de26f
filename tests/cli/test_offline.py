"""`--offline` holds for every library below, from before it is imported, and a missing model is told at once."""

import json
import os
import subprocess
import sys

import pytest

# What a command leaves behind in its process: what the hub's library was told, and the variables children inherit.
CODE = """
import json, os, sys
from lvspec_cli.cli import main
code = main(sys.argv[1:])
before = "huggingface_hub" in sys.modules
from huggingface_hub import constants
names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
print(json.dumps([code, before, constants.HF_HUB_OFFLINE, [os.environ.get(name) for name in names]]))
"""


@pytest.fixture
def preset(tmp_path):
    """A preset of two models that are nowhere."""
    path = tmp_path / "pair.yaml"
    path.write_text("schema: lvspec.preset/1\ntarget: {model: nobody/target}\ndraft: {model: nobody/draft}\n")
    return path


def left_behind(*arguments, cwd=None, **variables):
    """Run a command in a process of its own that is online by itself; returns CODE's list and stderr."""
    inherited = {key: value for key, value in os.environ.items() if "OFFLINE" not in key}
    root = os.getcwd()
    environment = {**inherited, "PYTHONPATH": root, **variables}
    command = [sys.executable, "-c", CODE, *map(str, arguments)]
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, check=True)
    return json.loads(done.stdout), done.stderr


@pytest.mark.parametrize("command", ["caption", "bench", "calibrate"])
def test_the_libraries_are_told_before_they_are_imported(preset, clip, tmp_path, command):
    more = {"caption": [clip], "bench": [], "calibrate": [clip, "-o", tmp_path / "o.yaml"]}[command]
    (code, imported, offline, variables), said = left_behind(
        command, *more, "--preset", preset, "--offline", HF_HUB_CACHE=str(tmp_path)
    )
    assert (code, imported, offline, variables) == (2, True, True, ["1", "1"])
    complaint = f"the target nobody/target is not on this machine (config.json, ...): run `lvspec pull {preset}`"
    assert said == f"lvspec: error: {complaint}\n"


def test_a_variable_and_a_file_mean_the_same(preset, clip, tmp_path):
    arguments = ["caption", clip, "--preset", preset]
    by_variable, _ = left_behind(*arguments, HF_HUB_CACHE=str(tmp_path), LVSPEC_OFFLINE="yes")
    (tmp_path / "lvspec.toml").write_text("offline = true\n")
    by_file, _ = left_behind(*arguments, HF_HUB_CACHE=str(tmp_path), cwd=tmp_path)
    assert by_variable == by_file == [2, True, True, ["1", "1"]]


def test_without_it_nothing_is_forbidden_and_a_missing_model_is_told_all_the_same(preset, clip, tmp_path):
    (code, _, offline, variables), said = left_behind("caption", clip, "--preset", preset, HF_HUB_CACHE=str(tmp_path))
    assert (code, offline, variables) == (2, False, [None, None])
    assert "run `lvspec pull " in said


def test_a_program_can_ask_for_it_too(tiny_preset, monkeypatch):
    from huggingface_hub import constants

    from lvspec_cli import Captioner
    from lvspec_cli.offline import VARIABLES, is_offline

    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    assert not is_offline()
    Captioner.from_preset(tiny_preset)
    assert not is_offline()
    Captioner.from_preset(tiny_preset, offline=True)
    assert is_offline()
    assert constants.HF_HUB_OFFLINE
