"""`lvspec doctor` as a command: lines or JSON on stdout, an exit code, and nothing asked of the hub."""

import json

import pytest

from tests.fake_hub import FakeHub


@pytest.fixture
def elsewhere(tmp_path):
    """A preset of two models that are nowhere."""
    path = tmp_path / "elsewhere.yaml"
    path.write_text("schema: lvspec.preset/1\ntarget: {model: nobody/target}\ndraft: {model: nobody/draft}\n")
    return path


def test_the_command_tells_it_in_lines(lvspec):
    outcome = lvspec("doctor", "--preset", "demo")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert all(line.split()[0] in ("ok", "note") for line in lines)
    assert lines[-1].startswith("ok      preset demo: ready: ")


def test_the_command_tells_it_as_json(lvspec):
    outcome = lvspec("doctor", "--json", "--preset", "demo")
    record = json.loads(outcome.out)
    assert (record["schema"], record["healthy"]) == ("lvspec.doctor/1", True)
    assert [finding["subject"] for finding in record["findings"]][-1] == "preset demo"
    assert all(finding.keys() == {"subject", "state", "text", "facts"} for finding in record["findings"])


def test_a_problem_is_a_failure(lvspec, elsewhere, tmp_path):
    assert lvspec("doctor", "--preset", elsewhere).code == 1
    (tmp_path / "lvspec.toml").write_text("framse = 3\n")
    outcome = lvspec("doctor", "--preset", "demo", "--json")
    assert outcome.code == 1
    record = json.loads(outcome.out)
    assert not record["healthy"]
    problems = {finding["subject"]: finding["text"] for finding in record["findings"] if finding["state"] == "problem"}
    assert problems == {"settings": "lvspec.toml: unknown key 'framse'; did you mean 'frames'?"}


def test_an_unknown_preset_is_wrong_usage(lvspec):
    outcome = lvspec("doctor", "--preset", "dmeo")
    assert outcome.code == 2
    assert "did you mean demo?" in outcome.err


def test_nothing_is_asked_of_the_hub(lvspec, elsewhere, monkeypatch, tmp_path):
    with FakeHub() as hub:
        hub.connect(monkeypatch, tmp_path / "cache")
        outcome = lvspec("doctor", "--preset", elsewhere)
        assert "ok      offline: off: " in outcome.out
        assert hub.requests == []
    assert not (tmp_path / "cache").exists()
