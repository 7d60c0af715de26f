"""What a trace is written with, documented with and read with is the same, though the report stands apart."""

import json
import re
from pathlib import Path

from lvspec_cli import report
from lvspec_cli.caption import TRACE_SCHEMA
from lvspec_cli.decoding.events import Fate, Origin, Refusal
from lvspec_cli.report.heat import MOST_FRAMES
from lvspec_cli.report.trace import KEPT, OWN, REFUSALS, VERDICTS
from lvspec_cli.report.wording import KINDS
from lvspec_cli.video.thumbnails import MOST_THUMBNAILS

LINES = json.loads((Path(__file__).parents[2] / "docs" / "trace.schema.json").read_text(encoding="utf-8"))["anyOf"]
ROUND = next(line["properties"] for line in LINES if line["properties"]["type"]["enum"] == ["round"])
PLACE = ROUND["places"]["items"]["properties"]


def values(kind):
    return {each.value for each in kind}


def test_the_report_knows_every_word_that_the_engine_has():
    assert set(VERDICTS) == values(Fate)
    assert set(REFUSALS) == values(Refusal)
    assert set(KEPT) == {origin.value for origin in Origin if origin.from_draft}
    assert set(OWN) == {origin.value for origin in Origin if not origin.from_draft}


def test_the_schema_documents_every_word_that_the_engine_has():
    assert set(PLACE["verdict"]["enum"]) == values(Fate)
    assert set(PLACE["refusal"]["enum"]) == {*values(Refusal), None}
    assert set(ROUND["next"]["properties"]["origin"]["enum"]) == set(OWN)
    assert {line["properties"]["schema"]["enum"][0] for line in LINES} == {TRACE_SCHEMA}


def test_the_page_has_words_for_all_of_them():
    assert {kind for kind, _ in KINDS} == {*KEPT, *OWN, "rejected"}
    script = (Path(report.__file__).parent / "template" / "panel.js").read_text(encoding="utf-8")
    told = re.search(r"const REFUSALS = {\n(.*?)};", script, re.DOTALL)[1]
    assert set(re.findall(r"^  (\w+):", told, re.MULTILINE)) == set(REFUSALS)


def test_pictures_are_written_of_as_many_frames_as_are_shown():
    assert MOST_THUMBNAILS == MOST_FRAMES
