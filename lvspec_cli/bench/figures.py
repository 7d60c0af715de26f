"""The figures of a row: speed, quality and looseness over all clips, with intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lvspec_cli.bench.arena import Measured
from lvspec_cli.bench.bootstrap import Estimate, Resamples
from lvspec_cli.bench.comparison import Run
from lvspec_cli.bench.quality import Quality
from lvspec_cli.bench.setting import Setting
from lvspec_cli.bench.tally import Tally


@dataclass(frozen=True)
class Speed:
    """How fast. Ratios are those of a clip, then the median over clips."""

    decode: Estimate | None  # times as fast as the reference a token, prefill excluded
    end_to_end: Estimate | None  # times as fast as the reference a caption, from the file to the last token
    seconds_per_token: Estimate | None  # s, decoding; median over clips
    seconds_per_caption: Estimate | None  # s, end to end; median over clips
    tokens_per_caption: Estimate | None  # mean over clips, a final stop token included: who says less is done sooner
    acceptance_length: Estimate | None  # tokens a round over all clips, the target's own included
    drafting_share: Estimate | None  # of the decode time over all clips; None where the contender does not tell


@dataclass(frozen=True)
class Faithfulness:
    """How good, against the truth where it is known and against the reference."""

    accuracy: Estimate | None  # share of the attributes named right; None where the truth is not known
    retention: Estimate | None  # that over the reference's on the same clips
    same_attributes: Estimate | None  # share of the attributes named as the reference names them
    token_agreement: Estimate | None  # with the reference, mean over clips, 0 to 1
    chrf: Estimate | None  # against the reference, mean over clips, 0 to 1
    equal_captions: int  # clips with the reference's answer, token for token


@dataclass(frozen=True)
class Looseness:
    """How much was let pass, and what it cost."""

    gap_nats_per_token: Estimate | None  # nats a token over all clips
    gap_nats_per_caption: Estimate | None  # nats, mean over clips
    loose_share: Estimate | None  # of all tokens
    shifted_share: Estimate | None  # of all tokens
    kept_mismatches: Estimate | None  # share of the judged mismatches that were kept; None if there were none
    loose_tokens: int
    shifted_tokens: int
    refusals: dict[str, int]  # why rounds kept no more of their draft -> rounds


@dataclass(frozen=True)
class Figures:
    """A row of the table."""

    setting: Setting
    speed: Speed
    faithfulness: Faithfulness
    looseness: Looseness | None  # None where the contender does not tell


def figures(measured: Measured, reference: Measured, resamples: Resamples) -> Figures:
    """Sum up what a setting did; ``reference``: on the same clips, whose number ``resamples`` was made for."""
    return Figures(
        measured.setting,
        _speed(measured.runs, reference.runs, resamples),
        _faithfulness(measured.qualities, reference.qualities, resamples),
        _looseness(measured.runs, resamples),
    )


def lead_in_same_attributes(one: Measured, other: Measured, resamples: Resamples) -> Estimate | None:
    """By how many more of the attributes, as a share, one names what the reference names than another does.

    On the same clips, so that what is hard about a clip for both does not widen the interval. None without a truth.
    """
    ours, theirs = (_counts([each.same for each in measured.qualities]) for measured in (one, other))
    if ours is None or theirs is None:
        return None
    asked = [len(each.same or ()) for each in one.qualities]
    return resamples.ratio([a - b for a, b in zip(ours, theirs, strict=True)], asked)


def kept_mismatches(runs: Sequence[Run]) -> float:
    """Share of the judged mismatches that were kept, over all runs; 0 if there were none."""
    tallies = _tallies(runs) or []
    mismatches = sum(each.mismatches for each in tallies)
    return sum(each.loosened_tokens for each in tallies) / mismatches if mismatches else 0.0


def _speed(runs: Sequence[Run], reference: Sequence[Run], resamples: Resamples) -> Speed:
    decode = [_ratio(b.seconds_per_token, a.seconds_per_token) for a, b in zip(runs, reference, strict=True)]
    tallies = _tallies(runs)
    return Speed(
        decode=resamples.median(decode),
        end_to_end=resamples.median([b.total_seconds / a.total_seconds for a, b in zip(runs, reference, strict=True)]),
        seconds_per_token=resamples.median([run.seconds_per_token for run in runs]),
        seconds_per_caption=resamples.median([run.total_seconds for run in runs]),
        tokens_per_caption=resamples.mean([len(run.tokens) for run in runs]),
        acceptance_length=resamples.ratio([len(run.tokens) for run in runs], [run.num_rounds for run in runs]),
        drafting_share=None
        if tallies is None
        else resamples.ratio([each.draft_seconds for each in tallies], [run.decode_seconds for run in runs]),
    )


def _faithfulness(qualities: Sequence[Quality], reference: Sequence[Quality], resamples: Resamples) -> Faithfulness:
    right, expected = _counts([each.right for each in qualities]), _counts([each.right for each in reference])
    same = _counts([each.same for each in qualities])
    asked = [len(each.right or ()) for each in qualities]
    return Faithfulness(
        accuracy=_quotient(resamples, right, asked),
        retention=_quotient(resamples, right, expected),
        same_attributes=_quotient(resamples, same, asked),
        token_agreement=resamples.mean([each.token_agreement for each in qualities]),
        chrf=resamples.mean([each.chrf for each in qualities]),
        equal_captions=sum(each.equal for each in qualities),
    )


def _looseness(runs: Sequence[Run], resamples: Resamples) -> Looseness | None:
    tallies = _tallies(runs)
    if tallies is None:
        return None
    tokens = [len(run.tokens) for run in runs]
    gaps = [each.gap_nats for each in tallies]
    loose, shifted = [each.loose_tokens for each in tallies], [each.shifted_tokens for each in tallies]
    return Looseness(
        gap_nats_per_token=resamples.ratio(gaps, tokens),
        gap_nats_per_caption=resamples.mean(gaps),
        loose_share=resamples.ratio(loose, tokens),
        shifted_share=resamples.ratio(shifted, tokens),
        kept_mismatches=resamples.ratio(
            [each.loosened_tokens for each in tallies], [each.mismatches for each in tallies]
        ),
        loose_tokens=sum(loose),
        shifted_tokens=sum(shifted),
        refusals=dict(sum((Counter(each.refusals) for each in tallies), Counter())),
    )


def _tallies(runs: Sequence[Run]) -> list[Tally] | None:
    """One a run; None if the contender does not tell."""
    tallies = [run.tally for run in runs if run.tally is not None]
    return tallies if len(tallies) == len(runs) else None


def _counts(marks: Sequence[dict[str, bool] | None]) -> list[float] | None:
    """How many marks are true, a clip; None if they are not known."""
    counts = [float(sum(each.values())) for each in marks if each is not None]
    return counts if len(counts) == len(marks) else None


def _quotient(resamples: Resamples, above: Sequence[float] | None, below: Sequence[float] | None) -> Estimate | None:
    return None if above is None or below is None else resamples.ratio(above, below)


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None
