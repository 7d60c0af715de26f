"""`lvspec pull`: what is fetched, from what is here, and what is said when that cannot be."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest

from lvspec_cli.models.disk import size_text
from tests.cli.test_process import LVSPEC, Terminal, posix, tty_environment
from tests.fake_hub import COMMIT, FakeHub, Repository

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
SMALL = ("chat_template.json", "config.json", "generation_config.json", "preprocessor_config.json", "tokenizer.json")
USED = {
    "LICENSE": b"do as you like",
    **{name: json.dumps({"this is": name}).encode() for name in SMALL},  # equal contents would be fetched once
    **{shard: bytes([number]) * 4000 for number, shard in enumerate(SHARDS)},
    "model.safetensors.index.json": json.dumps({"weight_map": dict(zip("ab", SHARDS, strict=True))}).encode(),
}
UNUSED = {"README.md": b"#", "pytorch_model.bin": b"pickle", "modeling.py": b"code", "onnx/model.safetensors": b"onnx"}


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub with a target and a draft, which are two models of the same small files but for one."""
    with FakeHub() as hub:
        hub.connect(monkeypatch, tmp_path / "cache")
        for name in ("target", "draft"):
            hub.repositories[f"organisation/{name}"] = Repository(USED | UNUSED | {"config.json": name.encode()})
        yield hub


@pytest.fixture
def preset(tmp_path):
    """A preset of that pair, the target at a commit and the draft at a branch."""
    return write_preset(tmp_path / "pair.yaml")


def write_preset(path, target="organisation/target", draft="organisation/draft", revision=COMMIT, of_draft="main"):
    lines = [
        "schema: lvspec.preset/1",
        f"target: {{model: {target}, revision: {revision}}}",
        f"draft: {{model: {draft}, revision: {of_draft}}}",
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def snapshot(tmp_path, role):
    return tmp_path / "cache" / f"models--organisation--{role}" / "snapshots" / COMMIT


def test_both_models_are_fetched_and_nothing_that_loading_does_not_read(lvspec, hub, preset, tmp_path):
    outcome = lvspec("pull", preset)
    assert (outcome.code, outcome.out) == (0, "")
    for role in ("target", "draft"):
        found = {path.name: path.read_bytes() for path in snapshot(tmp_path, role).iterdir()}
        assert found == USED | {"config.json": role.encode()}
    assert sorted(hub.fetched()) == sorted([*USED, *USED])


def test_sizes_and_room_are_told_beforehand_and_every_file_where_nothing_moves(lvspec, hub, preset, tmp_path):
    lines = lvspec("pull", preset).err.splitlines()
    size = size_text(sum(map(len, (USED | {"config.json": b"target"}).values())))
    place = f"organisation/target at {COMMIT[:12]}"
    assert lines[0].startswith(f"pulling the target {place}: 9 files, {size}, {size} of them not here yet; ")
    assert lines[0].endswith(f" free in {tmp_path / 'cache'}")
    assert f"7 of 9: {SHARDS[0]}, 4.0 kB" in lines
    assert sum(" is complete in " in line for line in lines) == 2


@posix
def test_a_terminal_sees_a_bar_for_every_file_and_keeps_the_lines(hub, preset, tmp_path):
    import fcntl
    import struct
    import termios

    environment = tty_environment(**hub.environment(tmp_path / "cache"))
    with Terminal() as terminal:
        fcntl.ioctl(terminal.side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))  # rows, columns
        command = [*LVSPEC, "pull", str(preset), "--role", "draft"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=terminal.side, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
    shown = terminal.seen.partition(b"7 of 9: ")[2].partition(b"8 of 9: ")[0]
    assert SHARDS[0].encode() + b":   0%|" in shown
    assert shown.endswith(b" \r")  # the bar is overwritten with blanks


def test_what_is_complete_needs_no_network(lvspec, hub, preset):
    lvspec("pull", preset)
    hub.close()
    outcome = lvspec("pull", preset)
    assert outcome.code == 0
    lines = outcome.err.splitlines()
    assert [line.split(" is complete")[0] for line in lines] == [
        "nothing to pull: the target organisation/target",
        "nothing to pull: the draft organisation/draft",
    ]


def test_one_role_is_fetched_on_request(lvspec, hub, preset, tmp_path):
    assert lvspec("pull", preset, "--role", "draft").code == 0
    assert snapshot(tmp_path, "draft").is_dir()
    assert not snapshot(tmp_path, "target").exists()


def test_an_interrupted_download_goes_on_from_what_is_finished(lvspec, hub, preset):
    hub.failing.add(SHARDS[1])
    outcome = lvspec("pull", preset, "--role", "target")
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1] == (
        "lvspec: error: the hub answers 503 for organisation/target: wait a little; the same command goes on from here"
    )
    finished = set(hub.fetched()) - {SHARDS[1]}
    assert SHARDS[0] in finished
    hub.failing.clear()
    hub.requests.clear()
    assert lvspec("pull", preset, "--role", "target").code == 0
    assert not finished & set(hub.fetched())
    assert SHARDS[1] in hub.fetched()


def test_a_connection_that_breaks_is_taken_up_where_it_broke(lvspec, hub, preset, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)  # bytes; what is less is not kept when it breaks
    hub.cut.add(SHARDS[0])
    assert lvspec("pull", preset, "--role", "target").code == 0
    ranges = [asked for method, path, asked in hub.requests if method == "GET" and path.endswith(SHARDS[0])]
    assert ranges == [None, "bytes=2000-"]
    assert (snapshot(tmp_path, "target") / SHARDS[0]).read_bytes() == USED[SHARDS[0]]


@posix
def test_ctrl_c_ends_a_download_at_once_and_leaves_no_halves(hub, preset, tmp_path):
    hub.stalled.add(SHARDS[1])
    environment = {**os.environ, **hub.environment(tmp_path / "cache")}
    command = [*LVSPEC, "pull", str(preset)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert hub.began_to_stall.wait(600)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert not hub.released.is_set()
    assert (out, b"Traceback" in err) == (b"", False)
    assert (snapshot(tmp_path, "target") / SHARDS[0]).is_file()
    assert list((tmp_path / "cache").rglob("*.incomplete")) == []


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(lvspec, hub, preset):
    hub.repositories["organisation/draft"].claimed_bytes = 10**18
    outcome = lvspec("pull", preset)
    assert outcome.code == 1
    assert "GB free, but " in outcome.err
    assert outcome.err.splitlines()[-1].endswith("make room, or name a folder on another disk with --cache-dir")
    assert hub.fetched() == []


@pytest.mark.parametrize(
    ("target", "revision", "complaint"),
    [
        ("organisation/gated", "main", "organisation/gated is gated: accept its licence at http"),
        ("organisation/unknown", "main", "the hub has no organisation/unknown that you may read: "),
        ("organisation/target", "v9", "organisation/target has no revision v9 on the hub: "),
        (
            "organisation/blind",
            "main",
            "organisation/blind has no preprocessor_config.json on the hub, so ",
        ),
        ("organisation//target", "main", "organisation//target is not the name of a model on the hub: "),
    ],
)
def test_what_cannot_be_had_is_one_sentence(lvspec, hub, tmp_path, target, revision, complaint):
    hub.repositories["organisation/gated"] = Repository(USED, gated=True)
    without = {name: content for name, content in USED.items() if name != "preprocessor_config.json"}
    hub.repositories["organisation/blind"] = Repository(without)
    outcome = lvspec("pull", write_preset(tmp_path / "p.yaml", target, revision=revision), "-q")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith(f"lvspec: error: {complaint}")
    assert outcome.err.count("\n") == 1


def test_a_network_that_is_down_is_one_sentence(lvspec, hub, preset):
    hub.close()
    outcome = lvspec("pull", preset)
    assert outcome.code == 1
    assert outcome.err.startswith(f"lvspec: error: cannot fetch organisation/target from {hub.address} (")
    assert outcome.err.endswith("): check the network; the same command goes on from here\n")


@pytest.mark.parametrize(
    "means", ["--offline", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "LVSPEC_OFFLINE", "lvspec.toml"]
)
def test_offline_nothing_is_asked_for(lvspec, hub, preset, tmp_path, monkeypatch, means):
    if means == "lvspec.toml":
        (tmp_path / means).write_text("offline = true\n")
    elif means != "--offline":
        monkeypatch.setenv(means, "1")
    outcome = lvspec("pull", preset, *(["--offline"] if means == "--offline" else []))
    assert outcome.code == 2
    assert outcome.err.startswith("lvspec: error: a download needs the network: ")
    assert hub.requests == []


def test_a_pair_of_folders_has_nothing_to_pull(lvspec, hub):
    outcome = lvspec("pull", "demo")
    assert outcome.code == 0
    assert [line.partition(" is the folder ")[0] for line in outcome.err.splitlines()] == [
        "nothing to pull: the target",
        "nothing to pull: the draft",
    ]
    assert hub.requests == []


def test_a_folder_that_lacks_files_is_no_matter_of_downloads(lvspec, hub, tmp_path):
    (tmp_path / "half").mkdir()
    outcome = lvspec("pull", write_preset(tmp_path / "p.yaml", target="./half"), "--role", "target")
    assert outcome.code == 2
    assert "has no config.json" in outcome.err


def test_one_model_in_both_roles_is_fetched_once(lvspec, hub, tmp_path):
    pair = write_preset(tmp_path / "p.yaml", draft="organisation/target", of_draft=COMMIT)
    outcome = lvspec("pull", pair)
    assert outcome.code == 0
    assert len(hub.fetched()) == len(USED)
    assert lvspec("pull", pair).err.count("nothing to pull") == 2


def test_another_cache_is_filled_on_request(lvspec, hub, preset, tmp_path):
    outcome = lvspec("pull", preset, "--cache-dir", "elsewhere")
    assert outcome.code == 0
    assert (tmp_path / "elsewhere" / "models--organisation--target" / "snapshots" / COMMIT / SHARDS[0]).is_file()
    assert not (tmp_path / "cache").exists()
    assert outcome.err.splitlines()[-1].startswith(f"set HF_HUB_CACHE={tmp_path / 'elsewhere'} ")


def test_quiet_says_nothing_of_what_goes_well(lvspec, hub, preset):
    assert lvspec("pull", preset, "-q").err == ""


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["no-such"], "there is no preset 'no-such'"),
        (["demo", "--role", "both"], "--role must be target or draft, not 'both'"),
        (["demo", "--cache-dir", "file"], "--cache-dir file is no folder"),
    ],
)
def test_wrong_usage_is_refused(lvspec, hub, tmp_path, arguments, complaint):
    (tmp_path / "file").touch()
    outcome = lvspec("pull", *arguments)
    assert outcome.code == 2
    assert complaint in outcome.err


def test_a_pulled_pair_is_loaded_without_a_request(lvspec, hub, tiny_preset, tmp_path):
    from lvspec_cli.models.pair import load_pair
    from lvspec_cli.preset import load_preset

    for role in ("target", "draft"):
        files = {path.name: path.read_bytes() for path in (tiny_preset.parent / role).iterdir()}
        hub.repositories[f"organisation/{role}"] = Repository(files)
    pair = write_preset(tmp_path / "p.yaml")
    assert lvspec("pull", pair).code == 0
    hub.requests.clear()
    loaded = load_pair(load_preset(pair))
    assert hub.requests == []
    assert (loaded.target_id, loaded.draft_id) == ("organisation/target", "organisation/draft")
    assert (loaded.target_revision, loaded.draft_revision) == (COMMIT, COMMIT)
