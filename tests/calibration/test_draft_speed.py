"""Draft lengths are compared as they will be used, in turns, and no odd video decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lvspec_cli.calibration import draft_speed
from lvspec_cli.calibration.draft_speed import DRAFT_LENGTHS, measure_speeds, median_ratios, relative_speeds
from lvspec_cli.calibration.evidence import Prompts
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.models.pair import Pair, load_pair
from lvspec_cli.preset import PruningSpec, load_preset
from tests.models import tiny

NO_PRUNING = PruningSpec()


@pytest.fixture(scope="module")
def pair(tiny_preset: Path) -> Pair:
    return load_pair(load_preset(tiny_preset))


def prompts(pair: Pair) -> Prompts:
    target, draft = pair.prepare(tiny.video(), tiny.even_times(4), "Describe it.")
    assert draft is not None
    return Prompts(target, draft)


def test_one_odd_video_decides_nothing() -> None:
    usual, slow_machine, odd = {2: 10.0, 4: 12.0}, {2: 1.0, 4: 1.2}, {2: 500.0, 4: 1.0}
    speeds = median_ratios([usual, slow_machine, usual, odd, slow_machine])
    assert speeds == pytest.approx({2: 10 / 11, 4: 12 / 11})


def test_every_length_takes_every_turn_and_the_first_time_does_not_count(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[tuple[int, ...]] = []

    def measured(pair: Any, video: Any, options: Any, pruning: Any, lengths: tuple[int, ...]) -> dict[int, float]:
        turns.append(lengths)
        return dict.fromkeys(lengths, 1.0) if len(turns) > 1 else {length: float(length) for length in lengths}

    monkeypatch.setattr(draft_speed, "measure_speeds", measured)
    speeds = relative_speeds(pair, [prompts(pair)] * len(DRAFT_LENGTHS), DecodingOptions(), NO_PRUNING)
    assert speeds == pytest.approx(dict.fromkeys(DRAFT_LENGTHS, 1.0))
    assert all(set(turn) == set(DRAFT_LENGTHS) for turn in zip(*turns[1:], strict=True))
    assert 2 in DRAFT_LENGTHS


@pytest.mark.parametrize("lengths", [(2, 5, 3), (8, 2)])
def test_every_length_decodes_behind_the_prompt_alone(
    pair: Pair, lengths: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: dict[int, list[int]] = {}
    starts: set[tuple[int, int]] = set()

    def recorded(target: Any, draft: Any, options: DecodingOptions, *given: Any) -> Any:
        starts.add((target.length, draft.length))
        rounds = list(decode(target, draft, options, *given))
        said[int(options.draft_tokens)] = [token.id for event in rounds for token in event.tokens]
        return rounds

    decode = draft_speed.decode
    monkeypatch.setattr(draft_speed, "decode", recorded)
    speeds = measure_speeds(pair, prompts(pair), DecodingOptions(method="strict", max_tokens=12), NO_PRUNING, lengths)
    assert min(speeds.values()) > 0
    assert tuple(said) == tuple(speeds) == lengths
    assert len(starts) == 1
    assert said[lengths[0]]
    assert all(each == said[lengths[0]] for each in said.values())  # strict says the same at any length


def test_the_draft_is_timed_on_what_the_pruning_leaves_of_the_video(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pair.draft is not None
    lengths: list[int] = []
    decode, draft = draft_speed.decode, pair.draft

    def noted(*given: Any) -> Any:
        lengths.append(draft.length)
        return decode(*given)

    monkeypatch.setattr(draft_speed, "decode", noted)
    video = prompts(pair)
    for pruning in (NO_PRUNING, PruningSpec("uniform", keep=0.25)):
        measure_speeds(pair, video, DecodingOptions(method="strict", max_tokens=4), pruning, (2,))
    assert lengths[0] - lengths[1] == video.draft.video_tokens - round(video.draft.video_tokens * 0.25)
