"""Shares: every video is in one of them, and in the same one whoever asks."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.batch.shard import Shard, share_in_name
from lvspec_cli.errors import UsageError
from lvspec_cli.output.naming import Source

names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..")
)
below = st.lists(names, min_size=1, max_size=3).map("/".join)
counts = st.integers(1, 40)


def share(source, count):
    """The number of the share that takes a video; there must be exactly one."""
    (found,) = (index for index in range(1, count + 1) if Shard(index, count).takes(source))
    return found


@given(names, counts)
def test_every_video_is_in_exactly_one_share(name, count):
    assert 1 <= share(Source(name), count) <= count


@given(below, counts, names, names)
def test_the_folder_that_is_searched_plays_no_part(path, count, one, other):
    def at(base):
        return Source(os.path.join(base, path), base=base)

    assert share(at(one), count) == share(at(f"/{other}/{one}"), count) == share(Source(path), count)


@given(st.lists(names, unique=True, max_size=30), counts, st.randoms())
def test_neither_the_order_nor_the_other_videos_play_a_part(paths, count, chance):
    before = {path: share(Source(path), count) for path in paths}
    chance.shuffle(paths)
    fewer = paths[: len(paths) // 2]
    assert all(before[path] == share(Source(path), count) for path in fewer)


@pytest.mark.parametrize(
    ("path", "shares"),
    [
        ("a.mp4", (1, 2, 1, 849)),
        ("b.mp4", (1, 1, 1, 329)),
        ("day 1/c.mp4", (1, 2, 7, 919)),
        ("\u00e9.mp4", (2, 2, 6, 22)),
        ("-x.mp4", (1, 3, 3, 875)),
    ],
)
def test_shares_stay_what_they_are(path, shares):
    """A run that goes on with another version takes the same videos; docs/journal.md says how they are found."""
    assert tuple(share(Source(path), count) for count in (2, 3, 8, 1000)) == shares


@pytest.mark.skipif(os.name == "nt", reason="names are no bytes there")
def test_a_name_that_is_not_utf8_has_a_share():
    assert share(Source(os.fsdecode(b"\xff.mp4")), 3) in (1, 2, 3)


def test_shares_of_many_videos_are_about_equal():
    count, videos = 8, 8000
    sizes = [sum(Shard(index, count).takes(Source(f"v{i}.mp4")) for i in range(videos)) for index in (1, 4, 8)]
    assert all(900 < size < 1100 for size in sizes)


@pytest.mark.parametrize(
    "text", ["", "1", "0/3", "4/3", "1/0", "-1/3", "1/3/3", "1 /3", "\u0661/3", "a/b", "1/" + "9" * 10]
)
def test_what_is_no_share_is_refused(text):
    with pytest.raises(UsageError, match="--shard must be I/N"):
        Shard.parse(text)


@given(st.integers(1, 50), st.integers(0, 50), st.data())
def test_tasks_of_a_slurm_array_take_all_shares(count, first, data):
    task = data.draw(st.integers(first, first + count - 1))
    variables = {"SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_COUNT": count, "SLURM_ARRAY_TASK_MIN": first}
    found = Shard.of_slurm({name: str(value) for name, value in variables.items()})
    assert found == Shard(task - first + 1, count)


def array(task, numbers, step=None):
    """What Slurm tells a task of an array of these numbers."""
    told = {"ID": task, "COUNT": len(numbers), "MIN": min(numbers), "MAX": max(numbers)}
    return {
        f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in ({**told, "STEP": step} if step else told).items()
    }


@given(st.integers(1, 50), st.integers(0, 50), st.integers(1, 9), st.booleans())
def test_tasks_that_are_numbered_in_equal_steps_take_all_shares(count, first, step, told):
    numbers = range(first, first + count * step, step)
    found = [Shard.of_slurm(array(task, numbers, step if told else None)) for task in numbers]
    assert found == [Shard(index, count) for index in range(1, count + 1)]


@pytest.mark.parametrize(
    ("numbers", "step"), [((1, 3, 6), 1), ((1, 2, 5), 1), ((0, 1, 2, 6), 1), ((0, 2, 4, 7), 2), ((0, 3, 6, 7), 3)]
)
def test_no_task_of_an_array_with_gaps_begins(numbers, step):
    for task in numbers:
        with pytest.raises(UsageError, match=r"have gaps .* give --shard I/N to each task"):
            Shard.of_slurm(array(task, numbers, step))


def test_a_task_that_is_not_among_the_numbers_is_refused():
    variables = {"SLURM_ARRAY_TASK_ID": "6", "SLURM_ARRAY_TASK_COUNT": "3", "SLURM_ARRAY_TASK_MIN": "2"}
    with pytest.raises(UsageError, match="have gaps"):
        Shard.of_slurm(variables)


@pytest.mark.parametrize(
    "variables", [{}, {"SLURM_ARRAY_TASK_ID": "3"}, {"SLURM_ARRAY_TASK_ID": "", "SLURM_ARRAY_TASK_COUNT": "2"}]
)
def test_outside_of_an_array_there_is_no_share(variables):
    assert Shard.of_slurm(variables) is None


@pytest.mark.parametrize("name", ["j.jsonl", ".lvspec.journal.jsonl", "journal", "a.b.c", ".j", "a\nb.jsonl"])
@pytest.mark.parametrize("shard", [Shard(1, 2), Shard(12, 100)], ids=str)
def test_the_journal_of_a_share_tells_by_its_name_whose_it_is(name, shard):
    path = Path("folder", name)
    assert share_in_name(shard.journal(path)) == (path, shard)
    assert share_in_name(path) == (path, None)


@pytest.mark.parametrize(
    "name", ["j.3-of-2.jsonl", "j.0-of-2.jsonl", "j.x-of-2.jsonl", "j1-of-2.jsonl", "j.1-of-.jsonl"]
)
def test_what_is_called_otherwise_is_no_journal_of_a_share(name):
    assert share_in_name(Path(name)) == (Path(name), None)
