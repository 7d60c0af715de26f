"""Where results go: what is asked for is checked first, and a file of a video is there whole or not at all."""

import errno
import json
import os
import stat

import pytest

from lvspec_cli.errors import LvspecError, UsageError
from lvspec_cli.output.naming import Source
from lvspec_cli.output.outlet import OutputOptions, outlet_for
from lvspec_cli.settings import environment_layer, flag_layer, resolve
from tests.output.captions import FAILED, made
from tests.output.outlets import outlet, tree, write


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("output", "formats", "chosen"),
    [
        (None, None, "text"),
        ("-", None, "text"),
        ("out.srt", None, "srt"),
        ("out.VTT", None, "vtt"),
        ("out.json", None, "json"),
        ("out.jsonl", None, "jsonl"),
        ("out.csv", None, "csv"),
        ("out.md", None, "md"),
        ("out.txt", None, "text"),
        ("out.log", None, "text"),
        ("out", None, "text"),
        ("out.srt", "json", "json"),
        ("out.srt", "text", "text"),
    ],
)
def test_the_name_of_the_file_tells_the_format_unless_its_user_does(output, formats, chosen):
    assert outlet(output=output, formats=formats).formats == (chosen,)


@pytest.mark.parametrize(
    ("output", "formats"), [("out.srt", ("srt",)), ("out.bin", ("csv",)), (None, ("csv",))], ids=str
)
def test_the_name_of_a_file_goes_before_a_format_from_elsewhere_than_the_flag(output, formats):
    settings = resolve([environment_layer({"LVSPEC_FORMAT": "csv"})])
    assert outlet_for(OutputOptions(output), settings, [Source("a.mp4")], several=False).formats == formats


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (
            {"formats": "jsno"},
            "--format must be one of text, .*, or several .*, not 'jsno'; did you mean 'json'",
        ),
        ({"formats": "srt,jsno", "output": "out/"}, "not 'jsno'"),
        ({"formats": "srt,json"}, "^several formats need a folder: -o FOLDER/, or --sidecar$"),
        ({"formats": "srt,json", "output": "-"}, "several formats need a folder"),
        ({"formats": "srt,json", "output": "out.json"}, "-o out.json looks like a file: end it with a slash"),
        (
            {"formats": "srt", "several": True},
            "srt holds one video, and there may be several: use -o FOLDER/, or --sid",
        ),
        ({"several": True, "output": "out.vtt"}, "vtt holds one video"),
        ({"sidecar": True, "output": "out"}, "--sidecar and -o exclude each other"),
        ({"sidecar": True, "output": "-"}, "--sidecar and -o exclude each other"),
        ({"output": ""}, "-o is empty"),
        ({"dry_run": True, "formats": "srt"}, "--dry-run cannot write srt: choose one of text, json, jsonl"),
        ({"dry_run": True, "output": "out.csv"}, "--dry-run cannot write csv"),
        ({"dry_run": True, "sidecar": True}, "--dry-run makes no files for single videos"),
        ({"dry_run": True, "output": "out/"}, "--dry-run makes no files for single videos"),
    ],
)
def test_what_does_not_fit_together_is_refused(given, complaint):
    with pytest.raises(UsageError, match=complaint):
        outlet(**given)


def test_several_formats_in_a_file_that_is_there_are_refused(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match="several formats need a folder, which -o out is not"):
        outlet(output="out", formats="srt,json")


@pytest.mark.parametrize("name", ["srt", "vtt"])
def test_subtitles_of_several_videos_go_to_several_files(name):
    write(outlet("a.mp4", "b.mp4", formats=name, output="out/"), made("a.mp4", "A."), made("b.mp4", "B."))
    assert tree("out") == [f"a.{name}", f"b.{name}"]


@pytest.mark.parametrize("output", ["there", "there/", "new/", "new/er/"])
def test_a_folder_is_one_that_is_there_or_ends_like_one(output):
    os.mkdir("there")
    write(outlet(output=output), made("clip.mp4", "A cat."))
    with open(os.path.join(output, "clip.txt")) as file:
        assert file.read() == "A cat.\n"


def test_several_formats_make_a_folder_of_a_new_name():
    write(outlet(output="a/new", formats="text,json,srt"), made("clip.mp4", "A cat."))
    assert tree("a/new") == ["clip.json", "clip.srt", "clip.txt"]
    with open("a/new/clip.json") as file:
        assert json.load(file)["text"] == "A cat."


def test_one_format_makes_a_file_of_a_new_name():
    write(outlet(output="new"), made("clip.mp4", "A cat."))
    assert tree() == ["new"]


def test_the_tree_of_the_input_folder_is_below_the_output_folder():
    paths = "in/a/x.mp4", "in/b/x.mp4", "in/y.mp4"
    write(outlet(*paths, base="in", output="out/", formats="text,json"), *(made(path, "A cat.") for path in paths))
    assert tree("out") == ["a/x.json", "a/x.txt", "b/x.json", "b/x.txt", "y.json", "y.txt"]


def test_sidecars_are_beside_their_videos():
    os.makedirs("in/a")
    write(outlet("in/a/x.mp4", "y.mp4", sidecar=True), made("in/a/x.mp4", "A cat."), made("y.mp4", "A dog."))
    assert tree() == ["in/a/x.txt", "y.txt"]


def test_a_file_of_a_video_is_as_if_it_were_the_only_one():
    write(outlet("a.mp4", "b.mp4", output="out/"), made("a.mp4", "A cat.\nIt sleeps."), made("b.mp4", "x", "y"))
    with open("out/a.txt") as a, open("out/b.txt") as b:
        assert a.read() == "A cat.\nIt sleeps.\n"
        assert b.read() == "00:00:00.000-00:00:10.000\tx\n00:00:10.000-00:00:20.000\ty\n"


def test_a_failed_video_leaves_no_file_and_no_folder():
    write(outlet("gone.mp4", output="out/", formats="text,json,csv,md,jsonl,srt,vtt"), FAILED)
    assert tree() == []
    assert not os.path.exists("out")


def test_files_that_are_there_stay_and_missing_ones_are_written():
    os.mkdir("out")
    with open("out/a.txt", "w") as file:
        file.write("mine")
    chosen = outlet("a.mp4", "b.mp4", output="out", formats="text,json")
    with chosen.open() as sink:
        assert [sink.reason_to_skip(path) for path in ("a.mp4", "b.mp4")] == ["", ""]
    write(chosen, made("a.mp4", "A cat."))
    with open("out/a.txt") as file:
        assert file.read() == "mine"
    assert tree("out") == ["a.json", "a.txt"]
    with chosen.open() as sink:
        said = "out/a.txt, out/a.json exist, from this video or another of its name; --overwrite makes it anew"
        assert sink.reason_to_skip("a.mp4") == said
        assert sink.reason_to_skip("b.mp4") == ""


def test_overwriting_makes_all_files_anew_and_keeps_no_link():
    os.mkdir("out")
    with open("precious", "w") as file:
        file.write("mine")
    os.symlink("../precious", "out/a.txt")
    chosen = outlet("a.mp4", output="out")
    write(chosen, made("a.mp4", "A cat."), replace=True)
    with open("out/a.txt") as file, open("precious") as precious:
        assert (file.read(), precious.read()) == ("A cat.\n", "mine")


def test_a_link_that_leads_nowhere_is_a_file_that_is_there():
    os.symlink("/nowhere/else", "a.txt")
    with outlet("a.mp4", sidecar=True).open() as sink:
        assert sink.reason_to_skip("a.mp4").startswith("a.txt exists, from ")
        sink.write(made("a.mp4", "A cat."))
    assert os.readlink("a.txt") == "/nowhere/else"


@pytest.mark.skipif(os.name == "nt", reason="file modes are others there")
def test_files_are_as_readable_as_other_files():
    write(outlet(output="out/"), made("clip.mp4", "A cat."))
    with open("other", "w"):
        pass
    assert stat.S_IMODE(os.stat("out/clip.txt").st_mode) == stat.S_IMODE(os.stat("other").st_mode)


def test_the_longest_file_name_is_none_too_long():
    name = "n" * 251 + ".mp4"
    write(outlet(name, output="out/"), made(name, "A cat."))
    assert tree("out") == ["n" * 251 + ".txt"]


@pytest.mark.parametrize("given", [{"output": "a.txt"}, {"sidecar": True}, {"output": "./"}, {"output": "link/"}])
def test_a_video_is_never_overwritten(tmp_path, given):
    (tmp_path / "a.txt").write_bytes(b"a video of an odd name")
    os.symlink(".", "link")
    with pytest.raises(UsageError, match=r"a.txt, where results would go, is one of the videos: name another place"):
        outlet("a.txt", formats="text", **given)


def test_a_video_is_not_overwritten_by_the_caption_of_another(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.md").write_bytes(b"a video of an odd name")
    sources = [Source("a.mp4"), Source("./out/a.md", base=".")]
    settings = resolve([flag_layer({"format": "md"})])
    with pytest.raises(UsageError, match=r"^out/a\.md, where results would go, is one of the videos"):
        outlet_for(OutputOptions("out"), settings, sources, several=True)


@pytest.mark.parametrize(("output", "named"), [("link.txt", "link.txt"), ("a.mp4", "a.mp4"), ("b", "b.partial")])
def test_a_video_is_not_written_through_a_link_and_not_where_a_file_grows(tmp_path, output, named):
    for name in ("a.mp4", "b.partial"):
        (tmp_path / name).write_bytes(b"a video")
    os.symlink("a.mp4", "link.txt")
    with pytest.raises(UsageError, match=f"^{named}, where results would go, is one of the videos"):
        outlet("a.mp4", "b.partial", formats="text", output=output)
    assert outlet("gone.txt", formats="text", output="gone.txt").place == "gone.txt"  # that video fails by itself


def test_results_may_go_to_stdout_while_a_file_of_that_name_is_a_video(tmp_path):
    (tmp_path / "-").write_bytes(b"")
    assert outlet("./-", output="-").place is None


def test_a_full_disk_costs_no_file_that_is_there(monkeypatch):
    os.mkdir("out")
    old = json.dumps(made("b.mp4", "old").as_record())
    with open("out/b.json", "w") as file:
        file.write(old)
    chosen = outlet("a.mp4", "b.mp4", output="out", formats="text,json")
    write(chosen, made("a.mp4", "A cat."))
    whole = tree("out")
    synced = []

    def fill(descriptor):
        synced.append(descriptor)
        if len(synced) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fill)
    with pytest.raises(LvspecError, match=r"^out/b\.json cannot be written: No space left on device"):
        write(chosen, made("b.mp4", "A dog."), replace=True)
    assert tree("out") == sorted([*whole, "b.txt"])
    with open("out/b.json") as file:
        assert file.read() == old


def test_a_folder_that_turns_into_a_file_meanwhile_is_an_error_and_no_defect():
    chosen = outlet("in/sub/clip.mp4", base="in", output="out/")
    with chosen.open() as sink:
        with open("out/sub", "w"):
            pass
        with pytest.raises(LvspecError, match="the folder out/sub cannot be made: File exists"):
            sink.write(made("in/sub/clip.mp4", "A cat."))


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({}, ""),
        ({"output": "-"}, ""),
        ({"output": "new.txt"}, "in new.txt.partial"),
        ({"output": os.devnull}, ""),
        ({"output": "out/"}, "in out/"),
        ({"sidecar": True}, "beside the videos"),
    ],
)
def test_an_interrupted_run_can_tell_where_its_results_are(given, where):
    with outlet(**given).open() as sink:
        assert sink.whereabouts == where
