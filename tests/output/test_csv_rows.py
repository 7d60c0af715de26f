"""CSV: rows that programs and spreadsheets read alike, and cells that run nowhere."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.caption import Failure, Request
from lvspec_cli.errors import NotAVideo
from lvspec_cli.output.csv_rows import COLUMNS, CsvWriter
from tests.output.captions import FAILED, made


def written(*results, terminal=False):
    stream = io.StringIO()
    writer = CsvWriter(stream, several=True, terminal=terminal)
    for result in results:
        writer.write(result)
    writer.close()
    return stream.getvalue()


def rows(*results):
    return [*csv.DictReader(io.StringIO(written(*results), newline=""))]


def test_there_is_one_header_and_a_row_for_each_segment():
    first, second, other = rows(made("a.mp4", (0.0, 2.5, "A cat."), (2.5, 4.1, "A dog.")), made("b.mp4", "A bird."))
    assert tuple(first) == COLUMNS
    assert (first["path"], first["kind"], first["start_s"], first["end_s"]) == ("a.mp4", "segment", "0.0", "2.5")
    assert (first["text"], first["finish_reason"], first["error"]) == ("A cat.", "stop", "")
    assert (second["start_s"], second["end_s"], second["text"]) == ("2.5", "4.1", "A dog.")
    assert (other["path"], other["prompt"], other["target"]) == ("b.mp4", "Describe it.", "some/target")


def test_a_summary_is_the_last_row_and_marked():
    *segments, summary = rows(made("a.mp4", "A cat.", "A dog.", summary="Pets."))
    assert [row["kind"] for row in segments] == ["segment", "segment"]
    assert (summary["kind"], summary["text"], summary["finish_reason"]) == ("summary", "Pets.", "length")
    assert (summary["start_s"], summary["end_s"]) == ("0.0", "20.0")


def test_a_summary_has_the_prompt_that_was_its_own():
    asked = {"summary": "Pets.", "summary_prompt": "Sum up {segments}"}
    assert [row["prompt"] for row in rows(made("a.mp4", "A cat.", "A dog.", **asked))] == [
        *["Describe it."] * 2,
        "Sum up {segments}",
    ]
    assert {row["prompt"] for row in rows(made("a.mp4", "Red.", "Blue.", question="Which?", **asked))} == {"Which?"}


def test_a_failure_has_a_row_with_its_error_and_no_text():
    failed, fine = rows(FAILED, made("a.mp4", "A cat."))
    assert (failed["path"], failed["kind"], failed["text"]) == ("gone.mp4", "failure", "")
    assert (failed["error_type"], failed["error"]) == ("not_found", "there is no file 'gone.mp4'")
    assert (fine["kind"], fine["error_type"], fine["error"]) == ("segment", "", "")


def test_a_question_stands_where_a_prompt_does():
    assert rows(made("a.mp4", "Red.", question="Which colour?"))[0]["prompt"] == "Which colour?"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(",\"\n'")))
def test_a_text_is_read_as_it_was_said_but_for_an_apostrophe_before_a_formula(text):
    (row,) = rows(made("a.mp4", text))
    assert row["text"] in (text, f"'{text}")


def test_lines_end_as_the_standard_says_and_texts_keep_theirs():
    assert written(made("a.mp4", 'A "cat",\nasleep.')).endswith(
        'a.mp4,segment,0.0,10.0,"A ""cat"",\nasleep.",stop,Describe it.,tiny,some/target,ar,,\r\n'
    )


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "- a list", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1", "=cmd|' /C calc'!A0"],
)
def test_what_a_spreadsheet_would_run_is_marked_as_text(text):
    failure = Failure.of(Request(text, None, text), NotAVideo(text))
    for row in rows(made(text, text), failure):
        for cell in row.values():
            assert not cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d"))


@pytest.mark.parametrize("text", ["\tcmd", "\rcmd", "\r\ncmd", "\ncmd"])
def test_no_cell_begins_with_a_tab_or_a_line_end(text):
    failure = Failure.of(Request(text, None, text), NotAVideo(text))
    for row in rows(made(text, text), failure):
        for cell in row.values():
            assert not cell.startswith(("\t", "\r", "\n"))


def test_control_characters_of_a_model_are_left_out_and_those_of_names_never_reach_a_terminal():
    assert rows(made("a.mp4", "A \x1b[31mred\x00 cat\r\n"))[0]["text"] == "A [31mred cat\n"
    assert rows(made("\x1b.mp4", "x"))[0]["path"] == "\x1b.mp4"
    assert "\x1b" not in written(made("\x1b.mp4", "x"), terminal=True)
