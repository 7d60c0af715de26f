"""`--runner` and `--workers`, as far as nothing is captioned."""

import socket
import sys

import pytest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runner", "rey"], "--runner must be one of local, ray, not 'rey'; did you mean 'ray'?"),
        (["--workers", "2"], "--workers is for the workers of --runner ray: give that option too"),
        (["--runner", "ray", "--trace", "t.jsonl"], "--trace needs the models in this process: leave out --runner ray"),
    ],
)
def test_options_that_do_not_go_together(caption, arguments, message):
    outcome = caption("clip.mp4", *arguments)
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"lvspec: error: {message}\n")


def test_a_missing_ray_is_told_with_what_brings_it(caption, copies, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    outcome = caption(*copies("clip.mp4"), "--runner", "ray", "-o", "out/")
    assert outcome.code == 2
    assert outcome.err.startswith("lvspec: error: --runner ray needs Ray, which cannot be imported (")
    assert outcome.err.endswith("): pip install 'lvspec[ray]'\n")
    assert not (tmp_path / "out").exists()


def test_no_workers_are_refused(caption):
    assert caption("clip.mp4", "--runner", "ray", "--workers", "0").code == 2


def test_a_dry_run_needs_no_ray(caption, copies, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert caption(*copies("clip.mp4"), "--runner", "ray", "--dry-run").code == 0


def test_a_cluster_that_is_not_there_is_told(caption, copies, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with socket.socket() as nobody:  # bound and not listening
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        outcome = caption(*copies("clip.mp4"), "--runner", "ray")
    assert outcome.code == 2
    assert f"RAY_ADDRESS={address} cannot be reached" in outcome.err
