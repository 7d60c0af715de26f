"""One file of the results of many journals: each video once, in order, in any format that holds several."""

import csv
import json
import os
import re
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lvspec_cli.batch.journal import NAME, JournalOptions, open_journal
from lvspec_cli.batch.merge import Merged, MergeOptions, merge, merge_format
from lvspec_cli.batch.shard import Shard
from lvspec_cli.batch.status import read_status
from lvspec_cli.errors import LvspecError, UsageError
from tests.batch.journals import Video, failed, lines, write
from tests.output.captions import made


@pytest.fixture
def merged(tmp_path):
    """Merge the journals of some places (the folder of the test) into a file; return its records and the counts."""

    def run(*places, **options):
        place = tmp_path / "all.jsonl"
        counts = merge(read_status([*map(str, places or [tmp_path])]), MergeOptions(str(place), "jsonl", **options))
        return [json.loads(line) for line in place.read_text(encoding="utf-8").splitlines()], counts

    return run


def paths(records):
    return [record["path"] for record in records]


def test_records_are_those_of_the_journals_in_the_order_of_paths(tmp_path, merged):
    one = write(tmp_path, "c", failed("a"), shard="1/2")
    other = write(tmp_path, "d", "b", shard="2/2")
    records, counts = merged()
    known = {line["record"]["path"]: line["record"] for path in (one, other) for line in lines(path)[1:]}
    assert records == [known[name] for name in "abcd"]
    assert counts == Merged(3, 1, 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from("abcdef"), st.booleans()), min_size=1, max_size=12))
def test_every_video_comes_once_and_captioned_if_a_journal_says_so(tmp_path_factory, results):
    folder = tmp_path_factory.mktemp("merge")
    last = {}
    for index in (1, 2, 3):
        of_share = [(name, good) for share, name, good in results if share == index]
        write(folder, *(name if good else failed(name) for name, good in of_share), shard=f"{index}/3")
        last |= {(index, name): good for name, good in of_share}
    place = folder / "all.jsonl"
    counts = merge(read_status([str(folder)]), MergeOptions(str(place), "jsonl"))
    records = [json.loads(line) for line in place.read_text().splitlines()]
    good = {name for (_, name), captioned in last.items() if captioned}
    names = {name for _, name in last}
    assert {record["path"]: record["error"] is None for record in records} == {name: name in good for name in names}
    assert paths(records) == sorted(names)
    assert counts == Merged(len(good), len(names - good), 0)


@pytest.mark.parametrize("older", ["1/2", "2/2"])
def test_of_two_captions_the_newest_is_taken(tmp_path, merged, older):
    paths = {shard: write(tmp_path, made("a", f"by {shard}"), shard=shard) for shard in ("1/2", "2/2")}
    text = paths.pop(older).read_text()
    (newer,) = paths
    times = re.compile(r'"[^"]*\+00:00"')  # as older versions wrote them
    write(tmp_path, shard=older).write_text(times.sub('"2020-01-01T00:00:00+00:00"', text))
    assert [record["text"] for record in merged()[0]] == [f"by {newer}"]


def test_results_of_settings_that_were_left_behind_are_not_in_it(tmp_path, merged):
    write(tmp_path, "a", "b")
    with open_journal(JournalOptions(tmp_path / NAME, Shard(1, 1), overwrite=True), {"seed": 9}) as journal:
        journal.append(Video("b").key, made("b", "anew"), ())
    assert [(record["path"], record["text"]) for record in merged()[0]] == [("b", "anew")]


def test_failures_can_be_left_out(tmp_path, merged):
    write(tmp_path, "a", failed("b"), failed("c"))
    records, counts = merged(captioned_only=True)
    assert paths(records) == ["a"]
    assert counts == Merged(1, 0, 2)


@pytest.mark.parametrize("name", ["json", "csv", "md", "text"])
def test_other_formats_hold_the_same_videos(tmp_path, name):
    write(tmp_path, "a", failed("b"), made("c", "first", "second"))
    place = tmp_path / "all"
    counts = merge(read_status([str(tmp_path)]), MergeOptions(str(place), name))
    content = place.read_text(encoding="utf-8")
    if name == "json":
        assert paths(json.loads(content)) == ["a", "b", "c"]
    elif name == "csv":
        assert [row["path"] for row in csv.DictReader(content.splitlines())] == ["a", "b", "c", "c"]
    elif name == "md":
        assert [line for line in content.splitlines() if line.startswith("#")] == ["# a", "# b", "# c"]
    else:
        assert [line.split("\t")[0] for line in content.splitlines()] == ["a", "c", "c"]
    assert counts == (Merged(2, 0, 1) if name == "text" else Merged(2, 1, 0))


def test_the_form_does_not_depend_on_how_many_there_are(tmp_path):
    write(tmp_path, "a")
    merge(read_status([str(tmp_path)]), MergeOptions(str(tmp_path / "all.json"), "json"))
    assert paths(json.loads((tmp_path / "all.json").read_text())) == ["a"]


def test_different_settings_are_refused_by_name(tmp_path, merged):
    write(tmp_path, "a", name="one.jsonl")
    write(tmp_path, "b", name="two.jsonl", settings={"seed": 1, "words": ["a", "b"]})
    with pytest.raises(
        UsageError, match=r"one\.jsonl and .*two\.jsonl have different settings \(seed was 0 and is 1\)"
    ):
        merged(tmp_path / "one.jsonl", tmp_path / "two.jsonl")


def test_nothing_to_merge_leaves_an_older_file_alone(tmp_path, merged):
    write(tmp_path, failed("a"))
    (tmp_path / "all.jsonl").write_text("older\n")
    with pytest.raises(UsageError, match="no video is captioned yet, and 1 failed"):
        merged(captioned_only=True)
    assert (tmp_path / "all.jsonl").read_text() == "older\n"


def test_a_journal_that_changes_meanwhile_leaves_an_older_file_alone(tmp_path):
    path = write(tmp_path, "a", "b")
    (tmp_path / "all.jsonl").write_text("older\n")
    status = read_status([str(tmp_path)])
    os.truncate(path, path.stat().st_size - 10)
    with pytest.raises(LvspecError, match="was changed or taken away"):
        merge(status, MergeOptions(str(tmp_path / "all.jsonl"), "jsonl"))
    assert (tmp_path / "all.jsonl").read_text() == "older\n"


def test_a_line_whose_record_lacks_something_is_told_of_with_its_video(tmp_path, merged):
    path = write(tmp_path, "a", "b")
    *kept, last = map(json.loads, path.read_text().splitlines())
    del last["record"]["segments"]
    path.write_text("".join(json.dumps(line) + "\n" for line in [*kept, last]))
    with pytest.raises(LvspecError, match=r"or its line of /videos/b is damaged: merge again"):
        merged()


def test_neither_a_journal_nor_a_video_is_written_over(tmp_path):
    path = write(tmp_path, "a")
    before = path.read_bytes()
    (tmp_path / "link").symlink_to(path)
    status = read_status([str(tmp_path)])
    for place in (path, tmp_path / "link"):
        with pytest.raises(UsageError, match="is one of the journals"):
            merge(status, MergeOptions(str(place), "jsonl"))
    with pytest.raises(UsageError, match="is one of the videos"):
        merge(status, MergeOptions("/videos/a", "jsonl"))
    assert path.read_bytes() == before


def test_records_are_not_held_in_memory(tmp_path):
    large = 200_000
    write(tmp_path, *(made(f"{index}", "x" * large) for index in range(20)))
    place = str(tmp_path / "all.jsonl")
    tracemalloc.start()
    merge(read_status([str(tmp_path)]), MergeOptions(place, "jsonl"))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A record says its text twice, and is there as bytes, as text and as values at a time.
    assert most < 20 * large < os.path.getsize(place)


@pytest.mark.parametrize(
    ("name", "output", "expected"),
    [
        (None, None, "jsonl"),
        (None, "all.csv", "csv"),
        (None, "all.JSON", "json"),
        (None, "all", "jsonl"),
        (None, "all.dat", "jsonl"),
        ("md", "all.csv", "md"),
        ("text", None, "text"),
    ],
)
def test_the_format_is_named_or_told_by_the_suffix(name, output, expected):
    assert merge_format(name, output) == expected


@pytest.mark.parametrize(
    ("name", "output", "said"),
    [
        (None, "all.srt", "srt holds one video"),
        ("vtt", None, "vtt holds one video"),
        ("jsnl", None, "not 'jsnl'; did you mean 'jsonl'?"),
        ("json,csv", None, "--format must be one of text, json, jsonl, csv, md, not"),
    ],
)
def test_other_formats_are_refused(name, output, said):
    with pytest.raises(UsageError) as caught:
        merge_format(name, output)
    assert said in str(caught.value)
