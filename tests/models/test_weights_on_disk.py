"""What of a model is here is told by looking at files; what is missing is named, with the way to get it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lvspec_cli.errors import WeightsMissing
from lvspec_cli.models.weights_on_disk import check_weights, files_of, folder_of, is_used, lacking, pull_command
from lvspec_cli.preset import ModelSpec, Preset, load_preset

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SHARDS = [f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]
WHOLE = {
    "config.json": "{}",
    "model.safetensors.index.json": json.dumps({"weight_map": {f"layer.{shard}": shard for shard in SHARDS}}),
    **dict.fromkeys(SHARDS, "weights"),
    "tokenizer.json": "{}",
    "preprocessor_config.json": "{}",
    "chat_template.json": "{}",
}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of organisation/name in an empty cache."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path / "models--organisation--name"


def pulled(repository: Path, files: dict[str, str], commit: str = COMMIT) -> Path:
    """A snapshot laid out as the hub's library does: links to contents that lie beside."""
    snapshot, blobs = repository / "snapshots" / commit, repository / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir(exist_ok=True)
    for name, content in files.items():
        (blobs / f"digest-of-{name}").write_text(content)
        (snapshot / name).symlink_to(Path("..") / ".." / "blobs" / f"digest-of-{name}")
    return snapshot


def spec(revision: str | None = COMMIT) -> ModelSpec:
    return ModelSpec("organisation/name", is_local=False, revision=revision)


def complaint(target: ModelSpec, tmp_path: Path, name: str = "mine") -> str:
    with pytest.raises(WeightsMissing) as caught:
        check_weights(Preset(name, target, target, path=tmp_path / "my pairs" / "mine.yaml"))
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_whole_snapshot_lacks_nothing(repository: Path) -> None:
    snapshot = pulled(repository, {**WHOLE, "README.md": "not read", "pytorch_model.bin": "never read"})
    found = files_of(spec())
    assert found.missing == ()
    assert found.present == tuple(sorted(snapshot / name for name in WHOLE))
    assert found.bytes == sum(map(len, WHOLE.values()))


def test_a_branch_is_the_commit_that_it_was_last_seen_at(repository: Path) -> None:
    snapshot = pulled(repository, WHOLE)
    assert files_of(spec(None)).missing
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    assert folder_of(spec(None)) == snapshot
    assert files_of(spec(None)).missing == ()


def test_another_revision_is_another_model(repository: Path, tmp_path: Path) -> None:
    pulled(repository, WHOLE)
    assert files_of(spec("f" * 40)).present == ()
    assert "is not on this machine" in complaint(spec("f" * 40), tmp_path)


def test_nothing_of_a_model_is_told_with_the_command_that_fetches_it(repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "my pairs" / "mine.yaml"
    assert complaint(spec(), tmp_path) == (
        f"the target organisation/name is not on this machine (config.json, ...): run `lvspec pull '{path}'`"
    )


def test_missing_shards_are_named_and_counted(repository: Path, tmp_path: Path) -> None:
    snapshot = pulled(repository, WHOLE)
    for shard in SHARDS[1:]:
        (snapshot / shard).unlink()
    assert files_of(spec()).missing == tuple(SHARDS[1:])
    assert f"is on this machine but lacks {SHARDS[1]} and 1 more: run `lvspec pull " in complaint(spec(), tmp_path)


def test_a_link_to_nothing_is_no_file(repository: Path) -> None:
    pulled(repository, WHOLE)
    (repository / "blobs" / f"digest-of-{SHARDS[0]}").unlink()
    assert files_of(spec()).missing == (SHARDS[0],)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": []}}'])
def test_an_index_that_cannot_be_read_is_missing(repository: Path, content: str) -> None:
    pulled(repository, {**WHOLE, "model.safetensors.index.json": content})
    assert files_of(spec()).missing == ("model.safetensors.index.json",)


def test_one_file_of_weights_is_as_good_as_several(repository: Path) -> None:
    small = {name: content for name, content in WHOLE.items() if not name.startswith("model")}
    pulled(repository, {**small, "model.safetensors": "weights"})
    assert files_of(spec()).missing == ()


@pytest.mark.parametrize(
    ("gone", "instead", "named"),
    [
        ("tokenizer.json", ("vocab.json", "merges.txt"), "tokenizer.json"),
        ("preprocessor_config.json", ("processor_config.json",), "preprocessor_config.json"),
        ("chat_template.json", ("chat_template.jinja",), "chat_template.jinja"),
        ("config.json", (), "config.json"),
    ],
)
def test_what_releases_wrote_under_other_names_counts(gone: str, instead: tuple[str, ...], named: str) -> None:
    rest = WHOLE.keys() - {gone}
    assert lacking(rest) == (named,)
    if instead:
        assert lacking(rest | set(instead)) == ()


@pytest.mark.parametrize("name", ["tokenizer_config.json", "video_preprocessor_config.json", "LICENSE", SHARDS[0]])
def test_what_loading_reads_is_used(name: str) -> None:
    assert is_used(name)


@pytest.mark.parametrize(
    "name",
    ["pytorch_model.bin", "a.pth", "a.gguf", "a.onnx", "onnx/model.safetensors", "modeling.py", "README.md"],
)
def test_pickles_code_and_other_formats_are_never_used(name: str) -> None:
    assert not is_used(name)


def test_what_a_folder_lacks_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    local = ModelSpec(str(folder), is_local=True)
    assert complaint(local, tmp_path).startswith(f"the folder {folder} of the target does not exist: ")
    folder.mkdir()
    assert "has no config.json: it is not a model folder" in complaint(local, tmp_path)
    for name, content in WHOLE.items():
        (folder / name).write_text(content)
    (folder / SHARDS[2]).unlink()
    message = complaint(local, tmp_path)
    assert f"lacks {SHARDS[2]}: " in message
    assert "lvspec pull" not in message


def test_the_draft_is_looked_for_too(repository: Path, tmp_path: Path) -> None:
    pulled(repository, WHOLE)
    absent = ModelSpec("organisation/other", is_local=False)
    with pytest.raises(WeightsMissing, match="the draft organisation/other is not on this machine"):
        check_weights(Preset("mine", spec(), absent, path=tmp_path / "mine.yaml"))


def test_the_embedded_pair_is_here_and_named_by_its_name() -> None:
    preset = load_preset("demo")
    check_weights(preset)
    assert pull_command(preset) == "lvspec pull demo"


def test_a_file_that_calls_itself_like_a_built_in_preset_is_named_by_its_path(tmp_path: Path) -> None:
    preset = load_preset("demo")
    other = Preset("demo", preset.target, preset.draft, path=tmp_path / "demo.yaml")
    assert pull_command(other) == f"lvspec pull {tmp_path / 'demo.yaml'}"
