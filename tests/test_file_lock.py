"""One run at a time; and those who only look see it, and do not stand in its way."""

import os

import pytest

from lvspec_cli import file_lock as module
from lvspec_cli.file_lock import is_locked, lock, unlock

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


@pytest.fixture
def a_program_that_has_inherited():
    """A process that holds all open files of this one, as every program does that has been forked and not yet run."""
    held: list[int] = []
    wait_here, go_on = os.pipe()

    def fork():
        held.append(os.fork())
        if held[-1] == 0:
            os.close(go_on)
            os.read(wait_here, 1)
            os._exit(0)

    yield fork
    os.close(go_on)
    os.close(wait_here)
    for child in held:
        os.waitpid(child, 0)


def test_a_file_that_is_given_back_is_free_whoever_was_forked_meanwhile(path, a_program_that_has_inherited):
    with open(path, "ab+") as run:
        assert lock(run)
        a_program_that_has_inherited()
        unlock(run)
    with open(path, "ab+") as next_run:
        assert lock(next_run)


def test_a_journal_and_a_file_of_results_are_free_once_they_are_closed(path, tmp_path, a_program_that_has_inherited):
    from lvspec_cli.batch.journal import JournalOptions, open_journal
    from lvspec_cli.batch.shard import Shard
    from lvspec_cli.output.partial_file import PartialFile

    partial = PartialFile(tmp_path / "all.jsonl.partial", "all.jsonl")
    assert partial.take()
    with open_journal(JournalOptions(path, Shard(1, 1)), {}):
        a_program_that_has_inherited()
        assert is_locked(path) is True
    partial.close()
    assert is_locked(path) is False
    assert PartialFile(tmp_path / "all.jsonl.partial", "all.jsonl").take()


def test_of_a_file_that_cannot_be_looked_at_nothing_is_known(path):
    assert is_locked(path.with_name("gone")) is None
