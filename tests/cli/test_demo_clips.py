"""`lvspec demo clip` and `lvspec demo clips`."""

import json

import pytest


def test_without_a_length_a_clip_is_the_one_scene_of_its_seed(lvspec, tmp_path):
    assert lvspec("demo", "clip", "--seed", "5", "-o", "clip.mp4").code == 0
    truth = json.loads((tmp_path / "clip.json").read_text())
    assert (truth["schema"], truth["seed"], truth["duration_s"]) == ("lvspec.clip/1", 5, 4.0)


def test_a_clip_is_as_long_as_asked_for_and_may_replace_an_older_one(lvspec, tmp_path):
    for seconds, count in (("25", 3), ("4.5", 1)):
        outcome = lvspec("demo", "clip", "--seed", "5", "--seconds", seconds, "-o", "clip.mp4")
        assert (outcome.code, outcome.out) == (0, "")
        assert "wrote clip.mp4 and what happens in it as clip.json" in outcome.err
        truth = json.loads((tmp_path / "clip.json").read_text())
        assert (truth["schema"], truth["duration_s"]) == ("lvspec.clip/2", float(seconds))
        assert len(truth["scenes"]) == count


def test_many_clips_are_as_long_as_asked_for_and_share_no_scene(lvspec, tmp_path):
    outcome = lvspec("demo", "clips", "--count", "2", "--seed", "7", "--seconds", "14", "-o", "many")
    assert outcome.code == 0
    truths = [json.loads((tmp_path / "many" / f"clip-00000{seed}.json").read_text()) for seed in (7, 8)]
    assert [truth["duration_s"] for truth in truths] == [14.0, 14.0]
    assert len({scene["seed"] for truth in truths for scene in truth["scenes"]}) == 4


@pytest.mark.parametrize("seconds", ["0.5", "nan", "inf", "3601", "-3"])
@pytest.mark.parametrize(("command", "output"), [("clip", "clip.mp4"), ("clips", "many")])
def test_a_senseless_length_is_refused_before_anything_is_written(lvspec, tmp_path, seconds, command, output):
    outcome = lvspec("demo", command, "--seconds", seconds, "-o", output)
    assert outcome.code == 2
    assert "--seconds must be a number from 1 to 3600" in outcome.err
    assert list(tmp_path.iterdir()) == []
