"""One run at a time; and those who only look see it, and do not stand in its way."""

import os

import pytest

from lvspec_cli import file_lock as module
from lvspec_cli.file_lock import is_locked, lock, release

pytestmark = pytest.mark.skipif(os.name == "nt", reason="one process can lock a file twice there")


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "j.jsonl"
    path.write_bytes(b"")
    return path


def test_a_second_run_does_not_get_the_file(path):
    with open(path, "ab+") as one, open(path, "ab+") as other:
        assert lock(one)
        assert not lock(other)
    with open(path, "ab+") as third:
        assert lock(third)


def test_a_file_that_was_given_back_is_free_though_a_child_holds_a_copy_of_it(path):
    with open(path, "ab+") as run:
        assert lock(run)
        copy = os.dup(run.fileno())
        release(run)
    assert is_locked(path) is False
    os.close(copy)


def test_who_looks_sees_a_run_and_changes_nothing(path):
    assert is_locked(path) is False
    with open(path, "ab+") as run:
        assert lock(run)
        assert is_locked(path) is True
        assert is_locked(path) is True
    assert is_locked(path) is False
    assert path.read_bytes() == b""


def test_a_run_that_begins_while_somebody_looks_gets_the_file(path, monkeypatch):
    import fcntl

    looking = open(path, "rb")  # noqa: SIM115 - closed when the run waits
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: looking.close())
    with open(path, "ab+") as run:
        assert lock(run)


def test_a_run_does_not_wait_for_ever(path, monkeypatch):
    import fcntl

    pauses = []
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    with open(path, "rb") as looking, open(path, "ab+") as run:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert not lock(run)
    assert 0.5 < sum(pauses) < 5


def test_of_a_file_that_cannot_be_looked_at_nothing_is_known(path):
    assert is_locked(path.with_name("gone")) is None
