"""A worker is stopped from another thread: at once, for good, and whatever its child does."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from lvspec_cli.video import child
from lvspec_cli.video.worker import VideoWorker, WorkerStopped
from tests.video.misbehaving import attempts, misbehave, named

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


def _outcome(worker: VideoWorker, path: Path) -> tuple[threading.Thread, list[BaseException]]:
    """A thread that reads, and what is raised there."""
    raised: list[BaseException] = []

    def read() -> None:
        try:
            worker.read(path)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    return thread, raised


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="needs to learn that a process stopped")
def test_another_thread_stops_a_worker_that_hangs_and_nothing_is_tried_again(
    plain_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    misbehave(monkeypatch)
    with VideoWorker() as worker:
        worker.read(plain_video)
        hung = worker.process_id
        assert hung is not None
        thread, raised = _outcome(worker, named("hangs", plain_video, tmp_path))
        os.waitid(os.P_PID, hung, os.WSTOPPED | os.WNOWAIT)
        worker.stop()
        thread.join(10)
        assert [type(error) for error in raised] == [WorkerStopped]
        assert attempts(tmp_path) == 1
        with pytest.raises(ProcessLookupError):
            os.kill(hung, 0)
        with pytest.raises(WorkerStopped):  # for good
            worker.read(plain_video)
        assert worker.process_id is None


def test_a_worker_is_stopped_while_its_child_starts(plain_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "BOOT", "import sys; sys.stdin.read()")  # it never gets ready
    waits, wait_until_ready = threading.Event(), child.ReaderProcess.wait_until_ready

    def told(process: child.ReaderProcess) -> None:
        waits.set()
        wait_until_ready(process)

    monkeypatch.setattr(child.ReaderProcess, "wait_until_ready", told)
    with VideoWorker() as worker:
        thread, raised = _outcome(worker, plain_video)
        assert waits.wait(10)
        worker.stop()
        thread.join(10)
        assert len(raised) == 1
        assert worker.process_id is None
