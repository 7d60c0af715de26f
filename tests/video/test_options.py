"""Options are judged before any file is touched, in the words of the command line."""

from __future__ import annotations

from typing import Any

import pytest

from lvspec_cli.errors import UsageError
from lvspec_cli.video.options import ReadOptions


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({"frame_count": 0}, "--frames"),
        ({"frame_count": -3}, "--frames"),
        ({"frame_count": 769}, "--max-frames"),
        ({"frame_count": None, "frames_per_second": 0.0}, "--fps"),
        ({"frame_count": None, "frames_per_second": float("nan")}, "--fps"),
        ({"frame_count": None, "frames_per_second": float("inf")}, "--fps"),
        ({"frame_count": 8, "frames_per_second": 1.0}, "--frames and --fps"),
        ({"frame_count": None}, "--frames and --fps"),
        ({"start_s": -1.0}, "--start"),
        ({"start_s": float("nan")}, "--start"),
        ({"end_s": 0.0}, "--end"),
        ({"start_s": 5.0, "end_s": 5.0}, "--end 5 must be later than --start 5"),
        ({"max_frames": 0}, "--max-frames"),
        ({"decoder": "opencv"}, "--decoder"),
        ({"source_fps": 0.0}, "--source-fps"),
        ({"deadline_seconds": 0.0}, "deadline"),
        ({"memory_limit_bytes": 0}, "memory limit"),
        ({"max_frame_pixels": 0}, "pixels"),
        ({"max_coded_pixels": 0}, "pixels"),
        ({"max_duration_s": -1.0}, "duration"),
    ],
)
def test_a_senseless_option_is_refused_by_its_name(options: dict[str, Any], flag: str) -> None:
    with pytest.raises(UsageError, match=flag) as caught:
        ReadOptions(**options)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_the_defaults_make_sense() -> None:
    options = ReadOptions()
    assert (options.frame_count, options.frames_per_second, options.decoder) == (8, None, "pyav")
