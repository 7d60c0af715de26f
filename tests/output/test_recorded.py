"""What is made of a record is, in every format, what was made of the caption itself."""

import io
import json
from dataclasses import replace

import pytest

from lvspec_cli.caption import Trouble
from lvspec_cli.output.formats import FORMATS
from lvspec_cli.output.json_text import json_text
from lvspec_cli.output.recorded import recorded
from tests.output.captions import FAILED, made

TROUBLE = Trouble("video_unreadable", "the disk fails")
WHOLE = made("a\tb\udcff.mp4", "A cat.\nIt sleeps.")
SEGMENTED = made("clip.mp4", "A cat.", (12.5, 30.0, "=A dog."), summary="Pets.", question="Who?")
BROKEN = replace(
    SEGMENTED,
    segments=(SEGMENTED.segments[0], replace(SEGMENTED.segments[1], text="", finish_reason=None, error=TROUBLE)),
    summary=None,
    trouble=TROUBLE,
)
RESULTS = {"whole": WHOLE, "segmented": SEGMENTED, "broken": BROKEN, "failed": FAILED}


def written(name, result):
    text = io.StringIO()
    writer = FORMATS[name](text, several=not FORMATS[name].holds_one, terminal=False)
    writer.write(result)
    writer.close()
    return text.getvalue()


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_the_same_of_a_record_as_of_the_result_itself(name, result):
    again = recorded(json.loads(json_text(result.as_record())))
    assert written(name, again) == written(name, result)
    assert (again.path, again.text, again.trouble) == (result.path, result.text, result.trouble)
