"""What is read ahead is what would have been read when it was asked for, held within bounds, and in nobody's way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import weakref
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import ClassVar

import numpy as np
import pytest

from lvspec_cli import errors
from lvspec_cli.video import ReadOptions, measure_video, read_clip
from lvspec_cli.video.clip import Clip, VideoFacts
from lvspec_cli.video.read_ahead import THREAD_NAME, ReadAhead
from lvspec_cli.video.remote import Answer
from lvspec_cli.video.thumbnails import shrunk, thumbnails
from lvspec_cli.video.wire import Request
from lvspec_cli.video.worker import VideoWorker, WorkerStopped
from tests.video.conftest import MakeVideo
from tests.video.misbehaving import misbehave, named

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and resource limits are POSIX")


@pytest.fixture(scope="module")
def reader() -> Iterator[ReadAhead]:
    with ReadAhead() as reader:
        yield reader


def settle(reader: ReadAhead) -> None:
    """Wait until everything that is expected is read."""
    together = threading.Barrier(len(reader._threads) + 1)
    for _ in reader._threads:
        reader._jobs.put(together.wait)
    together.wait(600)


def same(one: Clip, other: Clip) -> bool:
    return np.array_equal(one.frames, other.frames) and (one.times, one.facts) == (other.times, other.facts)


class FakeWorker(VideoWorker):
    """Answers at once, but for videos whose gate is shut: those wait for it, or for being stopped."""

    clips: ClassVar[list[weakref.ref[np.ndarray]]]  # all there were
    gates: ClassVar[dict[str, threading.Event]]
    begun: ClassVar[dict[str, threading.Event]]

    def __init__(self) -> None:
        super().__init__()
        self._ended = threading.Event()
        self._gate: threading.Event | None = None

    def ask(self, request: Request) -> Answer:
        self.begun[request.path].set()
        self._gate = self.gates.get(request.path)
        if self._gate is not None:
            assert self._gate.wait(600)
        if self._ended.is_set():
            raise WorkerStopped
        frames = np.full((1, 2, 2, 3), int(request.path.strip("/")), np.uint8)
        self.clips.append(weakref.ref(frames))
        facts = VideoFacts(request.path, "", "mp4", "h264", 2, 2, 0, "1:1", 1.0, 1.0, 0, "pyav", ())
        return {}, Clip(frames, (0.0,), 0.0, 1.0, facts)

    def stop(self) -> None:
        self._ended.set()
        if self._gate is not None:
            self._gate.set()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeWorker]:
    for name, value in (("clips", []), ("gates", {}), ("begun", defaultdict(threading.Event))):
        monkeypatch.setattr(FakeWorker, name, value, raising=False)
    return FakeWorker


def held(fake: type[FakeWorker]) -> int:
    return sum(clip() is not None for clip in fake.clips)


@pytest.mark.parametrize("name", ["h264-mp4", "vp9-webm", "mpeg2-ts"])
def test_an_expected_clip_is_the_very_clip(name: str, reader: ReadAhead, make_video: MakeVideo) -> None:
    path, options = make_video(name), ReadOptions(frame_count=5, start_s=0.3)
    reader.expect(path, options, pictures=True)
    clip = reader.read(path, options, pictures=True)
    assert same(clip, read_clip(path, options))
    assert reader.pictures() == thumbnails(shrunk(clip.frames))
    assert reader.pictures() == []


def test_videos_may_be_asked_for_in_another_order(reader: ReadAhead, make_video: MakeVideo) -> None:
    paths = [make_video(name) for name in ("h264-mp4", "vp8-webm", "mjpeg-avi")]
    for path in paths[:2]:
        reader.expect(path)
    for path in reversed(paths):
        assert same(reader.read(path), read_clip(path))


def test_what_is_measured_ahead_is_what_is_measured(reader: ReadAhead, plain_video: Path) -> None:
    reader.expect(plain_video, action="measure")
    assert reader.measure(plain_video) == measure_video(plain_video)
    assert same(reader.read(plain_video), read_clip(plain_video))


def test_other_options_are_another_clip(reader: ReadAhead, plain_video: Path) -> None:
    reader.expect(plain_video, ReadOptions(frame_count=3))
    assert len(reader.read(plain_video, ReadOptions(frame_count=4)).times) == 4
    assert len(reader.read(plain_video, ReadOptions(frame_count=3)).times) == 3


def test_a_relative_path_means_what_it_meant_when_it_was_expected(
    reader: ReadAhead, plain_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(plain_video.parent)
    reader.expect(plain_video.name)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.VideoNotFound):
        reader.read(plain_video.name)
    monkeypatch.chdir(plain_video.parent)
    assert same(reader.read(plain_video.name), read_clip(plain_video.name))


def test_a_video_that_changes_meanwhile_is_shown_as_it_was_read(
    reader: ReadAhead, plain_video: Path, tmp_path: Path
) -> None:
    path = named("changes", plain_video, tmp_path)
    clip = read_clip(path)
    reader.expect(path)
    settle(reader)
    path.write_bytes(b"nothing any more")
    assert same(reader.read(path), clip)
    with pytest.raises(errors.VideoError):
        reader.read(path)


def test_errors_are_raised_at_their_own_videos_and_cost_no_other(
    plain_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    misbehave(monkeypatch)
    wanted = {
        "good-1": None,
        "gone": errors.VideoNotFound,
        "good-2": None,
        "crashes-always": errors.VideoWorkerCrashed,
        "good-3": None,
        "hangs": errors.VideoTimeout,
        "bug": errors.VideoWorkerCrashed,
        "good-4": None,
    }
    paths = [tmp_path / "gone.mp4" if name == "gone" else named(name, plain_video, tmp_path) for name in wanted]
    raised: list[tuple[type[BaseException], bool] | None] = []

    def options(path: Path) -> ReadOptions:  # what hangs is not waited for; others may take long
        return ReadOptions(deadline_seconds=2) if path.stem == "hangs" else ReadOptions()

    with ReadAhead() as reader:
        for path, following in zip(paths, [*paths[1:], None], strict=True):
            if following:
                reader.expect(following, options(following))
            try:
                assert len(reader.read(path, options(path)).times) == 8
                raised.append(None)
            except errors.LvspecError as error:
                raised.append((type(error), path.name in str(error)))
    assert raised == [error and (error, True) for error in wanted.values()]


def test_a_child_that_is_killed_costs_nothing(plain_video: Path) -> None:
    with ReadAhead() as reader:
        reader.expect(plain_video)
        settle(reader)
        (process_id,) = reader.process_ids
        os.kill(process_id, signal.SIGKILL)
        assert same(reader.read(plain_video), read_clip(plain_video))  # it is here already
        reader.expect(plain_video)
        assert same(reader.read(plain_video), read_clip(plain_video))


def test_no_more_clips_wait_than_workers_are_allowed(fake: type[FakeWorker]) -> None:
    with ReadAhead(2, fake) as reader:
        for number in range(6):
            reader.expect(f"/{number}")
            settle(reader)
            assert held(fake) == min(number + 1, 2)
        assert [reader.read(f"/{number}").frames.max() for number in (5, 4)] == [5, 4]
        assert held(fake) == 0
        assert reader.read("/0").frames.max() == 0  # it made room, and is read now
        reader.expect("/7")
        settle(reader)
        assert held(fake) == 1
    assert held(fake) == 0


def test_what_is_still_being_read_makes_room_when_others_are_expected(fake: type[FakeWorker]) -> None:
    fake.gates = {"/0": threading.Event(), "/1": threading.Event()}
    with ReadAhead(2, fake) as reader:
        for number in range(4):
            reader.expect(f"/{number}")
        assert [reader.read(f"/{number}").frames.max() for number in (2, 3)] == [2, 3]


def test_what_nobody_expected_is_read_at_once_however_much_is_expected(fake: type[FakeWorker]) -> None:
    fake.gates = {"/1": threading.Event(), "/2": threading.Event()}
    with ReadAhead(2, fake) as reader:
        for path in fake.gates:
            reader.expect(path)
            assert fake.begun[path].wait(600)
        assert reader.read("/3").frames.max() == 3
        for gate in fake.gates.values():
            gate.set()
        assert [reader.read(path).frames.max() for path in fake.gates] == [1, 2]
        assert len(reader._idle) <= 2  # the third was for that moment


def test_an_interrupt_of_the_wait_is_raised_and_leaves_the_clip_to_be_asked_for(fake: type[FakeWorker]) -> None:
    fake.gates = {"/1": threading.Event()}

    def interrupt() -> None:
        assert fake.begun["/1"].wait(600)
        os.kill(os.getpid(), signal.SIGINT)

    def read_while_interrupted() -> None:
        helper.start()
        reader.expect("/1")
        reader.read("/1")

    helper = threading.Thread(target=interrupt)
    with ReadAhead(2, fake) as reader:
        with pytest.raises(KeyboardInterrupt):
            read_while_interrupted()
        helper.join()
        fake.gates["/1"].set()
        assert reader.read("/1").frames.max() == 1


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="needs to learn that a process stopped")
def test_closing_does_not_wait_for_a_video_that_hangs_and_leaves_nothing(
    plain_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    misbehave(monkeypatch)
    reader = ReadAhead()
    reader.read(plain_video)
    (hung,) = reader.process_ids
    reader.expect(named("hangs", plain_video, tmp_path))
    reader.expect(named("hangs-too", plain_video, tmp_path))
    os.waitid(os.P_PID, hung, os.WSTOPPED | os.WNOWAIT)
    processes, threads = reader.process_ids, list(reader._threads)
    started = perf_counter()
    reader.close()
    assert perf_counter() - started < ReadOptions().deadline_seconds / 4  # much else may be done meanwhile
    assert len(threads) == 2
    assert not any(thread.is_alive() for thread in threads)
    for process_id in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process_id, 0)
    reader.expect(plain_video)  # it may be used again
    assert len(reader.read(plain_video).times) == 8
    reader.close()


def test_nothing_expected_is_one_process_and_no_thread(make_video: MakeVideo) -> None:
    before = [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]
    with ReadAhead() as reader:
        for name in ("h264-mp4", "vp8-webm", "mjpeg-avi"):
            reader.read(make_video(name), pictures=True)
            assert len(reader.pictures()) == 8
        assert len(reader.process_ids) == 1
        assert [thread for thread in threading.enumerate() if thread.name == THREAD_NAME] == before


def test_one_process_reads_ahead_of_models_that_are_slower(make_video: MakeVideo) -> None:
    with ReadAhead() as reader:
        for name in ("h264-mp4", "vp8-webm", "mjpeg-avi"):
            reader.expect(make_video(name))
            settle(reader)
            reader.read(make_video(name))
        assert len(reader.process_ids) == 1


def test_pictures_outlast_that_their_process_reads_the_next_video(make_video: MakeVideo) -> None:
    first, second = make_video("h264-mp4"), make_video("vp8-webm")
    with ReadAhead(1) as reader:
        clip = reader.read(first, pictures=True)
        reader.expect(second, pictures=True)
        settle(reader)
        assert reader.pictures() == thumbnails(shrunk(clip.frames))
        clip = reader.read(second, pictures=True)
        reader.expect(first)
        settle(reader)
        assert reader.pictures() == thumbnails(shrunk(clip.frames))
        reader.read(first)
        assert reader.pictures() == []


def test_more_of_a_video_is_read_where_it_is_known(fake: type[FakeWorker]) -> None:
    fake.gates = {"/2": threading.Event()}
    with ReadAhead(2, fake) as reader:
        reader.read("/1")
        first = reader._idle[0]
        reader.expect("/2")
        assert fake.begun["/2"].wait(600)
        reader.read("/3")
        fake.gates["/2"].set()
        settle(reader)
        assert {seat.path for seat in reader._idle} == {"/2", "/3"}
        reader.read("/2", ReadOptions(frame_count=2))
        assert reader._idle[-1] is first


def test_a_reader_that_nobody_closes_ends_with_the_program_even_if_a_video_hangs(
    plain_video: Path, tmp_path: Path
) -> None:
    script = (
        "import os, pytest; from lvspec_cli.video.read_ahead import ReadAhead;"
        "from tests.video.misbehaving import misbehave; misbehave(pytest.MonkeyPatch());"
        f"reader = ReadAhead(); reader.read({str(plain_video)!r}); (process,) = reader.process_ids;"
        f"reader.expect({str(named('hangs', plain_video, tmp_path))!r});"
        "os.waitid(os.P_PID, process, os.WSTOPPED | os.WNOWAIT); print(process)"
    )
    parent = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=600)
    assert parent.stderr == ""
    os.kill(int(parent.stdout), signal.SIGKILL)  # it stands still, and could not notice


def test_a_reader_that_nobody_holds_leaves_no_thread(fake: type[FakeWorker]) -> None:
    reader = ReadAhead(2, fake)
    reader.expect("/1")
    reader.expect("/2")
    settle(reader)
    threads = list(reader._threads)
    del reader
    for thread in threads:
        thread.join(600)
    assert not any(thread.is_alive() for thread in threads)
