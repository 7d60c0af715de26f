"""`lvspec demo evaluate` and `lvspec demo train`."""

import json


def test_evaluate_scores_both_models_and_prints_json_alone_on_stdout(lvspec):
    outcome = lvspec("demo", "evaluate", "--clips", "1", "--seed", "5000", "-q")
    assert outcome.code == 0
    scores = json.loads(outcome.out)
    assert scores["target"]["clips"] == scores["draft"]["clips"] == 1
    assert scores["target"]["strict"]["captions_equal_to_target"] == 1
    assert set(scores["target"]["attributes"]) == set(scores["draft"]["attributes"])


def test_a_model_that_the_pair_does_not_have_cannot_be_trained(lvspec, tmp_path):
    outcome = lvspec("demo", "train", "teacher", "--run", str(tmp_path / "run"))
    assert outcome.code == 2
    assert outcome.err == "lvspec: error: 'teacher' is not a model of the pair: choose target or draft\n"
    assert not (tmp_path / "run").exists()


def test_evaluate_refuses_an_unknown_preset(lvspec):
    outcome = lvspec("demo", "evaluate", "--preset", "nothing")
    assert outcome.code == 2
    assert "there is no preset 'nothing'" in outcome.err
