"""Our engine as a contender: what it throws dice for does not tie the clips together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lvspec_cli.bench.clips import BenchClip, make_clips
from lvspec_cli.bench.contenders import EngineContender, dice_seed, greedy_options
from lvspec_cli.decoding.looseness import Looseness
from lvspec_cli.models.pair import Pair, load_pair
from lvspec_cli.preset import load_preset


@pytest.fixture(scope="module")
def pair(tiny_preset: Path) -> Pair:
    return load_pair(load_preset(tiny_preset))


@pytest.fixture(scope="module")
def clip(pair: Pair, tiny_preset: Path) -> BenchClip:
    return make_clips(pair, load_preset(tiny_preset), range(1000, 1001))[0]


def test_the_dice_fall_otherwise_on_every_clip_and_the_same_in_every_run(pair: Pair, clip: BenchClip) -> None:
    # The pair agrees on next to nothing, so what is said is what the dice keep; the clips differ in their names alone.
    looseness = Looseness(min_probability=0.0, critical_words=(), random_share=0.5)
    contender = EngineContender(pair, greedy_options(pair, 40, "random", 4, looseness))
    clips = [replace(clip, name=f"seed {seed}") for seed in range(1000, 1008)]
    said = [contender(each).tokens for each in clips]
    assert len(set(said)) > 4
    assert [contender(each).tokens for each in clips] == said


def test_the_seed_of_a_clip_whose_name_is_no_unicode_is_a_seed(clip: BenchClip) -> None:
    assert 0 <= dice_seed(replace(clip, name="\udcff.mp4")) < 2**63
