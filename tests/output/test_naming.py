"""The names of files for single videos: the tree of the input folder, and no two videos in one file."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.errors import UsageError
from lvspec_cli.output.naming import Source, name_of, name_without_others, output_paths


def files(sources, folder, *, case_counts=True):
    return [str(path) for (path,) in output_paths(sources, folder, [".txt"], lambda _: case_counts).values()]


@pytest.mark.parametrize(
    ("source", "folder", "path"),
    [
        (Source("clip.mp4"), "out", "out/clip.txt"),
        (Source("a/b/clip.mp4"), "out", "out/clip.txt"),
        (Source("/a/b/clip.mp4"), "out/", "out/clip.txt"),
        (Source("in/clip.mp4", base="in"), "out", "out/clip.txt"),
        (Source("in/a/b/clip.mp4", base="in"), "out", "out/a/b/clip.txt"),
        (Source("in/a/clip.mp4", base="in/"), "out", "out/a/clip.txt"),
        (Source("./a/clip.mp4", base="."), "out", "out/a/clip.txt"),
        (Source("../in/a/clip.mp4", base="../in"), "out", "out/a/clip.txt"),
        (Source("clip.mp4"), None, "clip.txt"),
        (Source("in/a/clip.mp4", base="in"), None, "in/a/clip.txt"),
        (Source("a.b/clip.v2.mp4"), None, "a.b/clip.v2.txt"),
        (Source("a.b/clip"), None, "a.b/clip.txt"),
        (Source("in/.mp4"), None, "in/.mp4.txt"),
        (Source("shots/", is_folder=True), None, "shots.txt"),
        (Source("in/shots.2024", is_folder=True), None, "in/shots.2024.txt"),
        (Source("in/shots.2024//", is_folder=True), "out", "out/shots.2024.txt"),
    ],
)
def test_a_file_is_named_after_its_video(source, folder, path):
    assert files([source], folder) == [path]


def test_the_folder_one_stands_in_has_a_name_too(tmp_path, monkeypatch):
    (tmp_path / "shots.1" / "more").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "shots.1")
    for path in (".", "./", "more/.."):
        assert files([Source(path, is_folder=True)], None) == [str(tmp_path / "shots.1.txt")]
        assert files([Source(path, is_folder=True)], "out") == ["out/shots.1.txt"]


def test_videos_of_one_stem_in_one_place_keep_their_full_names():
    sources = [Source(path) for path in ("x.mp4", "a/x.mkv", "y.mp4", "X.mov")]
    assert files(sources, "out") == ["out/x.mp4.txt", "out/x.mkv.txt", "out/y.txt", "out/X.txt"]
    assert files(sources, None) == ["x.txt", "a/x.txt", "y.txt", "X.txt"]


def test_where_case_does_not_count_names_that_differ_in_it_are_one_stem():
    sources = [Source(path) for path in ("x.mp4", "a/x.mkv", "y.mp4", "X.mov")]
    expected = ["out/x.mp4.txt", "out/x.mkv.txt", "out/y.txt", "out/X.mov.txt"]
    assert files(sources, "out", case_counts=False) == expected
    assert files(sources, None, case_counts=False) == ["x.mp4.txt", "a/x.txt", "y.txt", "X.mov.txt"]


def test_where_case_counts_names_that_differ_in_it_are_two():
    assert files([Source("x.mp4"), Source("X.mp4"), Source("a/x.mp4"), Source("A/x.mp4")], None) == [
        "x.txt",
        "X.txt",
        "a/x.txt",
        "A/x.txt",
    ]


def test_the_disk_is_asked_only_for_folders_of_names_that_differ_in_case_alone():
    asked = set()

    def ask(folder):
        asked.add(folder)
        return True

    output_paths([Source("a/x.mp4"), Source("a/y.mp4"), Source("b/x.mp4"), Source("c/X.mp4")], None, [".txt"], ask)
    assert asked == set()
    output_paths([Source("a/x.mp4"), Source("a/y.mp4"), Source("b/x.mp4"), Source("b/X.mp4")], None, [".txt"], ask)
    assert asked == {"b"}


def test_a_folder_that_could_not_be_searched_has_no_files_and_takes_no_name_from_a_video():
    sources = [Source("in/x", base="in", unreadable=True), Source("in/x.mp4", base="in")]
    assert output_paths(sources, "out", [".txt"], lambda _: True) == {"in/x.mp4": [Path("out/x.txt")]}


@pytest.mark.parametrize(
    ("video", "file", "before"),
    [("a/x.mp4", "out/x.mp4.txt", "out/x.txt"), ("x.mp4", "x.txt", None), ("x", "x.txt", None)],
)
def test_a_full_name_tells_what_the_file_would_be_called_without_others(video, file, before):
    assert name_without_others(Source(video), Path(file)) == (before and Path(before))


def test_videos_of_one_name_in_different_places_of_a_tree_are_apart():
    sources = [Source("in/a/x.mp4", base="in"), Source("in/b/x.mp4", base="in")]
    assert files(sources, "out") == ["out/a/x.txt", "out/b/x.txt"]


@pytest.mark.parametrize(
    ("sources", "folder", "complaint"),
    [
        (
            [Source("a/x.mp4"), Source("b/x.mp4")],
            "out",
            "a/x.mp4 and b/x.mp4 would both be written to out/x.mp4.txt",
        ),
        (
            [Source("x.mp4"), Source("x.mkv"), Source("x.mp4.mov")],
            None,
            "and x.mp4.mov would .* to x.mp4.txt: rename",
        ),
    ],
)
def test_two_videos_for_one_file_are_refused_by_name(sources, folder, complaint):
    with pytest.raises(UsageError, match=complaint):
        files(sources, folder)


@pytest.mark.parametrize(
    ("paths", "complaint"),
    [
        (("x.mp4", "X.MP4"), "x.mp4 and X.MP4 would .* to X.MP4.txt, for case does not count there: rename"),
        (("a/x.mp4", "A/x.mp4"), "a/x.mp4 and A/x.mp4 would .* to A/x.mp4.txt, for case does not count there"),
    ],
)
def test_two_videos_for_one_file_are_refused_where_case_does_not_count(paths, complaint):
    with pytest.raises(UsageError, match=complaint):
        files([*map(Source, paths)], None, case_counts=False)


PARTS = st.sampled_from(["a", "b", "x", "X", "x.mp4", "y.y", ".z", "\u00e9"])
PATHS = st.builds(
    lambda parts, suffix: os.path.join("in", *parts) + suffix,
    st.lists(PARTS, min_size=1, max_size=4),
    st.sampled_from(["", ".mp4", ".mkv"]),
)


@given(st.lists(PATHS, min_size=1, max_size=6, unique=True), st.sampled_from([None, "out"]), st.booleans())
def test_every_video_of_a_tree_has_a_file_of_its_own_in_the_place_that_is_its(paths, folder, case_counts):
    sources = [Source(path, base="in") for path in paths]
    names = [name_of(source, folder) for source in sources]
    folded = str if case_counts else str.casefold
    try:
        found = [*output_paths(sources, folder, [".txt", ".srt"], lambda _: case_counts).values()]
    except UsageError:
        # Only what keeps its full name can meet one whose stem is that name, and what differs in case alone.
        full = [folded(os.path.join(name.place, name.full)) for name in names]
        stems = {folded(os.path.join(name.place, name.stem)) for name in names}
        assert len(set(full)) < len(full) or set(full) & stems
        return
    assert len({folded(str(path)) for each in found for path in each}) == 2 * len(sources)
    for source, name, (text, subtitles) in zip(sources, names, found, strict=True):
        assert text.name in (name.full + ".txt", name.stem + ".txt")
        assert subtitles == text.with_suffix(".srt")
        place = os.path.dirname(source.path)
        assert text.parent == Path(place if folder is None else place.replace("in", "out", 1))
