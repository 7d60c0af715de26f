"""Where videos come from: any name, any list, any tree; and lists that are none."""

import errno
import io
import os
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.batch import inputs
from lvspec_cli.batch.inputs import VIDEO_SUFFIXES, gather_inputs
from lvspec_cli.batch.journal import NAME
from lvspec_cli.errors import UsageError
from tests.batch.conftest import entries, told

posix = pytest.mark.skipif(os.name == "nt", reason="names are others there")
ODD_NAMES = [
    "a b.mp4",
    "a\nb.mp4",
    "-a.mp4",
    "--overwrite.mp4",
    "été ☃.mp4",
    "caf\udce9.mp4",
    "#a.mp4",
    " a .mp4",
    "a\tb.mp4",
]
ODD_NAMES += ["\x1b[31mred.mp4", "$(x).mp4", "'\".mp4", "*.mp4", "\\n.mp4", "a\r.mp4", "a" * 240 + ".mp4"]


def listed(content, monkeypatch, *, null=False):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    return gather_inputs([], recursive=False, from_file="-", null=null).paths


def found(*paths):
    return gather_inputs(list(paths), recursive=True, from_file=None, null=False).paths


# Names.


@posix
def test_any_name_in_a_folder_is_captioned_once_and_mirrored(run, captioned, tmp_path):
    (tmp_path / "in" / "-sub\n☃").mkdir(parents=True)
    for name in ODD_NAMES:
        for folder in ("in", "in/-sub\n☃"):
            (tmp_path / folder / name).write_text("word 1")
    assert run("in", "-r", "-o", "out/").code == 0
    assert sorted(captioned()) == sorted(os.path.join(f, n) for f in ("in", "in/-sub\n☃") for n in ODD_NAMES)
    texts = sorted(name.removesuffix(".mp4") + ".txt" for name in ODD_NAMES)
    assert sorted(os.listdir("out")) == sorted([*texts, "-sub\n☃", NAME])
    assert sorted(os.listdir("out/-sub\n☃")) == texts
    assert (run("in", "-r", "-o", "out/").code, captioned()) == (0, [])


@posix
@pytest.mark.parametrize("null", [True, False])
def test_any_name_may_be_in_a_list(run, captioned, tmp_path, null):
    names = [name for name in ODD_NAMES if null or not ("\n" in name or name.startswith("#") or name.endswith("\r"))]
    names = [name for name in names if null or name.strip()]
    for name in names:
        (tmp_path / name).write_text("word 1")
    (tmp_path / "list").write_bytes(b"".join(os.fsencode(name) + (b"\0" if null else b"\n") for name in names))
    given = ["--from-file", "list", *(["-0"] if null else []), "-o", "out/"]
    assert (run(*given).code, captioned()) == (0, names)
    assert (run(*given).code, captioned()) == (0, [])


@posix
def test_a_name_with_a_leading_dash_comes_after_two(run, captioned, tmp_path):
    (tmp_path / "-r.mp4").write_text("word 1")
    assert run("--", "-r.mp4").code == 0
    assert run("./-r.mp4").code == 0
    assert captioned() == ["-r.mp4", "./-r.mp4"]


def test_names_steer_no_terminal_and_break_no_line(run, tmp_path):
    (tmp_path / "\x1b[31ma\nb.mp4").write_text("word 1")
    outcome = run("\x1b[31ma\nb.mp4", "gone\x1b[0m.mp4")
    assert "\x1b" not in outcome.err
    assert len(outcome.out.splitlines()) == 1


def test_videos_of_one_stem_keep_their_full_names_also_for_each_share_alone(run, captioned, tmp_path):
    for name in ("a.mp4", "a.mkv", "b.mp4"):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_text(f"word {name}")
    for share in ("1/3", "2/3", "3/3"):
        assert run("in", "-r", "-o", "out/", "--shard", share).code == 0
    assert sorted(name for name in os.listdir("out") if not name.startswith(".")) == ["a.mkv.txt", "a.mp4.txt", "b.txt"]
    assert (tmp_path / "out" / "a.mkv.txt").read_text() == "seen: a.mkv\n"
    assert len(captioned()) == 3


def test_a_video_that_is_found_twice_is_captioned_once(run, captioned, tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "sub" / "a.mp4").write_text("word 1")
    assert run("in", "in/sub", "-r", "-o", "out/").code == 0
    assert captioned() == ["in/sub/a.mp4"]
    assert entries(tmp_path / "out") == {"a.mp4": None}


@posix
@pytest.mark.parametrize("kept", [["-o", "out/"], ["--format", "jsonl"], ["--sidecar"]])
def test_a_path_that_is_named_again_is_captioned_once_and_told_of(run, captioned, tmp_path, kept):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").write_text("word 1")
    outcome = run("-r", "in/a.mp4", "in", "in/../in//a.mp4", str(tmp_path / "in" / "a.mp4"), *kept)
    assert (outcome.code, captioned()) == (0, ["in/a.mp4"])
    again = f"in/a.mp4, in/../in//a.mp4, {tmp_path / 'in' / 'a.mp4'}"
    assert [line for line in told(outcome) if "again" in line] == [f"named again, and captioned once: {again}"]


@posix
def test_two_videos_whose_paths_look_alike_behind_a_link_are_two(run, captioned, tmp_path):
    (tmp_path / "other" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("other/deep")
    (tmp_path / "a.mp4").write_text("word 1")
    (tmp_path / "other" / "a.mp4").write_text("word 2")
    given = ["a.mp4", "link/../a.mp4", "--journal", "j.jsonl"]
    assert run(*given).out == "a.mp4\tseen: 1\nlink/../a.mp4\tseen: 2\n"
    captioned()
    assert run("other/a.mp4", "--journal", "j.jsonl").code == 0
    assert captioned() == []


@posix
def test_a_link_is_a_video_of_its_own_name(run, captioned, tmp_path):
    (tmp_path / "a.mp4").write_text("word 1")
    (tmp_path / "b.mp4").symlink_to("a.mp4")
    assert run("a.mp4", "b.mp4", "-o", "out/").code == 0
    assert captioned() == ["a.mp4", "b.mp4"]
    assert [line for line in told(run("a.mp4", "b.mp4", "-o", "out/")) if "again" in line] == []


def test_a_video_that_joins_one_of_its_stem_leaves_the_file_of_before_and_is_told_of(run, captioned, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").write_text("word 1")
    run("in", "-r", "-o", "out/")
    (tmp_path / "in" / "a.webm").write_text("word 2")
    captioned()
    outcome = run("in", "-r", "-o", "out/")
    assert captioned() == ["in/a.webm"]
    assert {path.name: path.read_text() for path in (tmp_path / "out").glob("*.txt")} == {
        "a.txt": "seen: 1\n",
        "a.mp4.txt": "seen: 1\n",
        "a.webm.txt": "seen: 2\n",
    }
    said = (
        f"{Path('out/a.txt')}: left as it was; several videos share that stem, so the files of each have its full name"
    )
    assert said in told(outcome)
    (tmp_path / "out" / "a.txt").unlink()
    assert not any("stem" in line for line in told(run("in", "-r", "-o", "out/")))


# Folders.


def test_folders_are_searched_in_order_for_visible_videos(tmp_path):
    names = [
        "b.mp4",
        "a.MKV",
        "c/d.webm",
        "c.txt",
        ".hidden.mp4",
        ".git/e.mp4",
        "c/.lvspec-12.mp4",
        "mp4",
        "a.mp4.partial",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert found(str(tmp_path)) == tuple(str(tmp_path / name) for name in ("a.MKV", "b.mp4", "c/d.webm"))
    assert found(str(tmp_path / "b.mp4"), str(tmp_path / "c")) == (str(tmp_path / "b.mp4"), str(tmp_path / "c/d.webm"))
    assert found(str(tmp_path / "c.txt")) == (str(tmp_path / "c.txt"),)  # what is named itself is taken


@posix
def test_links_that_lead_in_a_circle_are_not_followed(tmp_path):
    (tmp_path / "a.mp4").write_text("")
    (tmp_path / "again").symlink_to(tmp_path)
    assert found(str(tmp_path)) == (str(tmp_path / "a.mp4"),)


def test_a_folder_without_videos_is_refused_and_says_what_was_looked_for(tmp_path):
    with pytest.raises(UsageError, match=r"no video in .* or below: looked for \.3gp \.asf"):
        found(str(tmp_path))
    assert all(suffix == suffix.lower() for suffix in VIDEO_SUFFIXES)


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """A folder with videos, one of whose folders cannot be read, not even by the superuser."""
    for name in ("in/a.mp4", "in/sub.mp4", "in/sub/b.mp4", "in/z/c.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"word {name}")
    monkeypatch.chdir(tmp_path)
    scandir = os.scandir

    def refuse(path="."):
        if os.path.basename(path) == "sub":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    return os.path.join("in", "sub")


@posix
@pytest.mark.parametrize("kept", [["-o", "out/"], ["--format", "jsonl"], ["--sidecar"]])
def test_a_folder_that_cannot_be_read_is_one_failure_and_costs_no_other_video(run, captioned, locked, kept):
    outcome = run("in", "-r", *kept)
    assert (outcome.code, captioned()) == (1, ["in/a.mp4", "in/sub.mp4", "in/z/c.mp4"])
    assert told(outcome)[-1] == "3 captioned, 1 failed"
    assert "in/sub" in told(outcome)[0]
    assert kept[0] != "-o" or sorted(os.listdir("out")) == [NAME, "a.txt", "sub.txt", "z"]


@posix
def test_a_named_folder_that_cannot_be_read_is_refused(locked):
    with pytest.raises(UsageError, match="in/sub cannot be read: Permission denied"):
        found("in", locked)


def test_a_folder_whose_folders_hold_videos_says_that_r_looks_there(tmp_path):
    (tmp_path / "in" / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "notes.txt").write_text("")
    flags = {"recursive": False, "from_file": None, "null": False}
    assert gather_inputs([str(tmp_path / "in")], **flags).paths == (str(tmp_path / "in"),)
    (tmp_path / "in" / "sub" / "deep" / "a.mp4").write_text("")
    with pytest.raises(UsageError, match="has no images, but there are videos in it or below: add -r"):
        gather_inputs([str(tmp_path / "in")], **flags)
    (tmp_path / "in" / "1.png").write_text("")
    assert gather_inputs([str(tmp_path / "in")], **flags).paths == (str(tmp_path / "in"),)


def test_results_among_the_videos_are_no_videos(run, captioned, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mp4").write_text("word 1")
    for _ in range(2):
        assert run("in", "-r", "-o", "in/", "--format", "text,json").code == 0
    assert captioned() == ["in/a.mp4"]


# Lists.


@pytest.mark.parametrize(
    ("content", "paths"),
    [
        (b"a.mp4\nb.mp4\n", ["a.mp4", "b.mp4"]),
        (b"a.mp4\nb.mp4", ["a.mp4", "b.mp4"]),
        (b"\n\n  \na.mp4\r\n\r\n#b.mp4\n # c.mp4\n", ["a.mp4", " # c.mp4"]),
        (b"\xef\xbb\xbfa.mp4\n", ["a.mp4"]),
        (b"\xef\xbb\xbf# made by an editor\na.mp4\n", ["a.mp4"]),
        (b"caf\xe9.mp4\n", ["caf\udce9.mp4"]),
    ],
)
def test_a_list_has_a_path_a_line(monkeypatch, content, paths):
    assert listed(content, monkeypatch) == tuple(paths)


PATHS = st.lists(
    st.binary(min_size=1, max_size=20).filter(
        lambda path: b"\0" not in path and path != b"-" and not os.path.isdir(path)
    ),
    min_size=1,
    unique_by=os.path.abspath,
)


@given(PATHS)
def test_a_list_with_nul_gives_back_every_path(paths):
    with pytest.MonkeyPatch.context() as patch:
        assert listed(b"\0".join(paths) + b"\0", patch, null=True) == tuple(map(os.fsdecode, paths))


def test_a_list_is_read_whatever_pieces_it_comes_in(monkeypatch):
    monkeypatch.setattr(inputs, "_READ_AT_ONCE", 3)
    assert listed(b"first.mp4\r\nsecond.mp4\n", monkeypatch) == ("first.mp4", "second.mp4")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# nothing\n", b"\xef\xbb\xbf"])
def test_an_empty_list_names_no_video(monkeypatch, content):
    with pytest.raises(UsageError, match="no video given"):
        listed(content, monkeypatch)


@pytest.mark.parametrize(
    ("null", "said"),
    [(False, "has NUL characters: if they end its paths, add -0"), (True, "is larger than 8 MiB: cut")],
)
@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="there is no /dev/zero")
def test_a_list_without_end_is_refused_in_bounded_memory(monkeypatch, null, said):
    monkeypatch.setattr(inputs, "LARGEST_LIST", 8 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match=f"--from-file /dev/zero {said}"):
            gather_inputs([], recursive=False, from_file="/dev/zero", null=null)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_the_largest_list_is_a_list_of_millions():
    assert inputs.LARGEST_LIST >= 1_000_000 * 200


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_list_may_come_from_a_pipe_with_a_name(tmp_path):
    read, write = os.pipe()  # as a shell gives it for <(find ...)
    os.write(write, b"a.mp4\nb.mp4\n")
    os.close(write)
    assert gather_inputs([], recursive=False, from_file=f"/dev/fd/{read}", null=False).paths == ("a.mp4", "b.mp4")
    os.close(read)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"a.mp4\n-\n", "a video cannot come from stdin"), (b"a.mp4\n\0b.mp4\n", "has NUL characters")],
)
def test_what_is_no_path_in_a_list_is_refused(monkeypatch, content, said):
    with pytest.raises(UsageError, match=said):
        listed(content, monkeypatch)


@pytest.mark.parametrize("content", [b"a.mp4\nb.mp4\n", b"a.mp4\n"])
def test_a_list_of_lines_is_not_taken_for_one_long_path(monkeypatch, content):
    with pytest.raises(UsageError, match="--from-file - has no NUL characters, by which -0 parts paths: leave -0 out"):
        listed(content, monkeypatch, null=True)


def test_a_list_of_one_is_a_list(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"a.mp4\n")))
    assert gather_inputs([], recursive=False, from_file="-", null=False).several
    assert not gather_inputs(["a.mp4"], recursive=False, from_file=None, null=False).several


@pytest.mark.parametrize("named", [True, False])
def test_a_task_of_a_slurm_array_that_names_its_own_videos_takes_them_all(run, tmp_path, monkeypatch, named):
    videos = [f"in/{number}.mp4" for number in range(20)]
    (tmp_path / "in").mkdir()
    for video in videos:
        (tmp_path / video).write_text("word 1")
    for name, value in {"ID": "1", "COUNT": "2", "MIN": "1", "MAX": "2"}.items():
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    captioned = len(run(*(videos if named else ["in", "-r"])).out.splitlines())
    assert captioned == 20 if named else 0 < captioned < 20
