"""What is measured of a video is what the judge of the engine will read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lvspec_cli.calibration.evidence import Prompts, measure_video
from lvspec_cli.decoding.looseness import Looseness, WatchedLayers
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.relevance import RelevanceJudge
from lvspec_cli.decoding.verification import Proposal, read_pass
from lvspec_cli.models.pair import Pair, load_pair
from lvspec_cli.preset import load_preset
from tests.models import tiny


@pytest.fixture(scope="module")
def pair(tiny_preset: Path) -> Pair:
    return load_pair(load_preset(tiny_preset))


def prompts(pair: Pair, seed: int) -> Prompts:
    target, draft = pair.prepare(tiny.video(seed=seed), tiny.even_times(4), "Describe it.")
    assert draft is not None
    return Prompts(target, draft)


@torch.inference_mode()
def judged(
    pair: Pair, video: Prompts, text: tuple[int, ...], looseness: Looseness, watched: WatchedLayers
) -> list[float]:
    """Relevance of a text as the engine reads it where the draft proposes all of it: [n]."""
    pair.target.watch(watched)
    first = pair.target.prefill(video.target)
    proposal = Proposal(torch.tensor(text), None)
    seen = read_pass(proposal, pair.target.extend(torch.tensor([first, *text])))
    pair.target.watch(None)
    relevance: list[float] = (
        RelevanceJudge(looseness, None, torch.device("cpu")).judge(proposal, seen).relevance.tolist()
    )
    return relevance


@pytest.mark.parametrize("who", ["draft", "both"])
def test_the_signals_are_what_the_judge_reads(pair: Pair, who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvspec_cli.calibration.evidence.SAMPLED_TEXTS", 0)
    video, layers = prompts(pair, 0), pair.target.layer_count
    looseness = Looseness(judged=who, nearest=3)
    options = DecodingOptions(max_tokens=12, looseness=looseness)
    evidence = measure_video(pair, video, [prompts(pair, 1)], options)
    cosine = Looseness(relevance="cosine", judged=who)
    expected = judged(pair, video, evidence.tokens, cosine, WatchedLayers((), 2 * layers // 3, 3))
    assert len(evidence.tokens) > 1
    assert evidence.cosine == pytest.approx(expected, abs=1e-5)
    attention = judged(pair, video, evidence.tokens, Looseness(judged=who), WatchedLayers((1,)))
    assert evidence.attention[1] == pytest.approx(attention, abs=1e-5)
    assert len(evidence.dependence) == len(evidence.largest) == len(evidence.tokens)


def test_what_is_judged_makes_a_difference(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lvspec_cli.calibration.evidence.SAMPLED_TEXTS", 0)
    draft, both = (
        measure_video(
            pair, prompts(pair, 0), [prompts(pair, 1)], DecodingOptions(max_tokens=12, looseness=Looseness(judged=who))
        )
        for who in ("draft", "both")
    )
    assert draft.tokens == both.tokens
    assert draft.cosine != both.cosine
    assert all(one <= other for one, other in zip(draft.cosine, both.cosine, strict=True))


def test_the_same_video_in_its_place_moves_nothing(pair: Pair) -> None:
    evidence = measure_video(pair, prompts(pair, 0), [prompts(pair, 0)], DecodingOptions(max_tokens=12))
    assert max(evidence.largest) == pytest.approx(0, abs=1e-4)
