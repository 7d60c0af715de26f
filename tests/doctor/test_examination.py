"""The examination: what it says is so, and what is broken is a finding and never an end."""

import os
import sys

import pytest

from lvspec_cli.doctor import presets as doctor_of_presets
from lvspec_cli.doctor.examination import examine, guarded
from lvspec_cli.doctor.finding import Finding
from lvspec_cli.doctor.machine import nvidia_driver
from lvspec_cli.preset import load_preset


@pytest.fixture
def elsewhere(tmp_path):
    """A preset of two models that are nowhere."""
    path = tmp_path / "elsewhere.yaml"
    path.write_text("schema: lvspec.preset/1\ntarget: {model: nobody/target}\ndraft: {model: nobody/draft}\n")
    return path


@pytest.fixture(scope="module")
def findings():
    """What is found on this machine, by subject."""
    return {finding.subject: finding for finding in examine(None, offline=True)}


def test_everything_is_looked_at(findings):
    subjects = {"python", "torch", "cpu", "driver", "transformers", "bitsandbytes", "PyAV", "decord", "num2words"}
    assert subjects | {"cache", "settings", "offline", "preset demo"} <= findings.keys()
    assert {finding.state for finding in findings.values()} <= {"ok", "note", "problem"}


def test_versions_and_devices_are_those_of_this_machine(findings):
    import av
    import torch
    import transformers

    assert findings["torch"].facts["version"] == torch.__version__
    assert findings["torch"].facts["threads"] == torch.get_num_threads()
    assert findings["transformers"].facts["version"] == transformers.__version__
    assert findings["PyAV"].facts["version"] == av.__version__
    assert findings["python"].facts["executable"] == sys.executable
    assert 0 < findings["cpu"].facts["memory_gib"] < 100_000
    assert findings["cache"].facts["free_bytes"] > 0


def test_the_embedded_pair_is_ready(findings):
    demo = findings["preset demo"]
    assert demo.state == "ok"
    assert demo.facts["ready"]
    target = load_preset("demo").target
    weights = os.path.getsize(f"{target.model}/model.safetensors")
    assert demo.facts["target"]["bytes_here"] > weights
    assert demo.facts["target"]["missing"] == []


def test_codecs_are_told_by_their_decoders(findings):
    from lvspec_cli.video import codecs

    assert findings["PyAV"].facts["codecs"]["h264"]
    assert codecs._has_decoder("h264")
    assert not codecs._has_decoder("libx264")  # which encodes only
    assert not codecs._has_decoder("no-such-codec")


def test_four_bit_weights_are_tried_and_not_believed(monkeypatch):
    pytest.importorskip("bitsandbytes")
    import torch

    from lvspec_cli.models import trial

    cpu = torch.device("cpu")
    assert trial.nf4_failure(cpu) is None
    monkeypatch.setattr(trial, "_nf4_layer", lambda weight, device: torch.nn.Linear(64, 64, bias=False))
    assert "output changes by" in trial.nf4_failure(cpu)

    def refuse(*_):
        raise RuntimeError("no kernel\nfor this device")

    monkeypatch.setattr(trial, "_nf4_layer", refuse)
    assert trial.nf4_failure(cpu) == "RuntimeError: no kernel for this device"


def test_a_quantized_preset_where_four_bits_do_not_work_is_told(monkeypatch, tmp_path):
    pytest.importorskip("bitsandbytes")
    from lvspec_cli.models import trial

    demo = load_preset("demo")
    path = tmp_path / "four.yaml"
    path.write_text(
        "schema: lvspec.preset/1\n"
        f"target: {{model: {demo.target.model}, quantization: nf4, device: cpu}}\n"
        f"draft: {{model: {demo.draft.model}, device: cpu}}\n"
    )
    assert doctor_of_presets.preset_finding(load_preset(path), needed=True).state == "ok"
    monkeypatch.setattr(trial, "nf4_failure", lambda device: "no kernel")
    finding = doctor_of_presets.preset_finding(load_preset(path), needed=True)
    assert finding.state == "problem"
    assert "4-bit weights (NF4) do not work on cpu (no kernel)" in finding.text


def test_what_a_check_raises_is_a_finding():
    def broken():
        raise OSError("libtorch.so:\n cannot open")

    assert guarded("torch", broken) == [
        Finding(
            "torch",
            "problem",
            "does not work here (OSError: libtorch.so: cannot open): install it again",
            {"error": "OSError: libtorch.so: cannot open"},
        )
    ]


def test_missing_weights_are_a_note_until_they_are_asked_for(elsewhere):
    preset = load_preset(elsewhere)
    note = doctor_of_presets.preset_finding(preset, needed=False)
    assert note.state == "note"
    assert note.text == f"files of target and draft missing, 0 bytes here: run `lvspec pull {elsewhere}`"
    assert doctor_of_presets.preset_finding(preset, needed=True).state == "problem"


def test_a_pair_that_does_not_fit_is_told(monkeypatch):
    from lvspec_cli import readiness

    monkeypatch.setattr(readiness, "total_bytes", lambda device: 2**20)
    finding = doctor_of_presets.preset_finding(load_preset("demo"), needed=False)
    assert finding.state == "note"
    assert finding.text.startswith("does not fit: it needs ")
    (room,) = finding.facts["memory"]
    assert (room["device"], room["present_bytes"]) == ("cpu", 2**20)
    assert 17.5e6 < room["needed_bytes"] < 2**31  # the weights alone are 17.5 MB


def test_a_device_that_is_not_here_is_told(elsewhere):
    elsewhere.write_text(elsewhere.read_text().replace("nobody/draft", "nobody/draft, device: 'cuda:99'"))
    assert "no device cuda:99" in doctor_of_presets.preset_finding(load_preset(elsewhere), needed=False).text


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script")
@pytest.mark.parametrize(("script", "version"), [("echo 550.54.15", "550.54.15"), ("exit 9", None), ("true", None)])
def test_the_driver_is_what_nvidia_smi_says(monkeypatch, tmp_path, script, version):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert nvidia_driver() == version


def test_without_nvidia_smi_there_is_no_driver(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert nvidia_driver() is None
