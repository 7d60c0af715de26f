"""SubRip and WebVTT: cues with true times, and texts that no reader takes for anything but text."""

import html
import io
import re
import shutil
import subprocess

import pysubs2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.output import FORMATS
from lvspec_cli.output.sanitize import for_terminal, on_one_line
from lvspec_cli.output.timecode import clock, span_in_ms
from tests.output.captions import FAILED, made

SUBTITLES = pytest.mark.parametrize("name", ["srt", "vtt"])
JOINER = "\u2060"
HOSTILE = [
    "<i>tilted</i> <font size=99>big</font> <v Roger>voiced",
    "{\\an8}{\\pos(1,1)}moved {unclosed",
    "one\n\n2\n00:00:01,000 --> 00:00:02,000\ntwo",
    "one\r\n\r\n00:00:01.000 --> 00:00:02.000\r\ntwo",
    "from 00:00:01.500 to 00:00:02.500, and 01:02.25 to 1:2:3,4",
    "a --> b <-- c ->> d",
    "Tom & Jerry &lt;b&gt; &#60; &amp; &nbsp;",
    "line\\Nline\\hspace\\",
    "\x1b[31mred\x07 \u202ereversed\u2028line\x85line\x00\ufeff",
    "WEBVTT",
    "NOTE STYLE REGION",
    "7",
    "  12  ",
    "",
    " \n \n",
]
PIECES = [*HOSTILE, "-->", *"<>/i{}\\-\n\r&#;:,. 1"]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=8)


def written(name, caption, **changes):
    stream = io.StringIO()
    writer = FORMATS[name](stream, **{"several": False, "terminal": False} | changes)
    writer.write(caption)
    writer.close()
    return stream.getvalue()


def cues(name, text):
    return [(event.start, event.end, event.text) for event in pysubs2.SSAFile.from_string(text, format_=name)]


def bare(name, text):
    """What is left to compare of a text: escapes undone, look-alikes made alike."""
    text = html.unescape(text) if name == "vtt" else text
    return text.translate(str.maketrans("<>{}\\", "\u2039\u203a()/")).replace(JOINER, "")


@SUBTITLES
def test_there_is_a_cue_for_each_segment(name):
    text = written(name, made("a.mp4", (0.0, 2.5, "A cat."), (2.5, 4.0, "A dog.")))
    assert cues(name, text) == [(0, 2500, "A cat."), (2500, 4000, "A dog.")]


def test_subtitles_look_as_players_expect_them():
    caption = made("a.mp4", (0.0, 2.5, "A cat."), (2.5, 4.0, "A dog."))
    assert written("srt", caption) == (
        "1\n00:00:00,000 --> 00:00:02,500\nA cat.\n\n2\n00:00:02,500 --> 00:00:04,000\nA dog.\n\n"
    )
    assert written("vtt", caption) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\nA cat.\n\n00:00:02.500 --> 00:00:04.000\nA dog.\n"
    )


@SUBTITLES
def test_without_segments_there_is_one_cue_over_the_whole_video(name):
    assert cues(name, written(name, made("a.mp4", (0.0, 12.25, "A cat.\nIt sleeps.")))) == [
        (0, 12250, "A cat. It sleeps.")
    ]


@SUBTITLES
def test_the_video_that_failed_leaves_nothing(name):
    assert written(name, FAILED) == ""


@SUBTITLES
def test_a_summary_covers_no_cue(name):
    text = written(name, made("a.mp4", "A cat.", "A dog.", summary="Two --> pets\n\n00:00:00.000 --> 00:00:09.000\nx"))
    assert [cue[2] for cue in cues(name, text)] == ["A cat.", "A dog."]
    note = f"WEBVTT\n\nNOTE Two --&gt; pets 00:00:00.{JOINER}000 --&gt; 00:00:09.{JOINER}000 x\n\n00:00:00.000 --> "
    assert text.startswith(note if name == "vtt" else "1\n00:00:00,000 --> ")


@SUBTITLES
@given(texts=st.lists(TEXTS.map("".join), min_size=1, max_size=4))
def test_no_text_breaks_or_steers_the_cues(name, texts):
    text = written(name, made("a.mp4", *texts))
    assert [cue[:2] for cue in cues(name, text)] == [(10_000 * i, 10_000 * (i + 1)) for i in range(len(texts))]
    for (_, _, shown), said in zip(cues(name, text), texts, strict=True):
        assert bare(name, shown) == bare("srt", for_terminal(on_one_line(said))).strip()
        assert not set("{}\\<>") & set(shown)
    assert text.count("-->") == len(texts)
    plain = [event.plaintext for event in pysubs2.SSAFile.from_string(text, format_=name)]
    assert plain == [cue[2] for cue in cues(name, text)]  # no tag is taken out of it


@SUBTITLES
@pytest.mark.parametrize("texts", [HOSTILE, [""], ["A cat.", ""]], ids=["hostile", "empty", "empty at the end"])
def test_ffmpeg_reads_the_same_cues(name, texts, tmp_path):
    if shutil.which("ffmpeg") is None:
        pytest.skip("the program ffmpeg reads these files")
    path = tmp_path / f"x.{name}"
    path.write_text(written(name, made("a.mp4", *texts, summary="All.\n\nOf --> it.")), encoding="utf-8")
    read = subprocess.run(
        ["ffmpeg", "-v", "error", "-xerror", "-i", path, "-f", "ass", "-"], capture_output=True, check=True, text=True
    )
    assert read.stderr == ""
    lines = re.findall(r"^Dialogue: 0,([^,]*),([^,]*),(?:[^,]*,){6}(.*)$", read.stdout, re.MULTILINE)
    said = [bare("srt", for_terminal(on_one_line(text))).strip() for text in texts]
    # An empty cue shows nothing, and ffmpeg drops it.
    expected = [(clock(i * 10_000), clock((i + 1) * 10_000), text) for i, text in enumerate(said) if text]
    assert [(f"0{start}0", f"0{end}0", bare("srt", text)) for start, end, text in lines] == expected


@given(st.floats(0, 1e7), st.floats(0, 1e5))
def test_every_cue_lasts_and_its_times_are_true_to_the_millisecond(start, length):
    begin, end = span_in_ms(start, start + length)
    assert begin < end
    assert abs(begin - start * 1000) <= 0.5 + 1e-6
    assert abs(end - (start + length) * 1000) <= 1.5 + 1e-6


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (0, "00:00:00.000"),
        (59_999, "00:00:59.999"),
        (3_723_004, "01:02:03.004"),
        (359_999_999, "99:59:59.999"),
        (360_000_000, "100:00:00.000"),
    ],
)
def test_times_have_hours_of_two_digits_or_more(milliseconds, shown):
    assert clock(milliseconds) == shown


@SUBTITLES
@pytest.mark.parametrize(
    ("start", "end", "times"),
    [
        (1.0, 1.0, (1000, 1001)),
        (0.0004, 0.0006, (0, 1)),
        (59.9996, 60.0004, (60_000, 60_001)),
    ],
)
def test_no_cue_has_length_0_and_no_time_has_60_seconds(name, start, end, times):
    assert cues(name, written(name, made("a.mp4", (start, end, "x")))) == [(*times, "x")]


def test_cues_after_a_hundred_hours_are_read_by_ffmpeg(tmp_path):
    if shutil.which("ffmpeg") is None:
        pytest.skip("the program ffmpeg reads these files")
    for name in ("srt", "vtt"):
        path = tmp_path / f"x.{name}"
        path.write_text(written(name, made("a.mp4", (360_001.0, 360_002.5, "late"))), encoding="utf-8")
        probe = ["ffprobe", "-v", "error", "-show_entries", "packet=pts_time,duration_time", "-of", "csv=p=0", path]
        read = subprocess.run(probe, capture_output=True, check=True, text=True).stdout
        assert read.startswith("360001.000000,1.500000")


@SUBTITLES
def test_subtitles_on_a_terminal_have_no_escapes(name):
    assert "\x1b" not in written(name, made("a.mp4", "\x1b[31mred"), terminal=True)
