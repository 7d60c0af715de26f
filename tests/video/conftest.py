"""The catalogue's videos, each written once and only if a test asks for it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.video.catalogue import ENCODINGS
from tests.video.encoding import encode

MakeVideo = Callable[[str], Path]

needs_decord = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or sys.platform not in ("linux", "win32"),
    reason="decord has no wheels for this machine",
)


@pytest.fixture(scope="session")
def make_video(tmp_path_factory: pytest.TempPathFactory) -> MakeVideo:
    """The path of a video by its name in the catalogue."""
    folder = tmp_path_factory.mktemp("videos")

    def make(name: str) -> Path:
        path = folder / ENCODINGS[name].file_name
        return path if path.exists() else encode(ENCODINGS[name], path)

    return make


@pytest.fixture(scope="session")
def plain_video(make_video: MakeVideo) -> Path:
    """48 frames of H.264 at 25 frames per second in an MP4 file."""
    return make_video("h264-mp4")


@pytest.fixture(autouse=True, scope="session")
def _quiet_encoder() -> Iterator[None]:
    # SVT-AV1 prints its settings unless told to keep to errors.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SVT_LOG", "1")
        yield
