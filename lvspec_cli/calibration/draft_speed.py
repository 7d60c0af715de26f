"""How fast a pair decodes at each draft length: all lengths on the same videos, in turns, compared as ratios.

The speed of a machine drifts while it is measured, and videos differ by more than draft lengths do. So every video is
decoded at all lengths, each video beginning with another one, and a length counts by the median of its ratios.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lvspec_cli.calibration.evidence import Prompts
from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.models.pair import Pair
from lvspec_cli.models.prefill import prefill_pair
from lvspec_cli.preset import PruningSpec

DRAFT_LENGTHS = (2, 3, 4, 5, 6, 8, 10, 12, 14, 16)


def relative_speeds(
    pair: Pair, videos: Sequence[Prompts], options: DecodingOptions, pruning: PruningSpec
) -> dict[int, float]:
    """Draft length -> speed in parts of the mean over all lengths on the same video, the median over the videos.

    ``videos``: at least one; ``options``: all but the draft length; ``pruning``: of the draft's video tokens.
    """
    measure_speeds(pair, videos[0], options, pruning, DRAFT_LENGTHS)  # what is slow only once does not count
    measured = []
    for index, video in enumerate(videos):
        turn = index % len(DRAFT_LENGTHS)
        lengths = (*DRAFT_LENGTHS[turn:], *DRAFT_LENGTHS[:turn])
        measured.append(measure_speeds(pair, video, options, pruning, lengths))
    return median_ratios(measured)


def median_ratios(measured: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """Of videos' speeds at the same lengths (tokens/s), each in parts of its video's mean, the medians by length."""
    lengths = sorted(measured[0])
    speeds = np.array([[of_video[length] for length in lengths] for of_video in measured])
    medians = np.median(speeds / speeds.mean(axis=1, keepdims=True), axis=0)
    return dict(zip(lengths, medians.tolist(), strict=True))


def measure_speeds(
    pair: Pair, video: Prompts, options: DecodingOptions, pruning: PruningSpec, lengths: Sequence[int]
) -> dict[int, float]:
    """Draft length -> tokens/s on a video, measured in the order given, behind one prefill of both models."""
    target, draft = pair.target, pair.draft
    assert draft is not None  # the pair was loaded with its draft
    knowledge = pair.ready_for(options)
    reserve = options.max_tokens + max(lengths) + 1
    first = prefill_pair(target, draft, (video.target, video.draft), reserve, pruning).first_token
    starts = target.length, draft.length
    speeds = {}
    for length in lengths:
        target.rollback(starts[0])
        draft.rollback(starts[1])
        rounds = list(decode(target, draft, replace(options, draft_tokens=length), first, knowledge))
        tokens = sum(len(event.tokens) for event in rounds)
        speeds[length] = tokens / sum(event.round_seconds for event in rounds)
    return speeds
