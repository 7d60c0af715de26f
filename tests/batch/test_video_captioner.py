"""`VideoCaptioner` by itself: what Ray Data makes and calls, made and called without Ray."""

import json
import subprocess
import sys

import numpy as np
import pytest

from lvspec_cli.batch.ray import RESULT_COLUMNS, VideoCaptioner
from lvspec_cli.errors import LvspecError, UsageError

pytestmark = pytest.mark.usefixtures("loads")


@pytest.fixture
def captioner(tiny_preset):
    return VideoCaptioner(tiny_preset, max_tokens=8)


def test_errors_are_columns_and_the_other_columns_stay(captioner, clip, tmp_path):
    (tmp_path / "bad.mp4").write_text("no video")
    paths = [str(clip), str(tmp_path / "bad.mp4"), None, str(tmp_path / "gone.mp4"), str(clip)]
    batch = {"path": np.array(paths, dtype=object), "id": np.arange(5)}
    mapped = captioner(batch)
    assert list(mapped) == ["path", "id", *RESULT_COLUMNS]
    assert mapped["id"] is batch["id"]
    assert list(mapped["error_type"]) == ["", "not_a_video", "not_a_video", "not_found", ""]
    assert [bool(text) for text in mapped["text"]] == [True, False, False, False, True]
    assert all(isinstance(value, str) for name in RESULT_COLUMNS for value in mapped[name])
    assert mapped["error_message"][2] == "there is no path, but None"
    records = [json.loads(record) for record in mapped["record"]]
    assert [record["text"] for record in records] == [mapped["text"][0], None, None, None, mapped["text"][4]]
    assert records[3]["path"] == paths[3]


def test_a_name_that_is_no_text_gives_columns_that_are(captioner):
    mapped = captioner({"path": np.array([b"/gone\xff.mp4"])})
    assert list(mapped["error_type"]) == ["not_found"]
    for name in RESULT_COLUMNS:
        mapped[name][0].encode()


def test_questions_and_columns_of_other_names(tiny_preset, clip):
    captioner = VideoCaptioner(tiny_preset, "What is it?", column="video", max_tokens=8)
    record = json.loads(captioner({"video": np.array([str(clip)])})["record"][0])
    assert (record["question"], record["prompt"]) == ("What is it?", None)
    with pytest.raises(UsageError, match="no column 'video'"):
        captioner({"path": np.array([str(clip)])})


def test_an_empty_batch_stays_one(captioner):
    mapped = captioner({"path": np.array([], dtype=object)})
    assert [len(values) for values in mapped.values()] == [0] * 5


@pytest.mark.parametrize(
    "options", [{"preset": "nobodys"}, {"unknown": 1}, {"max_tokens": 0}, {"preset": "qwen2.5-vl-7b"}]
)
def test_what_concerns_all_videos_is_raised_at_once(tiny_preset, options):
    with pytest.raises(LvspecError):
        VideoCaptioner(**{"preset": tiny_preset, **options})


def test_the_class_is_there_without_ray():
    code = "import sys; sys.modules['ray'] = None; import lvspec_cli.batch.ray"
    subprocess.run([sys.executable, "-c", code], check=True)
