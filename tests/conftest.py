"""What all tests share: one thread, no network, none of the settings of whoever runs them, and a tiny real pair."""

import gc
import os
import signal

# Before torch is imported anywhere: toy models are slower on many threads, and tests may run side by side.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no reason to fail: the laws hold however long an example takes. What must pass before a merge tries
# the same examples each time; everybody else tries others every day.
settings.register_profile("lvspec", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("lvspec")
# A shell starts background jobs with SIGINT ignored, and programs started from tests would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    """Presets whose notice tests need not be told of."""
    for notice in ("tiny knows nothing at all", "the demo pair only knows synthetic clips"):
        config.addinivalue_line("filterwarnings", f"ignore:{notice}:UserWarning")


def pytest_collection_finish():
    """What was imported and collected is not searched for garbage, again and again."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _settings_of_nobody(monkeypatch, tmp_path_factory):
    """No variable and no user configuration of the machine reaches a test."""
    for name in list(os.environ):
        if name.startswith("LVSPEC_"):
            monkeypatch.delenv(name)
    empty = tmp_path_factory.getbasetemp() / "no-configuration"
    for name in ("XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(empty))


@pytest.fixture
def user_folder(monkeypatch, tmp_path) -> Path:
    """The user's folder, of this test alone: it holds empty folders for presets and styles."""
    folder = tmp_path / "configuration"
    monkeypatch.setattr("lvspec_cli.files.user_folder", lambda: folder)
    for name in ("presets", "styles"):
        (folder / name).mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def tiny_preset(tmp_path_factory) -> Path:
    """A preset for a pair of tiny random Qwen2.5-VL models that are really on disk."""
    from tests.models import tiny

    folder = tmp_path_factory.mktemp("tiny")
    for name, shape in (("target", tiny.TARGET), ("draft", tiny.DRAFT)):
        tiny.save_checkpoint(folder / name, "qwen2_5_vl", shape)
    keys = {
        "name": "tiny",
        "notice": "tiny knows nothing at all",
        "frames": "{count: 4}",
        "generation": "{max_tokens: 12}",
        "prompts": "{caption: Describe it.}",
    }
    return tiny.write_preset(folder / "tiny.yaml", folder / "target", folder / "draft", **keys)


@pytest.fixture(scope="session")
def demo_tokenizer():
    """The embedded pair's tokenizer, trained once for all tests."""
    from lvspec_cli.demo.tokenizer import train_tokenizer

    return train_tokenizer()


@pytest.fixture(scope="session")
def warm():
    """Starts programs that need no seconds to import what models need: see `tests.warm`."""
    from tests.warm import Warm

    with Warm() as made:
        yield made


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    """Two seconds of a real mp4: 16 frames of moving noise."""
    from lvspec_cli.video.writer import write_mp4
    from tests.models import tiny

    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_mp4(path, list(tiny.video(16, 56, 56)), 8.0)
    return path


@pytest.fixture(scope="session")
def _shared_worker():
    from lvspec_cli.video.worker import VideoWorker

    with VideoWorker() as worker:
        yield worker


@pytest.fixture(scope="session")
def _shared_reader():
    from lvspec_cli.video.read_ahead import ReadAhead

    with ReadAhead() as reader:
        yield reader


@pytest.fixture(scope="session")
def _loaded_pairs():
    return {}


@pytest.fixture
def loads(monkeypatch, _shared_worker, _shared_reader, _loaded_pairs):
    """Load each pair and start the video processes once for all tests; the list tells which presets were loaded."""
    import lvspec_cli.models.pair
    import lvspec_cli.video.read_ahead
    import lvspec_cli.video.worker

    load_pair, asked = lvspec_cli.models.pair.load_pair, []

    def load_once(preset, *, with_draft=True, **first):
        asked.append(preset.name)
        key = (preset, with_draft)
        if key not in _loaded_pairs:
            _loaded_pairs[key] = load_pair(preset, with_draft=with_draft, **first)
        return _loaded_pairs[key]

    def shared(reader):
        """A class whose objects hand everything on to that one but the end of its processes."""
        asks = ("expect", "read", "pictures", "inspect", "measure", "scenes")
        handed_on = {name: staticmethod(getattr(reader, name)) for name in asks if hasattr(reader, name)}
        return type("Shared", (), {**handed_on, "close": lambda self: None})

    monkeypatch.setattr(lvspec_cli.models.pair, "load_pair", load_once)
    monkeypatch.setattr(lvspec_cli.video.read_ahead, "ReadAhead", shared(_shared_reader))
    monkeypatch.setattr(lvspec_cli.video.worker, "VideoWorker", shared(_shared_worker))
    return asked
