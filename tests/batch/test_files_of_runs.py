"""Whose the files in a place are: a run replaces those that runs of its journal made of a video, and no other file."""

import errno
import json
import os

import pytest

from lvspec_cli.batch import local
from lvspec_cli.batch.attempt import attempt
from lvspec_cli.batch.journal import NAME
from tests.batch.conftest import lines, told

TEXT, ALL = ["-o", "out/"], ["-o", "out/", "--format", "text,json,srt"]


@pytest.fixture
def content(tmp_path):
    """What is in a file of the folder of results; None if it is not there."""

    def read(name):
        path = tmp_path / "out" / name
        return path.read_text() if path.exists() else None

    return read


def files_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != NAME)


def forget_files(journal):
    """Leave a journal as an older version wrote it."""
    older = [{key: value for key, value in line.items() if key != "files"} for line in lines(journal)]
    journal.write_text("".join(json.dumps(line) + "\n" for line in older))


# Formats that a run does not ask for.


@pytest.mark.parametrize("again", [[], ["--overwrite"], ["--overwrite", "--max-tokens", "7"]])
def test_a_video_that_is_done_anew_leaves_no_file_of_its_old_caption(run, videos, captioned, content, tmp_path, again):
    names = videos(a="word old", b="word 2")
    assert run(*names, *ALL).code == 0
    videos(a="word new and longer")
    assert run("a.mp4", *TEXT, *again).code == 0
    assert content("a.txt") == "seen: new and longer\n"
    assert files_in(tmp_path / "out") == ["a.txt", "b.json", "b.srt", "b.txt"]
    captioned()
    settings = [option for option in again if option != "--overwrite"]
    assert (run("a.mp4", *ALL, *settings).code, captioned()) == (0, [])
    assert json.loads(content("a.json"))["text"] == "seen: new and longer"
    assert "seen: new and longer" in content("a.srt")


def test_formats_of_several_runs_are_all_withdrawn(run, videos, captioned, content, tmp_path):
    videos(a="word old")
    for name in ("text", "md", "csv"):  # those that come later are made from the journal
        assert run("a.mp4", "-o", "out/", "--format", name).code == 0
    assert captioned() == ["a.mp4"]
    videos(a="word renewed")
    assert run("a.mp4", "-o", "out/", "--format", "vtt").code == 0
    assert files_in(tmp_path / "out") == ["a.vtt"]


def test_files_under_another_name_are_withdrawn_too(run, videos, content, tmp_path):
    videos(clip="word old")
    assert run("clip.mp4", *TEXT).code == 0
    videos(clip="word renewed")
    (tmp_path / "clip.webm").write_text("word other")  # now they go by their full names
    assert run("clip.mp4", "clip.webm", *TEXT).code == 0
    assert files_in(tmp_path / "out") == ["clip.mp4.txt", "clip.webm.txt"]


def test_a_run_to_stdout_withdraws_what_its_journal_made_elsewhere(run, videos, captioned, content):
    videos(a="word old")
    given = ["--journal", "j.jsonl"]
    assert run("a.mp4", *TEXT, *given).code == 0
    videos(a="word renewed")
    assert run("a.mp4", *given).code == 0
    assert content("a.txt") is None
    captioned()
    assert (run("a.mp4", *TEXT, *given).code, captioned()) == (0, [])
    assert content("a.txt") == "seen: renewed\n"


def test_what_another_share_made_is_withdrawn(run, videos, captioned, content, tmp_path):
    names = videos(a="word old", b="word 2", c="word 3")
    for share in ("1/2", "2/2"):
        assert run(*names, *ALL, "--shard", share).code == 0
    videos(a="word renewed")
    captioned()
    assert (run(*names, *TEXT).code, captioned()) == (0, ["a.mp4"])
    assert [name for name in files_in(tmp_path / "out") if name.startswith("a.")] == ["a.txt"]
    for share in ("1/2", "2/2"):
        assert (run(*names, *ALL, "--shard", share).code, captioned()) == (0, [])
    assert json.loads(content("a.json"))["text"] == "seen: renewed"


def test_a_file_that_no_run_made_is_never_taken_away(run, videos, content, tmp_path):
    videos(a="word old")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.srt").write_text("by hand")
    assert run("a.mp4", "-o", "out/", "--format", "text,srt").code == 0
    (tmp_path / "out" / "a.md").write_text("by hand")
    videos(a="word renewed")
    assert run("a.mp4", "-o", "out/", "--format", "text,srt,md").code == 0
    assert [content(name) for name in ("a.txt", "a.srt", "a.md")] == ["seen: renewed\n", "by hand", "by hand"]
    outcome = run("a.mp4", "-o", "out/", "--format", "text,srt,md")
    assert told(outcome)[0] == (
        "a.mp4: no run made out/a.srt, out/a.md: kept; take it away to have it made of the caption"
    )


@pytest.mark.parametrize("share", [[], ["--shard", "1/1"], ["--overwrite"]])
def test_a_file_of_ones_own_under_a_name_that_a_run_gave_up_is_never_taken_away(run, videos, content, tmp_path, share):
    videos(a="word old")
    assert run("a.mp4", *ALL).code == 0
    videos(a="word renewed")
    assert run("a.mp4", *TEXT).code == 0
    (tmp_path / "out" / "a.srt").write_text("by hand")
    videos(a="word renewed once more")
    assert run("a.mp4", *TEXT, *share).code == 0
    assert (content("a.txt"), content("a.srt")) == ("seen: renewed once more\n", "by hand")


def test_files_that_a_new_result_leaves_as_they_were_are_told_of(run, videos, content, tmp_path):
    videos(a="word old")
    (tmp_path / "a.txt").write_text("by hand")
    assert told(run("a.mp4", "--sidecar", "--format", "text,srt"))[-1] == (
        "a.mp4: kept as before: a.txt; --overwrite makes all anew"
    )


def test_files_that_are_made_from_the_journal_are_told_of(run, videos, captioned):
    names = videos(a="word 1", b="word 2")
    run(*names, *TEXT)
    captioned()
    assert told(run(*names, *ALL))[-2:] == [
        "0 captioned, 0 failed, 2 skipped",
        "2 of them lacked files, which were made from the journal",
    ]
    assert captioned() == []


def test_what_is_called_like_no_result_is_never_taken_away(run, videos, tmp_path):
    videos(a="word old")
    assert run("a.mp4", *TEXT).code == 0
    journal = tmp_path / "out" / NAME
    journal.write_text(journal.read_text().replace('"a.txt"', json.dumps(str(tmp_path / "precious.mp4"))))
    (tmp_path / "precious.mp4").write_text("a video")
    videos(a="word renewed")
    run("a.mp4", "-o", "out/", "--format", "json")
    assert (tmp_path / "precious.mp4").exists()


def test_a_journal_of_an_older_version_has_made_the_files_that_are_asked_for(run, videos, captioned, content, tmp_path):
    videos(a="word old")
    assert run("a.mp4", *ALL).code == 0
    forget_files(tmp_path / "out" / NAME)
    captioned()
    assert (run("a.mp4", *ALL).code, captioned()) == (0, [])
    videos(a="word renewed")
    assert (run("a.mp4", "-o", "out/", "--format", "text,json").code, captioned()) == (0, ["a.mp4"])
    assert content("a.txt") == "seen: renewed\n"
    assert json.loads(content("a.json"))["text"] == "seen: renewed"
    assert "seen: old" in content("a.srt")  # of which nothing is known


@pytest.mark.parametrize("new", [[], ["--shard", "2/3"]], ids=["by the same", "by a share"])
def test_once_its_new_line_tells_files_a_video_of_an_older_version_has_these_alone(run, videos, content, tmp_path, new):
    videos(a="word old")
    assert run("a.mp4", *TEXT).code == 0
    forget_files(tmp_path / "out" / NAME)
    videos(a="word renewed")
    assert run("a.mp4", *TEXT, *new).code == 0
    assert content("a.txt") == "seen: renewed\n"
    (tmp_path / "out" / "a.srt").write_text("by hand")
    videos(a="word once more renewed")
    assert run("a.mp4", "-o", "out/", "--format", "text,srt").code == 0
    assert (content("a.txt"), content("a.srt")) == ("seen: once more renewed\n", "by hand")


# Journals that do not take a new result.


@pytest.mark.parametrize("trouble", ["moved", "full"])
def test_no_file_is_gone_for_a_result_that_the_journal_did_not_take(
    run, videos, captioned, content, tmp_path, monkeypatch, trouble
):
    videos(a="word old")
    assert run("a.mp4", *ALL).code == 0
    videos(a="word renewed")
    before = {name: content(name) for name in ("a.txt", "a.json", "a.srt")}

    def troubled(captioner, path, *rest):
        if trouble == "moved":
            os.rename(f"out/{NAME}", "moved")
        else:
            monkeypatch.setattr("lvspec_cli.batch.journal.append_whole", full)
        return attempt(captioner, path, *rest)

    def full(file, data, *, sync):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(local, "attempt", troubled)
        assert run("a.mp4", *TEXT).code == 1
    assert {name: content(name) for name in before} == before
    assert files_in(tmp_path / "out") == sorted(before)
    monkeypatch.undo()


# Other videos of the same name.


@pytest.fixture
def namesakes(tmp_path):
    """Two videos of one name in two folders."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "clip.mp4").write_text(f"word {folder}")
        os.utime(tmp_path / folder / "clip.mp4", ns=(0, len(os.listdir(tmp_path)) * 10**9))
    return tmp_path


@pytest.mark.parametrize("place", [["-o", "out/"], ["-o", "out/", "--shard", "1/1"], ["-r", "-o", "out/"]])
def test_a_video_whose_file_is_of_another_one_is_refused_and_both_are_named(
    run, namesakes, captioned, content, tmp_path, place
):
    inputs = ["one", "two"] if "-r" in place else ["one/clip.mp4", "two/clip.mp4"]
    assert run(inputs[0], *place).code == 0
    captioned()
    outcome = run(inputs[1], *place)
    assert (outcome.code, captioned()) == (2, [])
    assert told(outcome)[-1] == (
        f"error: two/clip.mp4 would be written to out/clip.txt, which was made of {tmp_path}/one/clip.mp4: "
        "choose another place, or take that file away"
    )
    assert content("clip.txt") == "seen: one\n"


def test_a_file_that_was_taken_away_is_free_for_another_video(run, namesakes, content):
    run("one/clip.mp4", *TEXT)
    os.unlink("out/clip.txt")
    assert run("two/clip.mp4", *TEXT).code == 0
    assert content("clip.txt") == "seen: two\n"
    assert run("one/clip.mp4", *TEXT).code == 2


def test_overwriting_takes_the_file_of_another_video_over(run, namesakes, content, tmp_path):
    run("one/clip.mp4", *TEXT)
    assert run("two/clip.mp4", *TEXT, "--overwrite").code == 0
    assert content("clip.txt") == "seen: two\n"
    (tmp_path / "one" / "clip.mp4").write_text("word renewed")
    assert run("one/clip.mp4", "-o", "out/", "--format", "json").code == 0
    assert content("clip.txt") == "seen: two\n"  # not the first one's any more


def test_a_video_that_was_moved_is_no_other_one(run, namesakes, captioned, content):
    run("one/clip.mp4", *TEXT)
    os.rename("one", "moved")
    captioned()
    outcome = run("moved/clip.mp4", *TEXT)
    assert (outcome.code, captioned()) == (0, [])
    assert "skipped: moved/clip.mp4: out/clip.txt exists" in outcome.err


# Lines that are damaged.


def test_a_video_of_a_damaged_line_keeps_its_files_and_is_done_again_without_them(
    run, videos, captioned, content, tmp_path
):
    names = videos(a="word 1", b="word 2")
    run(*names, *TEXT)
    journal = tmp_path / "out" / NAME
    *kept, last = journal.read_text().splitlines()
    journal.write_text("\n".join([*kept, last[:-9], ""]))
    captioned()
    outcome = run(*names, *TEXT)
    assert (outcome.code, captioned()) == (0, [])
    assert told(outcome)[0] == (
        "damaged lines in the journal: 1; a video that was in one is captioned again if its files are gone; files "
        "of unknown origin are kept: take them away to have them anew"
    )
    assert "skipped: b.mp4: out/b.txt exists" in outcome.err
    os.unlink("out/b.txt")
    assert (run(*names, *TEXT).code, captioned()) == (0, ["b.mp4"])


# Folders that are not there.


@pytest.mark.parametrize("name", ["gone", "gone/", "gone/deep", "two.words"])
def test_a_folder_that_is_not_there_is_refused_before_anything(run, videos, captioned, tmp_path, name):
    names = videos(a="1")
    outcome = run(*names, name, "-r", "-o", "out/")
    assert (outcome.code, captioned()) == (2, [])
    assert f"there is no folder {name}: name one that is there" in outcome.err
    assert not (tmp_path / "out").exists()


def test_a_video_that_is_not_there_fails_alone_also_among_folders(run, videos, captioned, tmp_path):
    names = videos(a="1")
    assert run(*names, "gone.mp4", "-r", "-o", "out/").code == 1
    assert captioned() == ["a.mp4"]
