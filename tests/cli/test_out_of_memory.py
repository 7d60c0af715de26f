"""Out of memory: what was needed is said, half of the frames are tried where that is allowed, other videos go on."""

from __future__ import annotations

import json

import pytest
import torch

from lvspec_cli import Captioner
from lvspec_cli.errors import OutOfMemory
from lvspec_cli.models.qwen2_5_vl import Qwen25VL


@pytest.fixture
def room_for(monkeypatch):
    """Let the real model run out of memory when it is shown more than so many frames."""
    encode, shown = Qwen25VL._encode_video, []

    def limit(frames):
        def encode_or_run_out(self, inputs):
            shown.append(len(inputs.times))
            if len(inputs.times) > frames:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return encode(self, inputs)

        monkeypatch.setattr(Qwen25VL, "_encode_video", encode_or_run_out)
        return shown

    return limit


@pytest.fixture
def shrinking(tiny_preset, loads):
    with Captioner.from_preset(tiny_preset, on_oom="shrink") as captioner:
        yield captioner


def test_half_of_the_frames_are_shown_and_it_is_recorded(shrinking, clip, room_for):
    shown = room_for(4)
    caption = shrinking.caption(clip, frames=8)
    assert shown[:2] == [8, 4]
    assert (caption.shrunk_from, len(caption.frame_times)) == (8, 4)
    record = caption.as_record()
    assert record["shrunk_frames"] == {"from": 8, "to": 4}
    assert record["settings"]["frames"] == 8
    assert record["error"] is None


def test_the_frames_are_chosen_anew_and_the_text_is_theirs(shrinking, clip, room_for):
    alone = shrinking.caption(clip, frames=4)
    room_for(4)
    shrunk = shrinking.caption(clip, fps=4)
    assert shrunk.frame_times == alone.frame_times
    assert shrunk.text == alone.text
    assert (alone.shrunk_from, alone.as_record()["shrunk_frames"]) == (None, None)


def test_a_shrunk_caption_begins_again(shrinking, clip, room_for):
    room_for(4)
    steps = list(shrinking.stream(clip, frames=8))
    stages = [step.stage for step in steps]
    assert stages.count("reading") == 2
    again = len(stages) - 1 - stages[::-1].index("reading")
    assert "".join(step.text for step in steps[again:]).strip() == steps[-1].caption.text


def test_memory_that_runs_out_while_decoding_is_met_in_the_same_way(shrinking, clip, monkeypatch):
    extend, calls = Qwen25VL.extend, []

    def run_out_once(self, tokens):
        calls.append(self)
        if len(calls) == 9:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return extend(self, tokens)

    expected = shrinking.caption(clip, frames=4).text
    monkeypatch.setattr(Qwen25VL, "extend", run_out_once)
    caption = shrinking.caption(clip, frames=8)
    assert (caption.shrunk_from, caption.text) == (8, expected)


def test_it_is_tried_once_only(shrinking, clip, room_for):
    shown = room_for(1)
    with pytest.raises(OutOfMemory, match=r"tokens of this video's 4 frames, which takes about \d+\.\d GiB of cpu"):
        shrinking.caption(clip, frames=8)
    assert shown == [8, 4]


def test_a_single_frame_cannot_be_halved(shrinking, clip, room_for):
    shown = room_for(0)
    with pytest.raises(OutOfMemory):
        shrinking.caption(clip, frames=1)
    assert shown == [1]


def test_without_leave_nothing_is_shrunk_and_the_way_is_named(tiny_preset, clip, room_for, loads):
    shown = room_for(4)
    with Captioner.from_preset(tiny_preset) as captioner, pytest.raises(OutOfMemory, match="--on-oom shrink") as caught:
        captioner.caption(clip, frames=8)
    assert shown == [8]
    assert caught.value.type_name == "out_of_memory"
    assert caught.value.frame_count == 8


def test_what_did_not_fit_leaves_no_memory_behind(tiny_preset, clip, loads, monkeypatch):
    with Captioner.from_preset(tiny_preset) as captioner:
        expected = captioner.caption(clip).text
        pair = captioner._pair
        with monkeypatch.context() as patch:
            patch.setattr(Qwen25VL, "extend", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("none left")))
            with pytest.raises(OutOfMemory):
                captioner.caption(clip, frames=16, max_tokens=500)
        assert (pair.target.cache.nbytes, pair.draft.cache.nbytes) == (0, 0)
        assert captioner.caption(clip).text == expected


def test_a_run_goes_on_and_says_what_it_did(caption, copies, room_for):
    room_for(4)
    outcome = caption(*copies("a.mp4", "b.mp4"), "--frames", "6", "--on-oom", "shrink", "--format", "jsonl")
    assert outcome.code == 0
    records = [json.loads(line) for line in outcome.out.splitlines()]
    assert [record["shrunk_frames"] for record in records] == [{"from": 6, "to": 3}] * 2
    assert "a.mp4: there was not enough memory for more than 3 of the 6 frames" in outcome.err


def test_a_video_that_does_not_fit_fails_alone(caption, clip, tmp_path, room_for):
    from PIL import Image

    Image.new("RGB", (56, 56)).save(tmp_path / "still.png")
    room_for(3)
    outcome = caption(clip, "still.png", "--format", "jsonl")
    assert outcome.code == 1
    failed, fine = map(json.loads, outcome.out.splitlines())
    assert failed["error"]["type"] == "out_of_memory"
    assert failed["shrunk_frames"] is None
    assert "GiB of cpu" in failed["error"]["message"]
    assert fine["error"] is None
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("place", ["variable", "file", "preset"])
def test_shrinking_is_a_setting_like_any_other(lvspec, clip, tiny_preset, tmp_path, monkeypatch, room_for, place):
    room_for(3)
    path = tmp_path / "own.yaml"
    path.write_text(tiny_preset.read_text() + ("on_oom: shrink\n" if place == "preset" else ""))
    if place == "variable":
        monkeypatch.setenv("LVSPEC_ON_OOM", "shrink")
    if place == "file":
        (tmp_path / "lvspec.toml").write_text('on_oom = "shrink"\n')
    record = json.loads(lvspec("caption", clip, "--preset", path, "--format", "json").out)
    assert record["shrunk_frames"] == {"from": 4, "to": 2}
