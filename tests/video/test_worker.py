"""A crash, a hang or a bomb in the child costs that video and nothing else, and no child is left behind."""

from __future__ import annotations

import os
import select
import signal
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from lvspec_cli import errors
from lvspec_cli.video import ReadOptions, child, inspect_video, read_clip
from lvspec_cli.video.thumbnails import shrunk, thumbnails
from lvspec_cli.video.worker import VideoWorker
from tests.video.barcode import read_barcodes
from tests.video.conftest import MakeVideo
from tests.video.misbehaving import attempts, misbehave, named

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and resource limits are POSIX")


@pytest.fixture(scope="module")
def worker() -> Iterator[VideoWorker]:
    with VideoWorker() as worker:
        yield worker


@pytest.fixture(scope="module")
def misbehaving_worker() -> Iterator[VideoWorker]:
    with VideoWorker() as worker:
        yield worker


@pytest.fixture
def misbehaving(misbehaving_worker: VideoWorker, monkeypatch: pytest.MonkeyPatch) -> VideoWorker:
    """A worker whose child does what the name of the video says."""
    misbehave(monkeypatch)
    return misbehaving_worker


def test_pictures_are_those_of_the_frames_that_were_read(worker: VideoWorker, plain_video: Path) -> None:
    clip = worker.read(plain_video, pictures=True)
    assert worker.pictures() == thumbnails(shrunk(clip.frames))
    assert worker.pictures() == []  # they are handed out once
    worker.read(plain_video)
    assert worker.pictures() == []


def test_pictures_that_nobody_took_are_in_nobody_s_way(worker: VideoWorker, plain_video: Path) -> None:
    worker.read(plain_video, pictures=True)
    assert len(worker.read(plain_video, pictures=True).times) == 8
    assert worker.measure(plain_video).codec == worker.read(plain_video).facts.codec


ReadWith = Callable[[str], VideoWorker]


@pytest.fixture
def read_with(plain_video: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReadWith]:
    """Workers that have read a video, and whose children have the value of an expression instead of its pictures."""
    with ExitStack() as workers:

        def read(expression: str) -> VideoWorker:
            instead = f"worker_process.thumbnails = lambda _: {expression}"
            head, tail = child.BOOT.split("from lvspec_cli.video.worker_process", 1)
            boot = f"{head}import os, signal; from lvspec_cli.video import worker_process; {instead}"
            monkeypatch.setattr(child, "BOOT", f"{boot}\nfrom lvspec_cli.video.worker_process{tail}")
            worker = workers.enter_context(VideoWorker())
            assert len(worker.read(plain_video, pictures=True).times) == 8
            return worker

        yield read


def test_pictures_that_cannot_be_made_are_none(read_with: ReadWith, plain_video: Path) -> None:
    worker = read_with("1 / 0")
    process = worker.process_id
    assert worker.pictures() == []
    assert len(worker.read(plain_video).times) == 8
    assert worker.process_id == process


@pytest.mark.skipif(sys.platform == "win32", reason="there are no alarms")
def test_pictures_may_wait_in_the_pipe_for_longer_than_a_video_may_take(read_with: ReadWith) -> None:
    assert read_with("[str(signal.getitimer(signal.ITIMER_REAL)[0])]").pictures() == ["0.0"]


def test_more_pictures_than_the_pipe_holds_are_in_nobody_s_way(read_with: ReadWith, plain_video: Path) -> None:
    worker = read_with("['x' * 4_000_000]")
    assert len(worker.read(plain_video, pictures=True).times) == 8
    assert worker.pictures() == ["x" * 4_000_000]


def test_a_child_that_ends_over_its_pictures_costs_the_pictures(read_with: ReadWith, plain_video: Path) -> None:
    worker = read_with("os._exit(3)")
    assert worker.pictures() == []
    assert len(worker.read(plain_video, pictures=True).times) == 8
    assert len(worker.read(plain_video).times) == 8


def test_an_interrupt_while_pictures_come_mixes_no_answers(
    worker: VideoWorker, plain_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    worker.read(plain_video, pictures=True)
    with monkeypatch.context() as changed:
        changed.setattr(child, "read_line", interrupted)
        with pytest.raises(KeyboardInterrupt):
            worker.pictures()
    assert worker.pictures() == []
    assert len(worker.read(plain_video).times) == 8


def _has_ended(process_id: int) -> bool:
    """Whether a process that is not our child ends."""
    try:
        handle = os.pidfd_open(process_id)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 300)[0])
    finally:
        os.close(handle)


@pytest.mark.parametrize("name", ["h264-mp4", "vp9-webm", "mpeg2-ts"])
def test_the_worker_yields_what_reading_here_yields(name: str, worker: VideoWorker, make_video: MakeVideo) -> None:
    path, options = make_video(name), ReadOptions(frame_count=5, start_s=0.3)
    there, here = worker.read(path, options), read_clip(path, options)
    assert np.array_equal(there.frames, here.frames)
    assert (there.times, there.start_s, there.end_s, there.facts) == (here.times, here.start_s, here.end_s, here.facts)
    assert worker.inspect(path) == inspect_video(path)


def test_one_child_serves_video_after_video(worker: VideoWorker, make_video: MakeVideo) -> None:
    seen = set()
    for name in ("h264-mp4", "vp8-webm", "mjpeg-avi"):
        worker.read(make_video(name))
        seen.add(worker.process_id)
    assert len(seen) == 1


def test_frames_can_be_changed_by_whoever_reads_them(worker: VideoWorker, plain_video: Path) -> None:
    clip = worker.read(plain_video)
    clip.frames[:] = 0
    assert clip.frames.max() == 0


def test_relative_paths_start_where_the_caller_stands(
    worker: VideoWorker, plain_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.inspect(plain_video)
    monkeypatch.chdir(plain_video.parent)
    assert worker.read(plain_video.name).facts.path == plain_video.name


def test_an_absolute_path_needs_no_working_directory(
    worker: VideoWorker, plain_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.read(plain_video)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert len(worker.read(plain_video).times) == 8
    with VideoWorker() as started_here:
        assert len(started_here.read(plain_video).times) == 8
    with pytest.raises(errors.VideoNotFound, match="give an absolute path"):
        worker.read(plain_video.name)


def test_modules_in_the_working_directory_are_not_imported(
    plain_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "av", "numpy", "lvspec_cli"):
        (tmp_path / f"{name}.py").write_text("import pathlib; pathlib.Path('hijacked').touch(); raise SystemExit\n")
    monkeypatch.chdir(tmp_path)
    with VideoWorker() as worker:
        assert len(worker.read(plain_video).times) == 8
    assert not (tmp_path / "hijacked").exists()


def test_a_crash_is_tried_once_more(misbehaving: VideoWorker, plain_video: Path, tmp_path: Path) -> None:
    clip = misbehaving.read(named("crashes-once", plain_video, tmp_path))
    assert read_barcodes(clip.frames) == [3, 9, 15, 21, 27, 33, 39, 45]
    assert attempts(tmp_path) == 2


def test_a_second_crash_is_an_error_and_the_next_video_is_fine(
    misbehaving: VideoWorker, plain_video: Path, tmp_path: Path
) -> None:
    with pytest.raises(errors.VideoWorkerCrashed, match="SIGSEGV"):
        misbehaving.read(named("crashes-always", plain_video, tmp_path))
    assert attempts(tmp_path) == 2
    assert len(misbehaving.read(named("good", plain_video, tmp_path)).times) == 8


def test_a_hang_ends_at_the_deadline_and_the_next_video_is_fine(
    misbehaving: VideoWorker, plain_video: Path, tmp_path: Path
) -> None:
    good = named("good", plain_video, tmp_path)
    misbehaving.read(good)
    hung = misbehaving.process_id
    assert hung is not None
    with pytest.raises(errors.VideoTimeout, match="longer than 2 s"):  # enough to get there when busy
        misbehaving.read(named("hangs", plain_video, tmp_path), ReadOptions(deadline_seconds=2))
    with pytest.raises(ProcessLookupError):
        os.kill(hung, 0)
    assert attempts(tmp_path) == 2  # the good one and the hung one: a hang is not tried again
    assert len(misbehaving.read(good).times) == 8


def test_a_bug_is_a_typed_error_with_its_traceback_as_the_cause(
    misbehaving: VideoWorker, plain_video: Path, tmp_path: Path
) -> None:
    with pytest.raises(errors.VideoWorkerCrashed, match="a bug of ours") as caught:
        misbehaving.read(named("bug", plain_video, tmp_path))
    assert "Traceback" in str(caught.value.__cause__)
    assert "\n" not in str(caught.value)
    assert attempts(tmp_path) == 1


@pytest.mark.parametrize(
    ("boot", "says"),
    [
        ("import sys; sys.modules['av'] = None", r"exit code 1: .*\bav\b.*\): reinstall lvspec"),
        ("import sys; sys.stdin.read()", r"not ready after 0\.2 s\): run lvspec on a less busy machine"),
        ("print('Welcome!')", r"spoke out of turn\): reinstall lvspec"),
    ],
)
def test_a_child_that_cannot_start_is_not_the_video_s_fault(
    boot: str, says: str, plain_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with VideoWorker() as worker:
        with monkeypatch.context() as patch:
            patch.setattr(child, "BOOT", f"{boot}\n{child.BOOT}")
            if "ready" in says:
                patch.setattr(child, "START_SECONDS", 0.2)
            with pytest.raises(
                errors.VideoWorkerNotStarted, match=f"^the video reader cannot start .*{says}"
            ) as caught:
                worker.read(plain_video)
        assert caught.value.exit_code == 1
        assert len(worker.read(plain_video).times) == 8


def test_a_system_that_starts_no_process_is_not_the_video_s_fault(
    plain_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with VideoWorker() as worker, pytest.raises(errors.VideoWorkerNotStarted, match="No such file"):
        worker.read(plain_video)


def test_what_libraries_print_does_not_disturb_the_answers(
    misbehaving: VideoWorker, plain_video: Path, tmp_path: Path
) -> None:
    assert len(misbehaving.read(named("prints", plain_video, tmp_path)).times) == 8


def test_a_child_killed_between_videos_is_replaced(worker: VideoWorker, plain_video: Path) -> None:
    worker.read(plain_video)
    first = worker.process_id
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert len(worker.read(plain_video).times) == 8
    assert worker.process_id not in (None, first)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps the limit on address space")
def test_a_memory_bomb_is_refused_and_the_next_video_is_fine(
    worker: VideoWorker, plain_video: Path, tmp_path: Path
) -> None:
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(_blank_png(8000, 8000))  # 25 kB; 192 MB once decoded, and as much again to convert
    worker.read(plain_video)
    limit = _address_space(worker.process_id) + 150_000_000
    with pytest.raises(errors.VideoTooLarge, match="memory"):
        worker.read(bomb, ReadOptions(memory_limit_bytes=limit))
    assert len(worker.read(plain_video).times) == 8


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs process handles")
def test_no_child_outlives_its_parent(plain_video: Path) -> None:
    script = (
        "import os, signal, sys; from lvspec_cli.video.worker import VideoWorker;"  # without a __main__ guard
        f"worker = VideoWorker(); worker.read({str(plain_video)!r});"
        "print(worker.process_id, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    parent = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert parent.returncode == -signal.SIGKILL
    assert _has_ended(int(parent.stdout))


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs process handles")
def test_a_worker_that_nobody_closes_ends_with_the_program(plain_video: Path) -> None:
    script = (
        "from lvspec_cli.video.worker import VideoWorker;"
        f"worker = VideoWorker(); worker.read({str(plain_video)!r}); print(worker.process_id)"
    )
    parent = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert parent.stderr == ""
    assert _has_ended(int(parent.stdout))


def test_a_closed_worker_has_no_child_and_may_be_used_again(plain_video: Path) -> None:
    worker = VideoWorker()
    assert worker.process_id is None
    worker.read(plain_video)
    first = worker.process_id
    worker.close()
    assert worker.process_id is None
    assert first is not None
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    assert len(worker.read(plain_video).times) == 8
    worker.close()


def test_threads_share_a_worker(worker: VideoWorker, make_video: MakeVideo) -> None:
    names = ["h264-mp4", "vp8-webm", "mjpeg-avi", "mpeg2-ts"] * 2
    paths = [make_video(name) for name in names]
    numbers: dict[int, list[int]] = {}

    def read(place: int) -> None:
        numbers[place] = read_barcodes(worker.read(paths[place], ReadOptions(frame_count=place + 1)).frames)

    threads = [threading.Thread(target=read, args=(place,)) for place in range(len(paths))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {
        p: read_barcodes(read_clip(path, ReadOptions(frame_count=p + 1)).frames) for p, path in enumerate(paths)
    }
    assert numbers == expected


def test_typed_errors_cross_the_border_intact(worker: VideoWorker, plain_video: Path, tmp_path: Path) -> None:
    late = ReadOptions(start_s=50)
    for path, options in ((tmp_path / "none.mp4", ReadOptions()), (plain_video, late), (tmp_path, ReadOptions())):
        with pytest.raises(errors.VideoError) as here:
            read_clip(path, options)
        with pytest.raises(errors.VideoError) as there:
            worker.read(path, options)
        assert type(there.value) is type(here.value)
        assert str(there.value) == str(here.value)
        assert there.value.kind == here.value.kind


def _address_space(process_id: int | None) -> int:
    """Bytes of address space that a process uses."""
    return int(Path(f"/proc/{process_id}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _blank_png(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + 3 * width)) for _ in range(height)) + packer.flush()
    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
